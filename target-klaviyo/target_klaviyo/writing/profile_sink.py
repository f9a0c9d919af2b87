"""Profiles on their way: batched, brought to their people, each row told of its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.klaviyo.endpoints import BULK_PROFILES, PROFILES
from target_klaviyo.writing.batches import MAX_PROFILES, ProfileBatcher
from target_klaviyo.writing.people_resolver import PeopleResolver
from target_klaviyo.writing.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_klaviyo.config import Settings
    from target_klaviyo.klaviyo.outcomes import ApiError, Decisive
    from target_klaviyo.rows.contract import ProfileRow
    from target_klaviyo.rows.identity import Identifier, Identity
    from target_klaviyo.writing.checkpoints import DeliveryTracker
    from target_klaviyo.writing.dispatcher import Dispatcher
    from target_klaviyo.writing.pool import Request


class ProfileSink(Sink[ProfileBatcher]):
    """Writes profiles, each to its person."""

    endpoints = (PROFILES, BULK_PROFILES)

    def __init__(
        self,
        dispatcher: Dispatcher,
        tracker: DeliveryTracker,
        max_rows: int,
        *,
        settings: Settings,
    ) -> None:
        max_rows = min(max_rows, MAX_PROFILES)
        super().__init__(dispatcher, tracker, ProfileBatcher(max_rows=max_rows))
        self._people = PeopleResolver(
            dispatcher, tracker.stats, settings=settings, max_rows=max_rows
        )
        self._freed: list[Identity] = []

    @property
    def held(self) -> int:
        """Rows held back behind others of their key or person."""
        return self._batcher.held

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
        for rows in self._batcher.full:
            self._people.bring(rows)
        self._batcher.full.clear()
        self._people.proceed()

    def handle(self, request: Request, outcome: Decisive) -> None:
        """Go on by one answer."""
        stored, rejected = self._people.handle(request, outcome)
        if stored:
            for row in stored:
                self._tracker.book_stored("profiles", *(row.parts or [row]))
            self._end(stored)
        if rejected:
            self._rejected(rejected)

    def _rejected(self, failures: Mapping[ProfileRow, ApiError]) -> None:
        """Reject rows; the parts of a merged one first get a chance each, in their order."""
        parts: list[ProfileRow] = []
        for row, error in failures.items():
            if row.parts:
                parts += row.parts
            else:
                self._tracker.book_refused("profiles", row, error)
        for part in parts:
            part.alone = True
        self._end(list(failures), instead=parts)
        self._tracker.check_reject_share()

    def _end(self, rows: Sequence[ProfileRow], *, instead: Sequence[ProfileRow] = ()) -> None:
        self._batcher.rows_ended(rows, instead=instead)
        self._freed += [row.claims for row in rows]
