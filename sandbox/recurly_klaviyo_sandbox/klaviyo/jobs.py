"""Import jobs: queued, processing, then complete or cancelled (documented)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recurly_klaviyo_sandbox.klaviyo.options import Options
    from recurly_klaviyo_sandbox.klaviyo.shapes import ImportedProfile

LIFETIME = 7 * 86_400.0  # documented: a job expires after seven days


class ImportError_(NamedTuple):  # noqa: N801  (the built-in has Klaviyo's name for it)
    """Why one row was not imported."""

    id: str
    code: str
    title: str
    detail: str
    pointer: str
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

    cancel_next: int = 0
    refusals: dict[str, str] = field(default_factory=dict)
    _by_id: dict[str, ImportJob] = field(default_factory=dict)

    def __iter__(self) -> Iterator[ImportJob]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, identifier: str, now: float) -> ImportJob | None:
        """The job, unless it has expired."""
        job = self._by_id.get(identifier)
        return None if job is None or job.expires <= now else job

    def add(self, rows: list[ImportedProfile], lists: tuple[str, ...], now: float) -> ImportJob:
        """Queue a job."""
        job = ImportJob(f"01SANDB0XJ0B{len(self._by_id) + 1:014d}", now, len(rows), lists, rows)
        if self.cancel_next:
            self.cancel_next -= 1
            job.doomed = True
        self._by_id[job.id] = job
        return job

    def poll(
        self, job: ImportJob, options: Options, now: float, work: Callable[[ImportJob], None]
    ) -> None:
        """A status read: the job moves on, and ends once it was read often enough."""
        if not job.open:
            return
        if job.polls >= options.job_polls:
            self._end(job, now, work)
        else:
            job.polls += 1
            job.status = "processing"
            job.started = job.started or now

    def progress(
        self,
        options: Options,
        now: float,
        work: Callable[[ImportJob], None],
        *,
        everything: bool = False,
    ) -> None:
        """End the jobs whose time is up, or `everything` that is open."""
        due = [
            job
            for job in self._by_id.values()
            if job.open
            and (everything or now >= job.created + options.job_duration.total_seconds())
        ]
        if options.import_order == "reversed":
            due.reverse()
        for job in due:
            self._end(job, now, work)

    def _end(self, job: ImportJob, now: float, work: Callable[[ImportJob], None]) -> None:
        job.started = job.started or now
        job.completed = now
        if job.doomed:
            job.status = "cancelled"
        else:
            work(job)
            job.status = "complete"
        job.rows = []
