"""Profiles on their way: imported in bulk, the jobs followed, each row's outcome told."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

from target_klaviyo.klaviyo.endpoints import BULK_PROFILES
from target_klaviyo.klaviyo.verdicts import ApiError, Done, TryAgain, Verdict
from target_klaviyo.writing.batches import MAX_PROFILES, ProfileBatcher
from target_klaviyo.writing.jobs import (
    MAX_SUBMISSIONS,
    RESUBMISSION_PAUSES,
    ImportJob,
    JobProgress,
    tells_status,
)
from target_klaviyo.writing.lane import Lane, blame, errors_of, halves
from target_klaviyo.writing.payloads import blamed_profiles
from target_klaviyo.writing.tasks import AskStatus, ImportProfile, ReadErrors, SubmitProfiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_klaviyo.rows.contract import ProfileRow
    from target_klaviyo.writing.dispatcher import Dispatcher
    from target_klaviyo.writing.ledger import Ledger
    from target_klaviyo.writing.tasks import Task

_UNEXPLAINED = ApiError("", "Import failed", "The import job failed without saying why.", "")


class ProfileLane(Lane[ProfileBatcher]):
    """Imports profiles in bulk, and one by one what bulk import cannot express.

    Args:
        dispatcher: sends requests.
        ledger: books outcomes.
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
        ledger: Ledger,
        max_rows: int,
        *,
        list_id: str | None,
        clear_one_by_one: bool,
        clock: Callable[[], float],
    ) -> None:
        batcher = ProfileBatcher(max_rows=min(max_rows, MAX_PROFILES))
        super().__init__(dispatcher, ledger, batcher)
        self._list_id = list_id
        self._clear_one_by_one = clear_one_by_one
        self._clock = clock
        self.pending_jobs = 0

    def add(self, row: ProfileRow) -> None:
        """Take a profile."""
        self._ledger.admit(row)
        self._batcher.add(row)
        self.queue()

    def queue(self) -> None:
        """Hand full batches to the dispatcher."""
        for rows in self._batcher.full:
            bulk = [row for row in rows if self._list_id or not self._goes_alone(row)]
            if bulk:
                self._dispatcher.submit(SubmitProfiles(bulk, self._list_id))
            if not self._list_id:
                self._clear([row for row in rows if self._goes_alone(row)])
        self._batcher.full.clear()

    def settle(self, task: Task, verdict: Verdict) -> None:
        """Go on by one answer."""
        if isinstance(task, SubmitProfiles):
            self._submitted(task, verdict)
        elif isinstance(task, AskStatus):
            self._status_told(task, verdict)
        elif isinstance(task, ReadErrors):
            self._errors_read(task, verdict)
        elif isinstance(task, ImportProfile):
            self._imported_alone(task.row, verdict)

    def _submitted(self, task: SubmitProfiles, verdict: Verdict) -> None:
        if isinstance(verdict, Done):
            identifier = verdict.document["data"].get("id")
            if not isinstance(identifier, str) or not identifier:
                self._dispatcher.try_again(task, TryAgain("an import job without an id"))
                return
            self._ledger.tally.jobs += 1
            self.pending_jobs += 1
            job = ImportJob(identifier, task.rows, task.submissions, self._clock())
            self._dispatcher.submit_later(AskStatus(job), job.pause)
            return
        rows = task.rows
        blamed = blame(rows, errors_of(verdict), partial(blamed_profiles, rows=rows))
        if blamed:
            self._submit_again([row for row in rows if row not in blamed])
            self._rejected(blamed)
        else:
            for half in halves(rows):
                self._submit_again(half)

    def _imported_alone(self, row: ProfileRow, verdict: Verdict) -> None:
        if isinstance(verdict, Done):
            self._stored([row])
        else:
            self._rejected({row: errors_of(verdict)[0]})

    def _status_told(self, task: AskStatus, verdict: Verdict) -> None:
        job = task.job
        if isinstance(verdict, Done):
            if not tells_status(verdict.document):
                self._dispatcher.try_again(task, TryAgain("an import job without a status"))
                return
            progress = job.observe(verdict.document, self._clock(), datetime.now(timezone.utc))
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

    def _errors_read(self, task: ReadErrors, verdict: Verdict) -> None:
        job = task.job
        if not isinstance(verdict, Done):
            job.vanish()
            self._resubmit(job)
            return
        try:
            cursor = job.read_errors(verdict.document)
        except ValueError:
            self._dispatcher.try_again(task, TryAgain("a next page that is no address"))
            return
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
            self._ledger.tally.resent += 1
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
            self._ledger.tally.stored["profiles"] += 1
            self._ledger.tally.duplicates["profiles"] += len(parts) - 1
            for part in parts:
                self._ledger.release(part)
        self._batcher.settle(rows)

    def _rejected(self, failures: Mapping[ProfileRow, ApiError]) -> None:
        """Reject rows; the parts of a merged one first get a chance each, in their order."""
        parts: list[ProfileRow] = []
        for row, error in failures.items():
            if row.parts:
                parts += row.parts
            else:
                self._ledger.write_refusal("profiles", error, row.origin)
                self._ledger.release(row)
        for part in parts:
            part.alone = True
        self._batcher.settle(failures, instead=parts)
        self._ledger.check()
