"""Profiles on their way: imported in bulk, the jobs followed, each row's outcome told."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

from target_klaviyo.klaviyo.endpoints import BULK_PROFILES
from target_klaviyo.klaviyo.outcomes import ApiError, Outcome, Success
from target_klaviyo.writing.batches import MAX_PROFILES, ProfileBatcher
from target_klaviyo.writing.import_jobs import (
    MAX_SUBMISSIONS,
    RESUBMISSION_PAUSES,
    ImportJob,
    JobProgress,
)
from target_klaviyo.writing.payloads import profiles_at
from target_klaviyo.writing.requests import AskStatus, ImportProfile, ReadErrors, SubmitProfiles
from target_klaviyo.writing.sink import Sink, attribute_errors, errors_of, halves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_klaviyo.rows.contract import ProfileRow
    from target_klaviyo.writing.checkpoints import DeliveryTracker
    from target_klaviyo.writing.dispatcher import Dispatcher
    from target_klaviyo.writing.requests import Request

_UNEXPLAINED = ApiError("", "Import failed", "The import job failed without saying why.", "")


class ProfileSink(Sink[ProfileBatcher]):
    """Imports profiles in bulk, and one by one what bulk import cannot express.

    Args:
        dispatcher: sends requests.
        tracker: books outcomes.
        max_rows: lowers Klaviyo's 10,000 a request.
        list_id: the list imported profiles join.
        clear_one_by_one: clear properties by profile-import instead of `unset`.
        clock: seconds of a monotonic clock.

    Attributes:
        pending_jobs: import jobs that Klaviyo is still at.
    """

    endpoint = BULK_PROFILES

    def __init__(  # noqa: PLR0913  (its collaborators and two settings)
        self,
        dispatcher: Dispatcher,
        tracker: DeliveryTracker,
        max_rows: int,
        *,
        list_id: str | None,
        clear_one_by_one: bool,
        clock: Callable[[], float],
    ) -> None:
        batcher = ProfileBatcher(max_rows=min(max_rows, MAX_PROFILES))
        super().__init__(dispatcher, tracker, batcher)
        self._list_id = list_id
        self._clear_one_by_one = clear_one_by_one
        self._clock = clock
        self.pending_jobs = 0

    @property
    def held(self) -> int:
        """Rows held back behind others of their key or person."""
        return self._batcher.held

    def add(self, row: ProfileRow) -> None:
        """Take a profile."""
        self._tracker.admit(row)
        self._batcher.add(row)
        self.enqueue()

    def enqueue(self) -> None:
        """Hand full batches to the dispatcher."""
        for rows in self._batcher.full:
            bulk = [row for row in rows if self._list_id or not self._goes_alone(row)]
            if bulk:
                self._dispatcher.submit(SubmitProfiles(bulk, self._list_id))
            if not self._list_id:
                self._clear([row for row in rows if self._goes_alone(row)])
        self._batcher.full.clear()

    def handle(self, request: Request, outcome: Outcome) -> None:
        """Go on by one answer."""
        if isinstance(request, SubmitProfiles):
            self._submitted(request, outcome)
        elif isinstance(request, AskStatus):
            self._status_told(request, outcome)
        elif isinstance(request, ReadErrors):
            self._errors_read(request, outcome)
        elif isinstance(request, ImportProfile):
            self._imported_alone(request.row, outcome)

    def _submitted(self, request: SubmitProfiles, outcome: Outcome) -> None:
        if isinstance(outcome, Success):
            identifier = outcome.document["data"]["id"]
            self._tracker.stats.jobs += 1
            self.pending_jobs += 1
            job = ImportJob(identifier, request.rows, request.submissions, self._clock())
            self._dispatcher.submit_later(AskStatus(job), job.pause)
            return
        rows = request.rows
        failed = attribute_errors(rows, errors_of(outcome), partial(profiles_at, rows=rows))
        if failed:
            self._submit_again([row for row in rows if row not in failed])
            self._rejected(failed)
        else:
            for half in halves(rows):
                self._submit_again(half)

    def _imported_alone(self, row: ProfileRow, outcome: Outcome) -> None:
        if isinstance(outcome, Success):
            self._stored([row])
        else:
            self._rejected({row: errors_of(outcome)[0]})

    def _status_told(self, request: AskStatus, outcome: Outcome) -> None:
        job = request.job
        if isinstance(outcome, Success):
            progress = job.observe(outcome.document, self._clock(), datetime.now(timezone.utc))
        else:
            progress = job.vanish()
        if progress is JobProgress.PENDING:
            self._dispatcher.submit_later(AskStatus(job), job.pause)
            return
        self.pending_jobs -= 1
        if progress is JobProgress.LOST:
            self._resubmit(job)
        elif job.failed_count == 0:
            self._imported(job.rows)
        else:
            self._dispatcher.submit(ReadErrors(job))

    def _errors_read(self, request: ReadErrors, outcome: Outcome) -> None:
        job = request.job
        if not isinstance(outcome, Success):
            job.vanish()
            self._resubmit(job)
            return
        cursor = job.read_errors(outcome.document)
        if cursor is not None:
            self._dispatcher.submit(ReadErrors(job, cursor))
            return
        others = [row for row in job.rows if row not in job.failures]
        if not job.unexplained:
            self._imported(others)
        elif len(others) == len(job.rows) == 1:
            job.failures[others[0]] = _UNEXPLAINED
        else:
            for half in halves(others):
                self._submit_again(half)
        self._rejected(job.failures)

    def _resubmit(self, job: ImportJob) -> None:
        if job.submissions < MAX_SUBMISSIONS:
            self._tracker.stats.resent += 1
            again = SubmitProfiles(job.rows, self._list_id, job.submissions + 1)
            self._dispatcher.submit_later(again, RESUBMISSION_PAUSES[job.submissions - 1])
            return
        why = f"The import job {job.lost_because}, {job.submissions} times over."
        self._rejected(dict.fromkeys(job.rows, ApiError("", why, why, "")))

    def _submit_again(self, rows: Sequence[ProfileRow]) -> None:
        if rows:
            self._dispatcher.submit_first(SubmitProfiles(rows, self._list_id))

    def _goes_alone(self, row: ProfileRow) -> bool:
        """Bulk import clears properties by `unset`, and attributes not at all (documented)."""
        return bool(row.cleared_attributes) or (
            self._clear_one_by_one and bool(row.cleared_properties)
        )

    def _clear(self, rows: Iterable[ProfileRow]) -> None:
        for row in rows:
            self._dispatcher.submit(ImportProfile(row))

    def _imported(self, rows: Sequence[ProfileRow]) -> None:
        """Imported in bulk, list and all; what that could not clear is cleared now."""
        self._clear(row for row in rows if self._goes_alone(row))
        self._stored([row for row in rows if not self._goes_alone(row)])

    def _stored(self, rows: Sequence[ProfileRow]) -> None:
        for row in rows:
            parts = row.parts or [row]
            self._tracker.stats.stored["profiles"] += 1
            self._tracker.stats.duplicates["profiles"] += len(parts) - 1
            for part in parts:
                self._tracker.release(part)
        self._batcher.rows_ended(rows)

    def _rejected(self, failures: Mapping[ProfileRow, ApiError]) -> None:
        """Reject rows; the parts of a merged one first get a chance each, in their order."""
        parts: list[ProfileRow] = []
        for row, error in failures.items():
            if row.parts:
                parts += row.parts
            else:
                self._tracker.write_refusal("profiles", error, row.origin)
                self._tracker.release(row)
        for part in parts:
            part.alone = True
        self._batcher.rows_ended(failures, instead=parts)
        self._tracker.check_reject_share()
