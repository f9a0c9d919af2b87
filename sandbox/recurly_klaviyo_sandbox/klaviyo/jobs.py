"""Import jobs: queued, processing, then complete or cancelled (documented)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.klaviyo.options import Options
    from recurly_klaviyo_sandbox.klaviyo.shapes import ImportedProfile

LIFETIME = 7 * 86_400.0  # documented: a job expires after seven days


class ImportError_(NamedTuple):  # noqa: N801  (the built-in has Klaviyo's name for it)
    """Why one row was not imported."""

    id: str
    pointer: str
    detail: str
    payload: dict[str, Any]


@dataclass
class ImportJob:
    """A bulk import; times are seconds since 1970."""

    id: str
    created: float
    total: int
    lists: tuple[str, ...]
    rows: list[ImportedProfile]
    doomed: bool = False
    status: str = "queued"
    polls: int = 0
    started: float | None = None
    completed: float | None = None
    profiles: list[int] = field(default_factory=list)
    errors: list[ImportError_] = field(default_factory=list)

    @property
    def expires(self) -> float:
        """When the job is forgotten."""
        return self.created + LIFETIME

    def end(self, now: float) -> None:
        """It is worked off, or was cancelled."""
        self.status = "cancelled" if self.doomed else "complete"
        self.started = self.started or now
        self.completed = now
        self.rows = []

    @property
    def open(self) -> bool:
        """Whether the job is still to be worked on."""
        return self.status in {"queued", "processing"}


@dataclass
class ImportJobs:
    """All jobs. They go on by polls and by the clock, whichever is first.

    `cancel_next` jobs sent from now on end as cancelled; `refusals` maps e-mail addresses to the
    reason for which their rows fail.
    """

    sent: list[ImportJob] = field(default_factory=list)
    cancel_next: int = 0
    refusals: dict[str, str] = field(default_factory=dict)

    def get(self, identifier: str, now: float) -> ImportJob | None:
        """The job, unless it has expired."""
        found = (job for job in self.sent if job.id == identifier and job.expires > now)
        return next(found, None)

    def add(self, rows: list[ImportedProfile], lists: tuple[str, ...], now: float) -> ImportJob:
        """Queue a job."""
        job = ImportJob(f"01SANDB0XJ0B{len(self.sent) + 1:014d}", now, len(rows), lists, rows)
        if self.cancel_next:
            self.cancel_next -= 1
            job.doomed = True
        self.sent.append(job)
        return job

    def due(self, options: Options, now: float) -> list[ImportJob]:
        """The open jobs whose time is up, in the order in which they end."""
        ready = now - options.job_duration.total_seconds()
        due = [job for job in self.sent if job.open and job.created <= ready]
        return due[::-1] if options.import_order == "reversed" else due
