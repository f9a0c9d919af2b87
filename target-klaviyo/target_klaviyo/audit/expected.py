"""What should be in Klaviyo: the rows of the feed, as the writer would send them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from target_klaviyo.rows.contract import Origin, ProfileRow
from target_klaviyo.rows.identity import SILENT_DOMAIN
from target_klaviyo.rows.merging import merge_profiles

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from target_klaviyo.rows.contract import EventRow
    from target_klaviyo.rows.identity import Identity

_ROWS_A_WRITE = 500


@dataclass(frozen=True)
class ExpectedProfile:
    """A profile as it should be.

    Attributes:
        silent: Klaviyo drops its domain's addresses without a word.
        reason: the one with which it stands in the rejects file, empty when it does not.
    """

    row: ProfileRow
    silent: bool
    reason: str


class ExpectedRows:
    """Expected events and profiles.

    Args:
        store: where they are kept.
        keep_payloads: keep what is needed to send events, not just to compare them.
        sample_by: chooses the sample of profiles: another text, another sample.
    """

    def __init__(self, store: sqlite3.Connection, *, keep_payloads: bool, sample_by: str) -> None:
        self._store = store
        self._keep_payloads = keep_payloads
        self._sample_by = sample_by
        self._count = 0
        self._events: list[tuple[object, ...]] = []
        self._payloads: list[tuple[object, ...]] = []
        self.metrics: dict[str, int] = {}

    def include_metric(self, name: str) -> int:
        """A metric is to be compared, even if no event of it is expected; its number."""
        if name not in self.metrics:
            self.metrics[name] = len(self.metrics) + 1
            self._store.execute("INSERT INTO metrics VALUES (?, ?)", (self.metrics[name], name))
        return self.metrics[name]

    def add_event(self, row: EventRow) -> None:
        """Expect an event; of several under one (profile, metric, unique_id) the first stands."""
        self._count += 1
        identity = dict(row.identity)
        time = int(row.time.timestamp())
        self._events.append(
            (
                self._count,
                self.include_metric(row.metric),
                row.unique_id,
                who(row.identity),
                identity.get("id"),
                identity.get("email"),
                identity.get("phone_number"),
                identity.get("external_id"),
                time,
                int(row.earliest.timestamp()),
                int(row.latest.timestamp()),
                None if row.was_true else time,
                row.value,
                orjson.loads(row.payload)["attributes"].get("value_currency"),
                SILENT_DOMAIN in row.warnings,
                row.was_true,
            )
        )
        if self._keep_payloads:
            self._payloads.append((self._count, row.profile, row.payload))
        if len(self._events) >= _ROWS_A_WRITE:
            self.write()

    def add_profile(self, row: ProfileRow) -> None:
        """Expect a profile; of several rows of one identity the later ones win, field by field."""
        name = who(row.identity)
        earlier = self.profile(name)
        merged = (merge_profiles(earlier.row, row) or row) if earlier else row
        rank = hashlib.blake2b(f"{self._sample_by}\0{name}".encode(), digest_size=8).digest()
        self._store.execute(
            "INSERT OR REPLACE INTO profiles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (
                name,
                orjson.dumps(merged.identity),
                merged.profile_id,
                orjson.dumps(merged.also_known_as),
                merged.attributes,
                orjson.dumps(sorted(merged.cleared_properties)),
                orjson.dumps(sorted(merged.cleared_attributes)),
                SILENT_DOMAIN in row.warnings,
                rank,
            ),
        )
        self._store.executemany(
            "INSERT OR IGNORE INTO anchors VALUES (?, ?)",
            [(name, anchor) for anchor in anchors(merged)],
        )

    def explain(self, row: EventRow | ProfileRow, reason: str) -> None:
        """Note why a row is not there: it is in the rejects file."""
        self.write()
        if isinstance(row, ProfileRow):
            self._store.execute(
                "UPDATE profiles SET reason = ? WHERE who = ?", (reason, who(row.identity))
            )
        elif row.metric in self.metrics:
            self._store.execute(
                "UPDATE expected SET reason = ? WHERE metric = ? AND unique_id = ? AND who = ?",
                (reason, self.metrics[row.metric], row.unique_id, who(row.identity)),
            )

    def write(self) -> None:
        """Put what has gathered into the store."""
        self._store.execute("BEGIN")
        self._store.executemany(
            "INSERT OR IGNORE INTO expected (number, metric, unique_id, who, id, email,"
            " phone_number, external_id, time, earliest, latest, place, value,"
            " currency, silent, was_true)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._events,
        )
        self._store.executemany("INSERT INTO payloads VALUES (?, ?, ?)", self._payloads)
        self._store.execute("COMMIT")
        self._events.clear()
        self._payloads.clear()

    def span(self) -> tuple[int, int] | None:
        """Times of the first and the last event as the source tells them, None without any."""
        first, last = self._store.execute("SELECT min(time), max(time) FROM expected").fetchone()
        return None if first is None else (first, last)

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
        names = self._store.execute("SELECT who FROM profiles ORDER BY rank, who LIMIT ?", (size,))
        for (name,) in names.fetchall():
            profile = self.profile(name)
            if profile is not None:
                yield profile

    def profile_count(self) -> int:
        """How many profiles are expected."""
        return int(self._store.execute("SELECT count(*) FROM profiles").fetchone()[0])

    def profile(self, name: str) -> ExpectedProfile | None:
        """The profile of that identity, as `who` names it."""
        found = self._store.execute(
            "SELECT identity, profile_id, also_known_as, attributes, cleared_properties,"
            " cleared_attributes, silent, reason FROM profiles WHERE who = ?",
            (name,),
        ).fetchone()
        if found is None:
            return None
        identity, profile_id, others, attributes, properties, cleared, silent, reason = found
        row = ProfileRow(
            Origin("", b"", b""),
            tuple((kind, value) for kind, value in orjson.loads(identity)),
            profile_id,
            attributes,
            frozenset(orjson.loads(properties)),
            frozenset(orjson.loads(cleared)),
            [SILENT_DOMAIN] if silent else [],
            also_known_as=tuple(orjson.loads(others)),
        )
        return ExpectedProfile(row, bool(silent), reason or "")


def who(identity: Identity) -> str:
    """The identifier that decides whose row it is."""
    kind, value = identity[0]
    return f"{kind}:{value}"


def anchors(row: ProfileRow) -> list[str]:
    """The external ids under which the row's person may be known in Klaviyo, the present first."""
    present = [value for kind, value in row.identity if kind == "external_id"]
    return list(dict.fromkeys([*present, *row.also_known_as]))
