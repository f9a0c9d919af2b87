"""A pipeline that is killed leaves no process behind, wherever it stood."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.at_home.meltano_project import Project
    from tests.at_home.tap_runs import TapRuns

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open") or not Path("/proc").exists(),
    reason="Looks for processes in /proc, which only Linux has.",
)

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
GONE_SECONDS = 5
MARK = "KILL_TEST_MARK"
LATENCIES = (0.02, 0.3, 1.0, 3.0)


def _marked(mark: str) -> dict[int, str]:
    """The command of every process that has inherited a mark, by its id."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if command:  # a zombie has none
                    found[int(process.name)] = command
        except OSError:
            continue  # it is gone, or somebody else's
    return found


def _left_after(seconds: float, mark: str) -> dict[int, str]:
    """The marked processes that do not end within so many seconds; they are killed then."""
    deadline = time.monotonic() + seconds
    with ExitStack() as opened:
        for process in _marked(mark):
            try:
                ended = os.pidfd_open(process)
            except ProcessLookupError:
                continue
            opened.callback(os.close, ended)
            select.select([ended], [], [], max(deadline - time.monotonic(), 0))
    left = _marked(mark)
    for process in left:
        os.kill(process, signal.SIGKILL)
    return left


@pytest.fixture
def site() -> Iterator[Sandbox]:
    """A merchant whose history takes some seconds to read."""
    with Sandbox(accounts=120, days=365, per_minute=100_000) as sandbox:
        yield sandbox


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [200])
def test_a_killed_meltano_leaves_neither_tap_nor_target(
    kills: int, site: Sandbox, project: Project, tmp_path: Path
) -> None:
    """SIGKILL strikes `meltano run` at any moment: five seconds later nothing of it is there."""
    chance = random.Random(kills)  # noqa: S311  (the same moments every time)
    left: list[dict[int, str]] = []
    for number in range(kills):
        mark = uuid.uuid4().hex
        site.recurly.network.latency = chance.choice(LATENCIES)
        variables = {
            MARK: mark,
            "MELTANO_DATABASE_URI": f"sqlite:///{tmp_path}/{number}.db",
            "MELTANO_STATE_BACKEND_URI": (tmp_path / f"state{number}").as_uri(),
            "TARGET_KLAVIYO_REJECTS_PATH": str(tmp_path / "rejected.singer"),
        }
        run = subprocess.Popen(
            [BIN / "meltano", "run", "tap-recurly", "target-klaviyo"],
            cwd=ROOT,
            env=project.environment | project.keys(site) | variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            run.wait(timeout=chance.uniform(3, 15))
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
        if processes := _left_after(GONE_SECONDS, mark):
            left.append(processes)
    assert not left, f"{len(left)} of {kills} kills left processes: {left[:3]}"


@pytest.mark.parametrize("latency", LATENCIES)
def test_a_tap_whose_reader_is_gone_ends_soon(
    latency: float, site: Sandbox, tap_runs: Callable[..., TapRuns], project: Project
) -> None:
    """However slowly Recurly answers, the tap ends within seconds once nobody reads it."""
    taps = tap_runs(site)
    # One request per account, so that little is written between two answers.
    selected = {"account_balances", "invoices"}
    taps.write(taps.catalog(selected))
    site.recurly.network.latency = latency
    mark = uuid.uuid4().hex
    with (
        (taps.folder / "tap.log").open("wb") as log,
        subprocess.Popen(
            [BIN / "tap-recurly", "--config", "ENV", "--catalog", "catalog.json"],
            cwd=taps.folder,
            env=project.environment | project.keys(site) | {MARK: mark},
            stdout=subprocess.PIPE,
            stderr=log,
        ) as tap,
    ):
        assert tap.stdout is not None
        tap.stdout.readline()
        tap.stdout.close()
        assert _left_after(GONE_SECONDS, mark) == {}, (taps.folder / "tap.log").read_text()
