"""What Klaviyo does after it has answered: it works off import jobs and merges profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.klaviyo import profile_intake

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.klaviyo.jobs import ImportJob
    from recurly_klaviyo_sandbox.klaviyo.state import State


def settle(state: State, *, everything: bool = False) -> None:
    """Do what is due by now, or `everything` that is still to be done."""
    now = state.now()
    state.jobs.progress(
        state.options,
        now,
        lambda job: profile_intake.work(state, job),
        everything=everything,
    )
    due = [merge for merge in state.merges if everything or merge.due <= now]
    for merge in due:
        state.merges.remove(merge)
        profile_intake.merge(state, merge.source, merge.destination)


def poll(state: State, job: ImportJob) -> None:
    """Somebody reads a job's status, which moves it on."""
    state.jobs.poll(job, state.options, state.now(), lambda due: profile_intake.work(state, due))
