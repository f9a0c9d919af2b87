"""Packing rows into requests, in an order that cannot change what ends up in Klaviyo (pure).

Klaviyo works on several requests, and on several import jobs, at once and in any order. So
whatever must keep its order is never under way twice: a second event under a key under way waits
for the first, and so does a second row of a person whose profile is under way.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from target_klaviyo.rows.contract import bytes_to_clear
from target_klaviyo.rows.identity import Relation, relation
from target_klaviyo.rows.merging import merge_profiles
from target_klaviyo.writing.payloads import BODY_OVERHEAD, ENTRY_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_klaviyo.rows.contract import EventRow, ProfileRow
    from target_klaviyo.rows.identity import Identity

MAX_EVENTS = 1_000
MAX_PROFILES = 10_000
MAX_BODY_BYTES = 4_950_000  # Klaviyo: 5 MB, counted decompressed; the rest is margin


class EventBatcher:
    """Packs events; of events with one (profile, metric, unique_id), the first stored one wins.

    `full` holds the batches that are ready to be sent, `open_epoch` is the oldest epoch in the
    open one. `row_ended` must be told of every row that has been stored or rejected: only then may
    a row with the same key go.
    """

    def __init__(self, max_rows: int = MAX_EVENTS, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._open: list[EventRow] = []
        self.open_epoch: int | None = None
        self._bytes = BODY_OVERHEAD
        self._open_identities: set[Identity] = set()
        self._under_way: dict[tuple[str, str], list[EventRow]] = {}
        self._waiting: dict[tuple[str, str], list[EventRow]] = {}
        self.full: list[list[EventRow]] = []
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
        self._pack(row)

    def close_batch(self) -> None:
        """Close the open batch, full or not."""
        if self._open:
            self.full.append(self._open)
        self._open = []
        self.open_epoch = None
        self._bytes = BODY_OVERHEAD
        self._open_identities = set()

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

    def _pack(self, row: EventRow) -> None:
        size = self._size(row)
        if len(self._open) >= self._max_rows or (
            self._open and self._bytes + size > self._max_bytes
        ):
            self.close_batch()
            size = self._size(row)
        self._open.append(row)
        self.open_epoch = _oldest(self.open_epoch, row.epoch)
        self._bytes += size
        self._open_identities.add(row.identity)
        if len(self._open) >= self._max_rows:
            self.close_batch()

    def _size(self, row: EventRow) -> int:
        size = len(row.payload) + 1
        if row.identity not in self._open_identities:
            size += len(row.profile) + ENTRY_OVERHEAD
        return size


class ProfileBatcher:
    """Packs profiles; rows of one identity are merged while unsent, and keep their order after.

    A row that shares an identifier with a row under way, or with several unsent ones, is held
    back until those have been settled.
    """

    def __init__(self, max_rows: int = MAX_PROFILES, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._open: dict[int, ProfileRow] = {}
        self.open_epoch: int | None = None
        self._bytes = BODY_OVERHEAD
        self._owner: dict[tuple[str, str], ProfileRow] = {}
        self._tickets = itertools.count()
        self._waiting: dict[ProfileRow, int] = {}
        self._waiting_owner: dict[tuple[str, str], list[ProfileRow]] = {}
        self.full: list[list[ProfileRow]] = []

    @property
    def held(self) -> int:
        """Rows held back."""
        return len(self._waiting)

    def add(self, row: ProfileRow) -> None:
        """Take a row into the open batch, merge it with an unsent one, or hold it back."""
        waiting = _distinct(
            it for identifier in row.identity for it in self._waiting_owner.get(identifier, ())
        )
        if waiting:
            merged = _merge(waiting, row)
            if merged is None:
                self._hold(row, next(self._tickets))
            else:
                self._hold(merged, self._stop_waiting(waiting[0]))
            return
        owners = _distinct(
            self._owner[identifier] for identifier in row.identity if identifier in self._owner
        )
        if not owners:
            self._pack(row)
        elif id(owners[0]) in self._open and (merged := _merge(owners, row)) is not None:
            self._replace(owners[0], merged)
        else:
            self._hold(row, next(self._tickets))

    def close_batch(self) -> None:
        """Close the open batch, full or not."""
        if self._open:
            self.full.append(list(self._open.values()))
        self._open = {}
        self.open_epoch = None
        self._bytes = BODY_OVERHEAD

    def rows_ended(self, rows: Iterable[ProfileRow], *, instead: Iterable[ProfileRow] = ()) -> None:
        """Note the end of rows; those held back because of them are packed or merged now.

        Rows `instead` take the place of the settled ones, before any that were held back.
        """
        for row in rows:
            for identifier in row.identity:
                del self._owner[identifier]
        waiting = [*instead, *sorted(self._waiting, key=self._waiting.__getitem__)]
        self._waiting = {}
        self._waiting_owner = {}
        for row in waiting:
            self.add(row)

    def _pack(self, row: ProfileRow) -> None:
        size = _profile_size(row)
        if self._open and self._bytes + size > self._max_bytes:
            self.close_batch()
        self._open[id(row)] = row
        self.open_epoch = _oldest(self.open_epoch, row.epoch)
        self._bytes += size
        for identifier in row.identity:
            self._owner[identifier] = row
        if len(self._open) >= self._max_rows:
            self.close_batch()

    def _replace(self, row: ProfileRow, merged: ProfileRow) -> None:
        """Put `merged` in the place of an open row, at the end of the batch."""
        del self._open[id(row)]
        self._bytes -= _profile_size(row)
        for identifier in row.identity:
            del self._owner[identifier]
        self._pack(merged)

    def _hold(self, row: ProfileRow, ticket: int) -> None:
        """Hold a row back in the place that its ticket gives it."""
        self._waiting[row] = ticket
        for identifier in row.identity:
            self._waiting_owner.setdefault(identifier, []).append(row)

    def _stop_waiting(self, row: ProfileRow) -> int:
        """Take a row out; returns its ticket, for the merged row that takes its place."""
        for identifier in row.identity:
            self._waiting_owner[identifier].remove(row)
        return self._waiting.pop(row)


def _merge(owners: list[ProfileRow], row: ProfileRow) -> ProfileRow | None:
    """The one owner and the row as one, or None when they must stay apart."""
    if len(owners) != 1 or owners[0].alone or row.alone:
        return None
    if relation(owners[0].identity, row.identity) is not Relation.SAME:
        return None
    return merge_profiles(owners[0], row)


def _oldest(epoch: int | None, other: int) -> int:
    return other if epoch is None else min(epoch, other)


def _distinct(rows: Iterable[ProfileRow]) -> list[ProfileRow]:
    return list({id(row): row for row in rows}.values())


def _profile_size(row: ProfileRow) -> int:
    """Bytes of the row in a body, rounded up."""
    cleared = bytes_to_clear(row.cleared_properties)
    return len(row.attributes) + cleared + 100 + len(row.profile_id or "")
