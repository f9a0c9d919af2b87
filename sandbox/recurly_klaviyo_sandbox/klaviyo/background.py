"""What Klaviyo does after it has answered: it works off import jobs and merges profiles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.klaviyo import profile_intake

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.klaviyo.jobs import ImportJob
    from recurly_klaviyo_sandbox.klaviyo.state import State


def settle(state: State, *, everything: bool = False) -> None:
    """Do what is due by now, or `everything` that is still to be done."""
    until = math.inf if everything else state.now()
    for job in state.jobs.due(state.options, until):
        _end(state, job)
    for merge in [merge for merge in state.merges if merge.due <= until]:
        state.merges.remove(merge)
        profile_intake.merge(state, merge.source, merge.destination)


def poll(state: State, job: ImportJob) -> None:
    """Somebody reads a job's status: it moves on, and ends once it was read often enough."""
    if job.open and job.polls >= state.options.job_polls:
        _end(state, job)
    elif job.open:
        job.polls += 1
        job.status = "processing"
        job.started = job.started or state.now()


def _end(state: State, job: ImportJob) -> None:
    if not job.doomed:
        profile_intake.work(state, job)
    job.end(state.now())
