"""Packing rows into requests, in an order that cannot change what ends up in Klaviyo (pure).

Klaviyo works on several requests, and on several import jobs, at once and in any order. So
whatever must keep its order is never under way twice: a second event under a key under way waits
for the first, and so does a second row of a person whose profile is under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from target_klaviyo.rows.contract import bytes_to_clear
from target_klaviyo.rows.identity import Relation, relation
from target_klaviyo.rows.merging import merge_profiles
from target_klaviyo.writing.payloads import BODY_OVERHEAD, ENTRY_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_klaviyo.rows.contract import EventRow, ProfileRow
    from target_klaviyo.rows.identity import Identifier, Identity

Row = TypeVar("Row", "EventRow", "ProfileRow")
Found = TypeVar("Found")

MAX_EVENTS = 1_000
MAX_PROFILES = 10_000
MAX_BODY_BYTES = 4_950_000  # Klaviyo: 5 MB, counted decompressed; the rest is margin


class Batcher(Generic[Row]):
    """A batch that fills up, and those that are ready to be sent.

    Attributes:
        full: the batches that are ready.
        open_epoch: the oldest epoch in the open one; None when that is empty.
    """

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self.full: list[list[Row]] = []
        self._begin_batch()

    def close_batch(self) -> None:
        """Close the open batch, full or not."""
        if self._open:
            self.full.append(list(self._open))
        self._begin_batch()

    def _begin_batch(self) -> None:
        self._open: dict[Row, None] = {}
        self._bytes = BODY_OVERHEAD
        self.open_epoch: int | None = None

    def _fits(self, size: int) -> bool:
        return not self._open or self._bytes + size <= self._max_bytes

    def _put(self, row: Row, size: int) -> None:
        self._open[row] = None
        self._bytes += size
        epochs = (row.epoch,) if self.open_epoch is None else (row.epoch, self.open_epoch)
        self.open_epoch = min(epochs)
        if len(self._open) >= self._max_rows:
            self.close_batch()


class EventBatcher(Batcher["EventRow"]):
    """Packs events; of events with one (profile, metric, unique_id), the first stored one wins.

    `row_ended` must be told of every row that has been stored or rejected: only then may a row
    with the same key go.
    """

    def __init__(self, max_rows: int = MAX_EVENTS, max_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(max_rows, max_bytes)
        self._under_way: dict[tuple[str, str], list[EventRow]] = {}
        self._waiting: dict[tuple[str, str], list[EventRow]] = {}
        self.held = 0

    def add(self, row: EventRow) -> None:
        """Take a row into the open batch, or hold it back while its key is under way."""
        key = (row.metric, row.unique_id)
        rivals = self._under_way.get(key)
        if rivals is None:
            self._under_way[key] = [row]
        elif all(relation(row.identity, it.identity) is Relation.DIFFERENT for it in rivals):
            rivals.append(row)
        else:
            self._waiting.setdefault(key, []).append(row)
            self.held += 1
            return
        if not self._fits(self._size(row)):
            self.close_batch()
        size = self._size(row)
        self._open_identities.add(row.identity)
        self._put(row, size)

    def row_ended(self, row: EventRow, *, stored: bool) -> list[EventRow]:
        """Note the end of a row; return the held rows that are thereby duplicates of it.

        Rows that were held only because of this one are packed now.
        """
        key = (row.metric, row.unique_id)
        rivals = self._under_way[key]
        rivals.remove(row)
        if not rivals:
            del self._under_way[key]
        waiting = self._waiting.pop(key, None)
        if not waiting:
            return []
        self.held -= len(waiting)
        duplicates: list[EventRow] = []
        for held in waiting:
            if stored and relation(held.identity, row.identity) is Relation.SAME:
                duplicates.append(held)
            else:
                self.add(held)
        return duplicates

    def _begin_batch(self) -> None:
        super()._begin_batch()
        self._open_identities: set[Identity] = set()

    def _size(self, row: EventRow) -> int:
        """Bytes the row adds to the open batch: a profile that is in it already adds none."""
        size = len(row.payload) + 1
        if row.identity not in self._open_identities:
            size += len(row.profile) + ENTRY_OVERHEAD
        return size


class ProfileBatcher(Batcher["ProfileRow"]):
    """Packs profiles; rows of one person are merged while unsent, and keep their order after.

    A row that shares an identifier with a row under way, or with several unsent ones, is held
    back until those have come to their end.
    """

    def __init__(self, max_rows: int = MAX_PROFILES, max_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(max_rows, max_bytes)
        self._owner: dict[Identifier, ProfileRow] = {}
        self._held: dict[int, ProfileRow] = {}
        self._places: dict[Identifier, list[int]] = {}

    @property
    def held(self) -> int:
        """Rows held back."""
        return len(self._held)

    def add(self, row: ProfileRow) -> None:
        """Take a row into the open batch, merge it with an unsent one, or hold it back."""
        if places := self._collect(self._places, row):
            ahead = sorted({place for found in places for place in found})
            merged = _merge([self._held[place] for place in ahead], row)
            self._hold(merged or row, ahead[0] if merged else self._next_place)
            return
        owners = list(dict.fromkeys(self._collect(self._owner, row)))
        if not owners:
            self._pack(row)
        elif owners[0] in self._open and (merged := _merge(owners, row)):
            self._take_out(owners[0])
            self._pack(merged)
        else:
            self._hold(row, self._next_place)

    def claimed(self, identity: Identity) -> Identifier | None:
        """The first of these identifiers that a row here claims, which is not at its end."""
        return next((it for it in identity if it in self._owner or it in self._places), None)

    def rows_ended(self, rows: Iterable[ProfileRow], *, instead: Iterable[ProfileRow] = ()) -> None:
        """Note the end of rows; those held back because of them are packed or merged now.

        Rows `instead` take the place of the ended ones, before any that were held back.
        """
        for row in rows:
            for identifier in row.claims:
                del self._owner[identifier]
        waiting = [*instead, *self._held.values()]
        self._held, self._places = {}, {}
        for row in waiting:
            self.add(row)

    def _pack(self, row: ProfileRow) -> None:
        size = _profile_size(row)
        if not self._fits(size):
            self.close_batch()
        for identifier in row.claims:
            self._owner[identifier] = row
        self._put(row, size)

    def _take_out(self, row: ProfileRow) -> None:
        """Take an unsent row out of the open batch."""
        del self._open[row]
        self._bytes -= _profile_size(row)
        for identifier in row.claims:
            del self._owner[identifier]

    def _hold(self, row: ProfileRow, place: int) -> None:
        """Hold a row back, in a place of its own or in that of the row it has been merged with."""
        self._held[place] = row
        for identifier in row.claims:
            self._places.setdefault(identifier, []).append(place)

    @property
    def _next_place(self) -> int:
        """Behind all others; a merged row keeps its place, so there are as many as were held."""
        return len(self._held)

    @staticmethod
    def _collect(found: Mapping[Identifier, Found], row: ProfileRow) -> list[Found]:
        """What is found under the row's identifiers."""
        return [found[identifier] for identifier in row.claims if identifier in found]


class ImportBatcher(Batcher["ProfileRow"]):
    """Packs rows whose profiles are known to be different ones."""

    def __init__(self, max_rows: int = MAX_PROFILES, max_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(max_rows, max_bytes)

    def add(self, row: ProfileRow) -> None:
        """Take a row into the open batch."""
        size = _profile_size(row)
        if not self._fits(size):
            self.close_batch()
        self._put(row, size)


def _merge(owners: list[ProfileRow], row: ProfileRow) -> ProfileRow | None:
    """The one owner and the row as one, or None when they must stay apart."""
    if len(owners) != 1 or owners[0].alone or row.alone:
        return None
    if relation(owners[0].identity, row.identity) is not Relation.SAME:
        return None
    return merge_profiles(owners[0], row)


def _profile_size(row: ProfileRow) -> int:
    """Bytes of the row in a body, rounded up."""
    cleared = bytes_to_clear(row.cleared_properties)
    return len(row.attributes) + cleared + 100 + len(row.profile_id or "")
