"""What should be in Klaviyo: the rows of the feed, as the writer would send them."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import orjson

from target_klaviyo.rows.contract import Origin, ProfileRow, merge_profiles
from target_klaviyo.rows.identity import IDENTIFIER_KINDS, SILENT_DOMAIN

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from target_klaviyo.rows.contract import EventRow
    from target_klaviyo.rows.identity import Identity

_NO_ORIGIN = Origin("", b"", b"")


class ExpectedProfile(NamedTuple):
    """A profile as it should be.

    Attributes:
        reason: the one with which it stands in the rejects file, empty when it does not.
    """

    row: ProfileRow
    reason: str


class ExpectedRows:
    """Expected events and profiles; rows that come back have lost their origin.

    Args:
        store: where they are kept.
        keep_events: keep all of an event, to send it, and not just what is compared.
        sample_by: chooses the sample of profiles: another text, another sample.
        vanishing: metrics whose source records stop being shown, so that their events outlive them.
        moving_value: metrics whose value follows the source record, so that the value of the first
            sending, which Klaviyo keeps, says nothing.
    """

    def __init__(
        self,
        store: sqlite3.Connection,
        *,
        keep_events: bool = False,
        sample_by: str = "",
        vanishing: Iterable[str] = (),
        moving_value: Iterable[str] = (),
    ) -> None:
        self._store = store
        self._keep_events = keep_events
        self._sample_by = sample_by
        self._vanishing = frozenset(vanishing)
        self._moving_value = frozenset(moving_value)
        self.metrics: dict[str, int] = {}

    def include_metric(self, name: str) -> int:
        """A metric is to be compared, even if no event of it is expected; its number."""
        if name not in self.metrics:
            self.metrics[name] = len(self.metrics) + 1
            self._store.execute(
                "INSERT INTO metrics VALUES (?, ?, ?, ?)",
                (self.metrics[name], name, name in self._vanishing, name in self._moving_value),
            )
        return self.metrics[name]

    def add_event(self, row: EventRow) -> None:
        """Expect an event; of several under one (profile, metric, unique_id) the first stands."""
        identity = dict(row.identity)
        time = int(row.time.timestamp())
        added = self._store.execute(
            "INSERT OR IGNORE INTO expected (metric, unique_id, who, id, email, phone_number,"
            " external_id, time, earliest, latest, place, value, currency, silent, was_true)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.include_metric(row.metric),
                row.unique_id,
                who(row.identity),
                *map(identity.get, IDENTIFIER_KINDS),
                time,
                int(row.earliest.timestamp()),
                int(row.latest.timestamp()),
                None if row.was_true else time,
                row.value,
                orjson.loads(row.payload)["attributes"].get("value_currency"),
                SILENT_DOMAIN in row.warnings,
                row.was_true,
            ),
        )
        if self._keep_events and added.rowcount:
            self._store.execute(
                "INSERT INTO rows VALUES (?, ?)",
                (added.lastrowid, pickle.dumps(replace(row, origin=_NO_ORIGIN, warnings=[]))),
            )

    def add_profile(self, row: ProfileRow) -> None:
        """Expect a profile; of several rows of one identity the later ones win, field by field."""
        name = who(row.identity)
        earlier = self.profile(name)
        merged = (merge_profiles(earlier.row, row) or row) if earlier else row
        kept = replace(merged, origin=_NO_ORIGIN, parts=[], warnings=row.warnings)
        rank = hashlib.blake2b(f"{self._sample_by}\0{name}".encode(), digest_size=8).digest()
        self._store.execute(
            "INSERT OR REPLACE INTO profiles VALUES (?, ?, ?, '')", (name, pickle.dumps(kept), rank)
        )
        self._store.executemany(
            "INSERT OR IGNORE INTO anchors VALUES (?, ?)",
            [(name, anchor) for anchor in anchors(merged)],
        )

    def explain(self, row: EventRow | ProfileRow, reason: str) -> None:
        """Note why a row is not there: it is in the rejects file."""
        if isinstance(row, ProfileRow):
            self._store.execute(
                "UPDATE profiles SET reason = ? WHERE who = ?", (reason, who(row.identity))
            )
        elif row.metric in self.metrics:
            self._store.execute(
                "UPDATE expected SET reason = ? WHERE metric = ? AND unique_id = ? AND who = ?",
                (reason, self.metrics[row.metric], row.unique_id, who(row.identity)),
            )

    def span(self) -> list[int]:
        """Times of the first and the last event as the source tells them; nothing without any."""
        found = self._store.execute("SELECT min(time), max(time) FROM expected").fetchone()
        return [time for time in found if time is not None]

    def reach(self, metric: str, start: int, end: int) -> tuple[int, int]:
        """`start` and `end`, widened to where events that may stand between them may stand too."""
        earliest, after_latest = self._store.execute(
            "SELECT min(earliest), max(latest) + 1 FROM expected"
            " WHERE metric = ? AND earliest < latest AND latest >= ? AND earliest < ?",
            (self.metrics[metric], start, end),
        ).fetchone()
        return (start, end) if earliest is None else (min(start, earliest), max(end, after_latest))

    def sample(self, size: int) -> Iterator[ExpectedProfile]:
        """So many of the profiles, all when the size is negative."""
        found = self._store.execute(
            "SELECT row, reason FROM profiles ORDER BY rank, who LIMIT ?", (size,)
        )
        return (ExpectedProfile(pickle.loads(row), reason) for row, reason in found)  # noqa: S301

    def profile_count(self) -> int:
        """How many profiles are expected."""
        return int(self._store.execute("SELECT count(*) FROM profiles").fetchone()[0])

    def profile(self, name: str) -> ExpectedProfile | None:
        """The profile of that identity, as `who` names it."""
        found = self._store.execute(
            "SELECT row, reason FROM profiles WHERE who = ?", (name,)
        ).fetchone()
        return ExpectedProfile(pickle.loads(found[0]), found[1]) if found else None  # noqa: S301  (our own file)


def who(identity: Identity) -> str:
    """The identifier that decides whose row it is."""
    kind, value = identity[0]
    return f"{kind}:{value}"


def anchors(row: ProfileRow) -> list[str]:
    """The external ids under which the row's person may be known in Klaviyo, the present first."""
    present = [value for kind, value in row.identity if kind == "external_id"]
    return list(dict.fromkeys([*present, *row.also_known_as]))
