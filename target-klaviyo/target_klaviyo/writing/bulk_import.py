"""Bulk imports of profiles: submitted, the jobs followed to their end, each row's outcome told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from target_klaviyo.klaviyo.endpoints import BULK_PROFILES, IMPORT_ERRORS, IMPORT_JOB
from target_klaviyo.klaviyo.outcomes import ApiError, Decisive, Success
from target_klaviyo.text import counted
from target_klaviyo.writing.import_jobs import (
    ERRORS_PER_PAGE,
    MAX_SUBMISSIONS,
    RESUBMISSION_PAUSES,
    ImportJob,
    JobProgress,
)
from target_klaviyo.writing.payloads import bulk_import, profiles_at
from target_klaviyo.writing.pool import Request
from target_klaviyo.writing.sink import halves, tell_of_halving

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_klaviyo.klaviyo.endpoints import Call
    from target_klaviyo.rows.contract import ProfileRow
    from target_klaviyo.writing.dispatcher import Dispatcher
    from target_klaviyo.writing.stats import RunStats

_UNEXPLAINED = ApiError("", "Import failed", "The import job failed without saying why.", "")


Ended = tuple["Sequence[ProfileRow]", "Mapping[ProfileRow, ApiError]"]
"""Rows that have been imported, and those that cannot be, with the reason."""

_NONE: Ended = (), {}


@dataclass(eq=False)
class SubmitProfiles(Request):
    """A bulk import of profiles, for the `submissions`-th time."""

    rows: Sequence[ProfileRow]
    list_id: str | None
    submissions: int = 1
    endpoint = BULK_PROFILES

    def call(self) -> Call:
        """POST /api/profile-bulk-import-jobs."""
        return self.endpoint.call(bulk_import(self.rows, self.list_id))


@dataclass(eq=False)
class AskStatus(Request):
    """How far an import job is."""

    job: ImportJob
    endpoint = IMPORT_JOB

    def call(self) -> Call:
        """GET /api/profile-bulk-import-jobs/{id}."""
        return self.endpoint.call(of=self.job.id)


@dataclass(eq=False)
class ReadErrors(Request):
    """A page of a job's import errors."""

    job: ImportJob
    cursor: str | None = None
    endpoint = IMPORT_ERRORS

    def call(self) -> Call:
        """GET /api/profile-bulk-import-jobs/{id}/import-errors."""
        query = {"page[size]": str(ERRORS_PER_PAGE)}
        if self.cursor is not None:
            query["page[cursor]"] = self.cursor
        return self.endpoint.call(of=self.job.id, query=query)


class BulkImporter:
    """Imports profiles in bulk."""

    def __init__(self, dispatcher: Dispatcher, stats: RunStats, list_id: str | None) -> None:
        self._dispatcher = dispatcher
        self._stats = stats
        self._list_id = list_id

    def submit(self, rows: Sequence[ProfileRow]) -> None:
        """Import rows, as many as one request can hold."""
        self._dispatcher.submit(SubmitProfiles(rows, self._list_id))

    def handle(self, request: SubmitProfiles | AskStatus | ReadErrors, outcome: Decisive) -> Ended:
        """Go on by one answer."""
        if isinstance(request, SubmitProfiles):
            return self._submitted(request, outcome)
        if isinstance(request, AskStatus):
            return self._status_told(request.job, outcome)
        return self._errors_read(request.job, outcome)

    def _submitted(self, request: SubmitProfiles, outcome: Decisive) -> Ended:
        rows = request.rows
        if isinstance(outcome, Success):
            identifier = outcome.document["data"]["id"]
            self._stats.jobs += 1
            self._stats.pending_jobs += 1
            job = ImportJob(identifier, rows, request.submissions, self._dispatcher.clock())
            self._dispatcher.submit_later(AskStatus(job), job.pause)
            return _NONE
        failed: dict[ProfileRow, ApiError] = {}
        for error in outcome.errors:
            for row in profiles_at(error.pointer, rows):
                failed.setdefault(row, error)
        if not failed and len(rows) == 1:
            failed = {rows[0]: outcome.errors[0]}
        if failed:
            self._submit_again([row for row in rows if row not in failed])
        else:
            self._submit_halves(rows, outcome.errors[0])
        return (), failed

    def _status_told(self, job: ImportJob, outcome: Decisive) -> Ended:
        if isinstance(outcome, Success):
            progress = job.observe(
                outcome.document, self._dispatcher.clock(), datetime.now(timezone.utc)
            )
        else:
            progress = job.vanish()
        if progress is JobProgress.PENDING:
            self._dispatcher.submit_later(AskStatus(job), job.pause)
            return _NONE
        self._stats.pending_jobs -= 1
        if progress is JobProgress.LOST:
            return self._resubmit(job)
        if job.failed_count == 0:
            return job.rows, {}
        self._dispatcher.submit(ReadErrors(job))
        return _NONE

    def _errors_read(self, job: ImportJob, outcome: Decisive) -> Ended:
        if not isinstance(outcome, Success):
            job.vanish()
            return self._resubmit(job)
        cursor = job.read_errors(outcome.document)
        if cursor is not None:
            self._dispatcher.submit(ReadErrors(job, cursor))
            return _NONE
        others = [row for row in job.rows if row not in job.failures]
        if not job.unexplained:
            return others, job.failures
        if len(others) == len(job.rows) == 1:
            return (), {others[0]: _UNEXPLAINED}
        self._submit_halves(others, _UNEXPLAINED)
        return (), job.failures

    def _resubmit(self, job: ImportJob) -> Ended:
        if job.submissions < MAX_SUBMISSIONS:
            self._stats.resent += 1
            again = SubmitProfiles(job.rows, self._list_id, job.submissions + 1)
            self._dispatcher.submit_later(again, RESUBMISSION_PAUSES[job.submissions - 1])
            return _NONE
        why = f"The import job {job.lost_because}, {job.submissions} times over."
        return (), dict.fromkeys(job.rows, ApiError("", why, why, ""))

    def _submit_halves(self, rows: Sequence[ProfileRow], error: ApiError) -> None:
        tell_of_halving(self._stats, counted(len(rows), "profile"), error)
        for half in halves(rows):
            self._submit_again(half)

    def _submit_again(self, rows: Sequence[ProfileRow]) -> None:
        if rows:
            self._dispatcher.submit_first(SubmitProfiles(rows, self._list_id))
