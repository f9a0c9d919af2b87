"""The main job, by the real `meltano` and the real commands, from Recurly to Klaviyo."""

from __future__ import annotations

import json
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Meltano, Pipeline

    Check = Callable[[Sandbox], None]

JOB = ("run", "tap-recurly", "target-klaviyo")
LIVE_WINDOW = timedelta(days=3)
MAX_LINES = 14


@pytest.fixture
def merchant() -> Sandbox:
    """A small merchant with half a year of history, ten days behind the present.

    Its invoices embed few line items, so that some have to be completed.
    """
    return Sandbox(accounts=60, days=180, seed=7, behind=timedelta(days=10), embedded_line_items=3)


def test_history_comes_whole_and_changes_follow(
    merchant: Sandbox, meltano: Callable[[Sandbox], Meltano], assert_sides_agree: Check
) -> None:
    """The first run brings all history without e-mails, the next one what changed, once each."""
    with merchant as sandbox:
        project = meltano(sandbox)
        first = project.run(*JOB)
        assert first.returncode == 0, first.stdout
        assert_sides_agree(sandbox)
        assert sandbox.klaviyo.flows_triggered == []

        sandbox.advance(timedelta(days=10))
        second = project.run(*JOB)
        assert second.returncode == 0, second.stdout
        _is_brief(second.stdout)
        assert_sides_agree(sandbox)
        live_since = (sandbox.clock.now() - LIVE_WINDOW).timestamp() - 60
        assert sandbox.klaviyo.flows_triggered
        assert all(flow.time >= live_since for flow in sandbox.klaviyo.flows_triggered)


def _is_brief(log: str) -> None:
    """What was read, what was sent, what needs attention: less than Meltano says itself."""
    ours = [line for line in log.splitlines() if "] tap-" in line or "] target-" in line]
    assert len(ours) <= MAX_LINES, "\n".join(ours)
    assert any(" Read " in line and " invoices, " in line for line in ours)
    assert any("Klaviyo took" in line for line in ours)


def test_a_job_killed_at_random_moments_and_repeated_loses_and_doubles_nothing(
    merchant: Sandbox, meltano: Callable[[Sandbox], Meltano], assert_sides_agree: Check
) -> None:
    """A `meltano run` killed again and again leaves, once it ends, exactly what is expected."""
    chance = random.Random(3)  # noqa: S311  (the same moments every time)
    with merchant as sandbox:
        sandbox.recurly.network.latency = sandbox.klaviyo.network.latency = 0.1
        project = meltano(sandbox)
        for _ in range(2):
            project.run_and_kill(*JOB, "--force", after=chance.uniform(3.0, 7.0))
        last = project.run(*JOB, "--force")
        assert last.returncode == 0, last.stdout
        assert_sides_agree(sandbox)


def _survives_kills(
    sandbox: Sandbox, pipeline: Pipeline, *, kills: int, seed: int, longest: float
) -> None:
    chance = random.Random(seed)  # noqa: S311  (the same moments every time)
    interrupted = 0
    deadline = time.monotonic() + 40 * kills
    while interrupted < kills and time.monotonic() < deadline:
        pipeline.start()
        interrupted += pipeline.kill_after(chance.uniform(0.5, longest))
        sandbox.advance(timedelta(hours=8))
    pipeline.start()
    assert pipeline.finish() == (0, 0), (pipeline.folder / "target.log").read_text()


def test_killed_commands_lose_and_double_nothing_while_the_merchant_lives_on(
    merchant: Sandbox, pipeline: Callable[[Sandbox], Pipeline], assert_sides_agree: Check
) -> None:
    """Commands killed while the merchant's life goes on end with exactly what is expected."""
    with merchant as sandbox:
        sandbox.recurly.network.latency = sandbox.klaviyo.network.latency = 0.05
        _survives_kills(sandbox, pipeline(sandbox), kills=3, seed=5, longest=3.0)
        assert_sides_agree(sandbox)


def test_an_audit_names_what_is_missing_and_a_repair_brings_it_back(
    merchant: Sandbox,
    meltano: Callable[[Sandbox], Meltano],
    assert_sides_agree: Check,
    tmp_path: Path,
) -> None:
    """Through Meltano: the audit fails on lost events, repair sends just those, all agrees."""
    unmoved = ("--full-refresh", "--no-state-update")
    report = tmp_path / "audit.html"
    with merchant as sandbox:
        project = meltano(sandbox)
        assert project.run(*JOB).returncode == 0
        state = project.kept_state()
        assert "transactions" in state
        lost = sorted(sandbox.ledger.events(sandbox.clock.now()))[::50]
        assert sandbox.klaviyo.delete_events(lost) == len(lost) > 3

        audit = project.run("run", *unmoved, "audit", TARGET_KLAVIYO_REPORT_PATH=str(report))
        assert audit.returncode == 1, audit.stdout
        named = json.loads(report.with_suffix(".json").read_text())
        assert named["totals"]["missing"] == len(lost)

        repair = project.run("run", *unmoved, "repair", TARGET_KLAVIYO_REPORT_PATH=str(report))
        assert repair.returncode == 0, repair.stdout
        assert json.loads(report.with_suffix(".json").read_text())["agrees"]
        assert_sides_agree(sandbox)
        assert project.kept_state() == state


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_kills_lose_and_double_nothing(
    seed: int, pipeline: Callable[[Sandbox], Pipeline], assert_sides_agree: Check
) -> None:
    """Twenty kills on each of ten merchants: exactly the expected events and profiles remain."""
    with Sandbox(
        accounts=120, days=365, seed=seed, behind=timedelta(days=20), embedded_line_items=3
    ) as sandbox:
        sandbox.recurly.network.latency = sandbox.klaviyo.network.latency = 0.05
        _survives_kills(sandbox, pipeline(sandbox), kills=20, seed=seed, longest=4.0)
        assert_sides_agree(sandbox)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
def test_a_large_merchants_history_stays_in_little_memory(
    pipeline: Callable[[Sandbox], Pipeline], assert_sides_agree: Check
) -> None:
    """Over 10,000 accounts' history each process stays below 200 MB."""
    with Sandbox(accounts=10_000, days=365, klaviyo={"limits": False}) as sandbox:
        commands = pipeline(sandbox)
        commands.start(measured=True)
        assert commands.finish() == (0, 0), (commands.folder / "target.log").read_text()
        peaks = commands.peak_megabytes()
        assert peaks.keys() == {"tap-recurly", "target-klaviyo"}
        assert max(peaks.values()) < 200, peaks
        assert_sides_agree(sandbox)
