"""Profiles on their way: batched, brought to their people or imported as they are, each row told.

Rows that carry an `external_id` are asked about first (`people_resolver`); one e-mail address,
phone number or id alone says all there is to know, and goes straight into an import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.klaviyo.endpoints import BULK_PROFILES, PROFILES
from target_klaviyo.klaviyo.outcomes import ApiError, Decisive, Success
from target_klaviyo.writing.batches import MAX_PROFILES, ProfileBatcher
from target_klaviyo.writing.bulk_import import BulkImporter
from target_klaviyo.writing.cases import LookUpPeople, MergeProfiles, UpdateProfile
from target_klaviyo.writing.people_resolver import PeopleResolver
from target_klaviyo.writing.requests import AskStatus, ImportProfile, ReadErrors, SubmitProfiles
from target_klaviyo.writing.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_klaviyo.config import Settings
    from target_klaviyo.rows.contract import ProfileRow
    from target_klaviyo.rows.identity import Identifier, Identity
    from target_klaviyo.writing.checkpoints import DeliveryTracker
    from target_klaviyo.writing.dispatcher import Dispatcher
    from target_klaviyo.writing.requests import Request


class ProfileSink(Sink[ProfileBatcher]):
    """Imports profiles in bulk, and one by one what bulk import cannot express.

    Args:
        dispatcher: sends requests.
        tracker: books outcomes.
        max_rows: lowers Klaviyo's 10,000 a request.
        settings: the list to join, and how to clear properties and to follow changed addresses.
        clock: seconds of a monotonic clock.
    """

    endpoints = (PROFILES, BULK_PROFILES)

    def __init__(
        self,
        dispatcher: Dispatcher,
        tracker: DeliveryTracker,
        max_rows: int,
        *,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        max_rows = min(max_rows, MAX_PROFILES)
        super().__init__(dispatcher, tracker, ProfileBatcher(max_rows=max_rows))
        self._list_id = settings.list_id
        self._clear_one_by_one = settings.clear_with == "single"
        self._importer = BulkImporter(
            dispatcher,
            tracker.stats,
            list_id=settings.list_id,
            clock=clock,
            imported=self._imported,
            refused=self._refused,
        )
        self._people = PeopleResolver(
            dispatcher,
            self._importer,
            tracker.stats,
            settings=settings,
            max_rows=max_rows,
            rejected=self._rejected,
        )
        self._freed: list[Identity] = []

    @property
    def held(self) -> int:
        """Rows held back behind others of their key or person."""
        return self._batcher.held

    @property
    def pending_jobs(self) -> int:
        """Import jobs that Klaviyo is still at."""
        return self._importer.pending_jobs

    def claimed(self, identity: Identity) -> Identifier | None:
        """The identifier by which a person's row is still on its way; None when none is."""
        return self._batcher.claimed(identity)

    def take_freed(self) -> list[Identity]:
        """The identifiers of rows that have come to their end since this was asked last."""
        freed, self._freed = self._freed, []
        return freed

    def add(self, row: ProfileRow) -> None:
        """Take a profile."""
        self._tracker.admit(row)
        self._batcher.add(row)
        self.enqueue()

    def enqueue(self) -> None:
        """Hand full batches on, and what has been decided to the dispatcher."""
        self._hand_on()
        while stored := self._people.take_stored():
            self._stored(stored)
            self._hand_on()  # rows that were held back behind those

    def _hand_on(self) -> None:
        for rows in self._batcher.full:
            to_resolve = [row for row in rows if _has_anchor(row)]
            if to_resolve:
                self._people.resolve(to_resolve)
            self._import([row for row in rows if not _has_anchor(row)])
        self._batcher.full.clear()
        self._people.proceed()

    def handle(self, request: Request, outcome: Decisive) -> None:
        """Go on by one answer."""
        if isinstance(request, SubmitProfiles | AskStatus | ReadErrors):
            self._importer.handle(request, outcome)
        elif isinstance(request, LookUpPeople | UpdateProfile | MergeProfiles):
            self._people.handle(request, outcome)
        elif isinstance(request, ImportProfile):
            self._imported_alone(request.row, outcome)

    def _import(self, rows: Sequence[ProfileRow]) -> None:
        """Import rows as they are."""
        bulk = [row for row in rows if self._list_id or not self._goes_alone(row)]
        if bulk:
            self._importer.submit(bulk)
        if not self._list_id:
            self._clear(row for row in rows if self._goes_alone(row))

    def _imported_alone(self, row: ProfileRow, outcome: Decisive) -> None:
        if isinstance(outcome, Success):
            self._stored([row])
        else:
            self._rejected({row: outcome.errors[0]})

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
        as_they_were = self._people.imported(rows)
        self._clear(row for row in as_they_were if self._goes_alone(row))
        self._stored([row for row in as_they_were if not self._goes_alone(row)])

    def _refused(self, failures: Mapping[ProfileRow, ApiError]) -> None:
        self._rejected(self._people.refused(failures))

    def _stored(self, rows: Sequence[ProfileRow]) -> None:
        for row in rows:
            parts = row.parts or [row]
            self._tracker.stats.stored["profiles"] += 1
            self._tracker.stats.duplicates["profiles"] += len(parts) - 1
            for part in parts:
                self._tracker.release(part)
        self._end(rows)

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
        self._end(failures, instead=parts)
        self._tracker.check_reject_share()

    def _end(self, rows: Iterable[ProfileRow], *, instead: Iterable[ProfileRow] = ()) -> None:
        ended = list(rows)
        if ended:
            self._batcher.rows_ended(ended, instead=instead)
            self._freed += [row.claims for row in ended]


def _has_anchor(row: ProfileRow) -> bool:
    """Whether Klaviyo may know the person by two identifiers, under two profiles."""
    return row.profile_id is None and any(kind == "external_id" for kind, _ in row.identity)
