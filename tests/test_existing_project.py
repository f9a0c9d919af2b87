"""The plugins in a Meltano project that was there before, and each product by plain pip."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from recurly_klaviyo_sandbox.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
MELTANO = Path(sys.executable).with_name("meltano")

PROJECT = """
project_id: somebody-elses-project
default_environment: dev
send_anonymous_usage_stats: false
environments: [{name: dev}]
INCLUDED
plugins:
  loaders:
  - name: target-jsonl
    namespace: target_jsonl
    pip_url: target-jsonl
    settings: [{name: destination_path}]
    config: {destination_path: rows}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's Meltano project that includes the plugins as the README says."""
    folder = tmp_path_factory.mktemp("project")
    made = shutil.ignore_patterns(".*", "output", "__pycache__")
    shutil.copytree(ROOT, folder / "recurly-to-klaviyo", ignore=made)
    included = re.search(
        r"### In a Meltano project you already have.*?```yaml\n(.*?)```",
        (ROOT / "README.md").read_text(),
        flags=re.DOTALL,
    )
    assert included is not None
    (folder / "meltano.yml").write_text(PROJECT.replace("INCLUDED", included[1]))
    (folder / "rows").mkdir()
    return folder


def _run(project: Path, sandbox: Sandbox, *blocks: str) -> None:
    """Run blocks with the keys and settings that a user would put into the environment."""
    done = subprocess.run(
        [MELTANO, "run", *blocks],
        cwd=project,
        env={
            **os.environ,
            "TAP_RECURLY_API_KEY": sandbox.recurly.api_key,
            "TAP_RECURLY_API_URL": sandbox.recurly_url,
            "TARGET_KLAVIYO_API_KEY": sandbox.klaviyo.api_key,
            "TARGET_KLAVIYO_API_URL": sandbox.klaviyo_url,
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_plugins_fit_into_a_project_that_was_there_before(project: Path) -> None:
    """Included as the README says, the plugins bring every event, and the audit agrees."""
    with Sandbox(accounts=30, days=120) as sandbox:
        _run(project, sandbox, "tap-recurly", "target-klaviyo")
        expected = sandbox.ledger.events(sandbox.clock.now()).keys()
        assert {event.unique_id for event in sandbox.klaviyo.events()} == expected
        _run(project, sandbox, "--full-refresh", "--no-state-update", "audit")


def test_the_same_rows_go_to_any_other_target(project: Path) -> None:
    """In another project, tap and mapper write the rows of all metrics to JSON lines files."""
    with Sandbox(accounts=30, days=120) as sandbox:
        _run(
            project, sandbox, "--full-refresh", "tap-recurly", "recurly-to-klaviyo", "target-jsonl"
        )
        expected = sandbox.ledger.events(sandbox.clock.now()).keys()
    rows = [json.loads(line) for line in _lines(project, "events")]
    assert {row["unique_id"] for row in rows} == expected
    assert len(_lines(project, "profiles")) == 30


def _lines(folder: Path, stream: str) -> list[str]:
    (written,) = (folder / "rows").glob(f"{stream}-*.jsonl")
    return written.read_text().splitlines()


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("product", "command"),
    [
        ("tap-recurly", "tap-recurly"),
        ("transform", "recurly-to-klaviyo"),
        ("target-klaviyo", "target-klaviyo"),
    ],
)
def test_each_product_installs_alone(product: str, command: str, tmp_path: Path) -> None:
    """Plain pip installs a product into an empty environment, and its command runs there."""
    venv.create(tmp_path, with_pip=True)
    subprocess.run([tmp_path / "bin/pip", "install", "--quiet", ROOT / product], check=True)
    about = subprocess.run(
        [tmp_path / "bin" / command, "--about", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(about.stdout)["name"] == command
