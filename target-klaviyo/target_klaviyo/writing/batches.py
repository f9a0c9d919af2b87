"""Packing rows into requests, in an order that cannot change what ends up in Klaviyo (pure).

Klaviyo works on several requests, and on several import jobs, at once and in any order. So
whatever must keep its order is never under way twice: a second event under a key under way waits
for the first, and so does a second row of a person whose profile is under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from target_klaviyo.rows.contract import merge_profiles
from target_klaviyo.rows.identity import Relation, relation
from target_klaviyo.writing.payloads import BODY_OVERHEAD, event_size, profile_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_klaviyo.rows.contract import EventRow, ProfileRow
    from target_klaviyo.rows.identity import Identifier, Identity

Row = TypeVar("Row", "EventRow", "ProfileRow")

MAX_EVENTS = 1_000
MAX_PROFILES = 10_000
MAX_BODY_BYTES = 4_950_000  # Klaviyo: 5 MB, counted decompressed; the rest is margin


class Batcher(Generic[Row]):
    """A batch that fills up, and those that are ready to be sent.

    Args:
        size: bytes of a row in a body, rounded up.
        max_rows: rows of a batch at most.
        max_bytes: of a body at most, unless a single row has more.

    Attributes:
        full: the batches that are ready.
        open_epoch: the oldest epoch in the open one; None when that is empty.
    """

    def __init__(
        self, size: Callable[[Row], int], max_rows: int, max_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._size: Callable[[Row], int] = size
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self.full: list[list[Row]] = []
        self._open: dict[Row, None] = {}
        self._bytes = BODY_OVERHEAD
        self.open_epoch: int | None = None

    def pack(self, row: Row) -> None:
        """Put a row into the open batch, or into a new one where it does not fit."""
        size = self._size(row)
        if self._bytes + size > self._max_bytes:
            self.close_batch()
        self._open[row] = None
        self._bytes += size
        self.open_epoch = row.epoch if self.open_epoch is None else min(row.epoch, self.open_epoch)
        if len(self._open) >= self._max_rows:
            self.close_batch()

    def close_batch(self) -> None:
        """Close the open batch, full or not."""
        if self._open:
            self.full.append(list(self._open))
        self._open, self._bytes, self.open_epoch = {}, BODY_OVERHEAD, None


class EventBatcher(Batcher["EventRow"]):
    """Packs events; of events with one (profile, metric, unique_id), the first stored one wins.

    `row_ended` must be told of every row that has been stored or rejected: only then may a row
    with the same key go.
    """

    def __init__(self, max_rows: int = MAX_EVENTS, max_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(event_size, max_rows, max_bytes)
        self._under_way: dict[tuple[str, str], list[EventRow]] = {}
        self._waiting: dict[tuple[str, str], list[EventRow]] = {}
        self.held = 0

    def add(self, row: EventRow) -> None:
        """Take a row into the open batch, or hold it back while its key is under way."""
        key = (row.metric, row.unique_id)
        rivals = self._under_way.setdefault(key, [])
        if all(relation(row.identity, it.identity) is Relation.DIFFERENT for it in rivals):
            rivals.append(row)
            self.pack(row)
        else:
            self._waiting.setdefault(key, []).append(row)
            self.held += 1

    def row_ended(self, row: EventRow, *, stored: bool) -> list[EventRow]:
        """Note the end of a row; return the held rows that are thereby duplicates of it.

        Rows that were held only because of this one are packed now.
        """
        key = (row.metric, row.unique_id)
        rivals = self._under_way[key]
        rivals.remove(row)
        if not rivals:
            del self._under_way[key]
        waiting = self._waiting.pop(key, [])
        self.held -= len(waiting)
        duplicates: list[EventRow] = []
        for held in waiting:
            if stored and relation(held.identity, row.identity) is Relation.SAME:
                duplicates.append(held)
            else:
                self.add(held)
        return duplicates


class ProfileBatcher(Batcher["ProfileRow"]):
    """Packs profiles; rows of one person are merged while unsent, and keep their order after.

    A row that shares an identifier with a row under way, with one that is held back, or with
    several unsent ones, is held back until those have come to their end.
    """

    def __init__(self, max_rows: int = MAX_PROFILES, max_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(profile_size, max_rows, max_bytes)
        self._owner: dict[Identifier, ProfileRow] = {}
        self._held: list[ProfileRow] = []
        self._held_claims: set[Identifier] = set()

    @property
    def held(self) -> int:
        """Rows held back."""
        return len(self._held)

    def add(self, row: ProfileRow) -> None:
        """Take a row into the open batch, merge it with an unsent one, or hold it back."""
        owners = {self._owner[each] for each in row.claims if each in self._owner}
        if not owners and self._held_claims.isdisjoint(row.claims):
            self._own(row)
        elif merged := self._merged(owners, row):
            self._take_out(*owners)
            self._own(merged)
        else:
            self._held.append(row)
            self._held_claims.update(row.claims)

    def claimed(self, identity: Identity) -> Identifier | None:
        """The first of these identifiers that a row here claims, which is not at its end."""
        return next((it for it in identity if it in self._owner or it in self._held_claims), None)

    def rows_ended(self, rows: Iterable[ProfileRow], *, instead: Iterable[ProfileRow] = ()) -> None:
        """Note the end of rows; those held back because of them are packed or merged now.

        Rows `instead` take the place of the ended ones, before any that were held back.
        """
        for row in rows:
            for identifier in row.claims:
                del self._owner[identifier]
        waiting = [*instead, *self._held]
        self._held, self._held_claims = [], set()
        for row in waiting:
            self.add(row)

    def _own(self, row: ProfileRow) -> None:
        """Pack a row, which owns its identifiers until it has come to its end."""
        self._owner.update(dict.fromkeys(row.claims, row))
        self.pack(row)

    def _take_out(self, row: ProfileRow) -> None:
        """Take an unsent row out of the open batch."""
        del self._open[row]
        self._bytes -= profile_size(row)
        for identifier in row.claims:
            del self._owner[identifier]

    def _merged(self, owners: set[ProfileRow], row: ProfileRow) -> ProfileRow | None:
        """The one unsent owner and the row as one, None when they must stay apart."""
        if len(owners) != 1 or not self._held_claims.isdisjoint(row.claims):
            return None
        (owner,) = owners
        if owner not in self._open or owner.alone or row.alone:
            return None
        if relation(owner.identity, row.identity) is not Relation.SAME:
            return None
        return merge_profiles(owner, row)
