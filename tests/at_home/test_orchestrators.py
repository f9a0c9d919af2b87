"""The orchestrators' examples, run by the orchestrators themselves: one process per site."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.at_home.meltano_project import Project

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900)]

EXAMPLES = Path(__file__).parents[2] / "examples"
BIN = Path(sys.executable).parent
DAGSTER = ("dagster==1.13.29",)
AIRFLOW = ("apache-airflow==3.3.2",)


@pytest.fixture
def sites() -> Iterator[dict[str, Sandbox]]:
    """Two merchants, each with a Klaviyo account of its own."""
    kept = timedelta(days=10)
    with (
        Sandbox(accounts=30, days=90, behind=kept) as one,
        Sandbox(accounts=30, days=90, behind=kept, seed=2) as other,
    ):
        yield {"us": one, "eu": other}


@pytest.fixture
def home(sites: dict[str, Sandbox], project: Project, tmp_path: Path) -> dict[str, str]:
    """What an orchestrator's environment holds: where the sites' projects are, and no key."""
    told = {}
    for site, sandbox in sites.items():
        folder = tmp_path / site
        folder.mkdir()
        type(project)(folder).write(
            {
                "extractors": [project.definition("tap-recurly")],
                "loaders": [project.definition("target-klaviyo")],
            }
        )
        lines = [f"{name}={value}\n" for name, value in project.keys(sandbox).items()]
        (folder / ".env").write_text("".join(lines))
        told[site] = {"project": str(folder)}
    (tmp_path / "sites.json").write_text(json.dumps(told))
    return project.environment | {
        "RECURLY_SITES": str(tmp_path / "sites.json"),
        "HOME": str(tmp_path),
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


def _assert_run(command: list[str | Path], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        env=environment,
        cwd=environment["HOME"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def _assert_everything_is_there(sandbox: Sandbox) -> None:
    expected = sandbox.ledger.events(sandbox.clock.now()).keys()
    assert {event.unique_id for event in sandbox.klaviyo.events()} == expected


def test_dagster_runs_a_job_per_site(
    sites: dict[str, Sandbox], home: dict[str, str], environment: Callable[..., Path]
) -> None:
    """Dagster itself carries out each site's job, and has a schedule for each."""
    programs = environment(*DAGSTER)
    home["PATH"] = f"{programs}:{BIN}:{os.environ['PATH']}"
    example = EXAMPLES / "dagster" / "recurly_to_klaviyo.py"
    for site, sandbox in sites.items():
        job = f"recurly_{site}_to_klaviyo"
        _assert_run([programs / "dagster", "job", "execute", "-f", example, "-j", job], home)
        _assert_everything_is_there(sandbox)
    listed = _assert_run([programs / "dagster", "schedule", "list", "-f", example], home)
    assert listed.count("Cron Schedule: @hourly") == len(sites)


def test_a_job_that_fails_says_why(home: dict[str, str], environment: Callable[..., Path]) -> None:
    """A wrong key fails Dagster's run with the tap's sentence."""
    programs = environment(*DAGSTER)
    home |= {"PATH": f"{programs}:{BIN}:{os.environ['PATH']}", "TAP_RECURLY_API_KEY": "wrong"}
    example = EXAMPLES / "dagster" / "recurly_to_klaviyo.py"
    done = subprocess.run(
        [programs / "dagster", "job", "execute", "-f", example, "-j", "recurly_us_to_klaviyo"],
        env=home,
        cwd=home["HOME"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "API key" in done.stderr


def test_airflow_runs_a_dag_per_site(
    sites: dict[str, Sandbox], home: dict[str, str], environment: Callable[..., Path]
) -> None:
    """Airflow itself carries out each site's DAG."""
    programs = environment(*AIRFLOW)
    home["PATH"] = f"{programs}:{BIN}:{os.environ['PATH']}"
    _assert_run([programs / "airflow", "db", "migrate"], home)
    for site, sandbox in sites.items():
        _assert_run([programs / "airflow", "dags", "test", f"recurly_{site}_to_klaviyo"], home)
        _assert_everything_is_there(sandbox)
