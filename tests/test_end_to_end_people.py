"""People who keep changing who they are, from Recurly to Klaviyo, judged by the books."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.witness import Witness

from recurly_klaviyo_sandbox.business import RESTLESS
from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Pipeline

    BuildPipeline = Callable[[Sandbox], Pipeline]

EVERYTHING = {"metrics": ["+lifecycle", "+dunning", "+reminders"], "properties": ["+status"]}
RESTIVE = replace(RESTLESS, changes_email=0.5, pauses=0.1, cancels=0.1)
"""So restless that a week of a few people's life has everything."""

FORMS_ARE_FASTER = 0.5
MOST_SWEEPS = 3


@dataclass
class Life:
    """A merchant whose customers live on between the runs of a pipeline that is killed."""

    sandbox: Sandbox
    pipeline: Pipeline
    witness: Witness
    chance: random.Random

    def pass_by(self, step: timedelta) -> None:
        """Let people live on; some new addresses come into Klaviyo by a form first."""
        former = {account: set(known) for account, known in self.witness.addresses.items()}
        self.sandbox.advance(step)
        self.witness.look()
        for account, known in former.items():
            is_new = known != self.witness.addresses[account]
            if is_new and self.chance.random() < FORMS_ARE_FASTER:
                self.witness.sign_up_first(account)

    def go_through_kills(self, kills: int, longest: float) -> None:
        """Live up to the present, through as many killed runs."""
        self.witness.look()
        self.pipeline.run()
        step, interrupted = self.sandbox.clock.behind / (kills + 1), 0
        for _ in range(3 * kills):
            if interrupted == kills:
                break
            self.pass_by(step)
            self.pipeline.start()
            interrupted += self.pipeline.kill_after(self.chance.uniform(0.5, longest))
        assert interrupted == kills
        self.pass_by(self.sandbox.clock.behind)
        self.pipeline.run()

    def sweep_until_quiet(self) -> int:
        """Read all accounts again until nothing moves any more; how often until then."""
        for sweep in range(MOST_SWEEPS):
            before = self._held()
            self.pipeline.forget("account_snapshots")
            self.pipeline.run()
            if self._held() == before:
                return sweep
        pytest.fail("Each sweep changes something.")

    def _held(self) -> Any:
        klaviyo = self.sandbox.klaviyo
        profiles = [
            (profile.id, profile.email, profile.external_id, dict(profile.properties))
            for profile in klaviyo.profiles()
        ]
        return profiles, [(event.id, event.profile_id) for event in klaviyo.events()]


def _everybody_is_one_person(
    pipeline: Pipeline,
    *,
    on_email_change: str,
    kills: int,
    longest: float,
    seed: int,
) -> str:
    """Live, sweep, judge and audit; returns the figures in one line."""
    sandbox = pipeline.sandbox
    pipeline.tap = {"past_due_invoices": True}
    pipeline.target = {"transform_config": EVERYTHING, "on_email_change": on_email_change}
    witness = Witness(sandbox, forms_unsettle=on_email_change == "move")
    life = Life(sandbox, pipeline, witness, random.Random(seed))  # noqa: S311  (repeatable)
    life.go_through_kills(kills, longest)
    due = witness.due()
    sweeps = life.sweep_until_quiet()
    due = {key: each for key, each in witness.due().items() if key in due}
    counts = witness.judge_events(due)
    people = witness.judge_profiles()
    assert counts["settled"] > counts["events"] / 2

    pipeline.start(mode="audit")
    tap, target = pipeline.finish()
    report = pipeline.report()
    assert (tap, target) == (0, 0 if report["agrees"] else 1), pipeline.said()
    totals = report["totals"]
    wrong = ("missing", "unexpected", "moved", "altered", "profiles_differing")
    assert {name: totals[name] for name in wrong} == dict.fromkeys(wrong, 0), report
    strayed = {
        finding["unique_id"]
        for metric in report["metrics"]
        for finding in metric["findings"]
        if finding["kind"] == "elsewhere"
    }
    assert not strayed & witness.settled_events
    return (
        f"seed {seed}, {on_email_change}: {people} people, {len(witness.beaten)} by a form, "
        f"{dict(counts)}, {sweeps} sweeps, "
        f"{report['sentence']}"
    )


@pytest.mark.parametrize("on_email_change", ["move", pytest.param("merge", marks=pytest.mark.slow)])
def test_everybody_is_one_person_with_each_event_once(
    on_email_change: str, pipeline: BuildPipeline
) -> None:
    """Through kills, changed addresses, shared ones and forms: one profile, and each event once."""
    with Sandbox(
        accounts=40,
        days=200,
        seed=3,
        behind=timedelta(days=7),
        parameters=RESTIVE,
        embedded_line_items=3,
    ) as sandbox:
        sandbox.recurly.network.latency = sandbox.klaviyo.network.latency = 0.05
        _everybody_is_one_person(
            pipeline(sandbox), on_email_change=on_email_change, kills=2, longest=2.5, seed=3
        )


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_kills_leave_everybody_one_person(seed: int, pipeline: BuildPipeline) -> None:
    """Twenty kills on each of ten merchants, every other one of whom merges profiles."""
    with Sandbox(
        accounts=120,
        days=365,
        seed=seed,
        behind=timedelta(days=30),
        parameters=RESTIVE,
        embedded_line_items=3,
    ) as sandbox:
        sandbox.recurly.network.latency = sandbox.klaviyo.network.latency = 0.05
        figures = _everybody_is_one_person(
            pipeline(sandbox),
            on_email_change=("move", "merge")[seed % 2],
            kills=20,
            longest=4.0,
            seed=seed,
        )
        print(figures)  # noqa: T201  (what a campaign is run for)
