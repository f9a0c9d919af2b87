"""What should be in Klaviyo: the rows of the feed, as the writer would send them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import orjson

from target_klaviyo.audit.store import EXPECTED, Candidate, read_candidate, read_identity, who
from target_klaviyo.audit.timezones import SLOT_SECONDS, Amount
from target_klaviyo.rows.contract import Origin, ProfileRow
from target_klaviyo.rows.identity import SILENT_DOMAIN
from target_klaviyo.rows.merging import merge_profiles

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from target_klaviyo.rows.contract import EventRow

_ROWS_A_WRITE = 500


class Slot(NamedTuple):
    """Expected events of a quarter of an hour.

    Attributes:
        silent: those of them that Klaviyo drops without a word.
        foreign: how many have a currency other than the account's.
    """

    slot: int
    total: Amount
    silent: Amount
    foreign: int


class Expectations:
    """Expected events and profiles.

    Args:
        store: where they are kept.
        audit_key: name of the event property by which events are known again.
        currency: the account's; amounts in others cannot be summed with its.
        keep_payloads: keep what is needed to send events, not just to compare them.
        sample_by: chooses the sample of profiles: another text, another sample.
    """

    def __init__(
        self,
        store: sqlite3.Connection,
        *,
        audit_key: str,
        currency: str,
        keep_payloads: bool,
        sample_by: str,
    ) -> None:
        self._database = store
        self._audit_key = audit_key
        self._currency = currency
        self._keep_payloads = keep_payloads
        self._sample_by = sample_by
        self._metrics: dict[str, int] = {}
        self._events: list[tuple[object, ...]] = []

    def know(self, metric: str) -> None:
        """A metric is to be compared, even if no event of it is expected."""
        if metric not in self._metrics:
            number = self._metrics[metric] = len(self._metrics) + 1
            self._database.execute("INSERT INTO metrics VALUES (?, ?)", (number, metric))

    def add_event(self, row: EventRow) -> None:
        """Expect an event; of several under one (profile, metric, unique_id) the first stands."""
        self.know(row.metric)
        attributes = orjson.loads(row.payload)["attributes"]
        key = attributes["properties"].get(self._audit_key)
        time = int(row.time.timestamp())
        self._events.append(
            (
                self._metrics[row.metric],
                row.unique_id,
                who(row.identity),
                orjson.dumps(row.identity),
                time,
                int(row.earliest.timestamp()) if row.earliest else time,
                time,
                row.value,
                attributes.get("value_currency"),
                "" if key is None else str(key),
                SILENT_DOMAIN in row.warnings,
                row.profile if self._keep_payloads else None,
                row.payload if self._keep_payloads else None,
            )
        )
        if len(self._events) >= _ROWS_A_WRITE:
            self._write_events()

    def add_profile(self, row: ProfileRow) -> None:
        """Expect a profile; of several rows of one identity the later ones win, field by field."""
        name = who(row.identity)
        earlier = self.expected_profile(name)
        merged = (merge_profiles(earlier, row) or row) if earlier else row
        silent = SILENT_DOMAIN in row.warnings
        rank = hashlib.blake2b(f"{self._sample_by}\0{name}".encode(), digest_size=8).digest()
        self._database.execute(
            "INSERT OR REPLACE INTO profiles VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (
                name,
                orjson.dumps(merged.identity),
                merged.profile_id,
                merged.attributes,
                orjson.dumps(sorted(merged.cleared_properties)),
                orjson.dumps(sorted(merged.cleared_attributes)),
                silent,
                rank,
            ),
        )

    def explain(self, row: EventRow | ProfileRow, reason: str) -> None:
        """Note why a row is not there: it is in the rejects file."""
        self._write_events()
        if isinstance(row, ProfileRow):
            self._database.execute(
                "UPDATE profiles SET reason = ? WHERE who = ?", (reason, who(row.identity))
            )
        elif row.metric in self._metrics:
            self._database.execute(
                "UPDATE expected SET reason = ? WHERE metric = ? AND unique_id = ? AND who = ?",
                (reason, self._metrics[row.metric], row.unique_id, who(row.identity)),
            )

    def metrics(self) -> list[str]:
        """Names of the metrics expected, in alphabetical order."""
        self._write_events()
        return sorted(self._metrics)

    def span(self) -> tuple[int, int] | None:
        """Times of the first and the last event as the source tells them, None without any."""
        self._write_events()
        first, last = self._database.execute(
            "SELECT min(latest), max(latest) FROM expected"
        ).fetchone()
        return None if first is None else (first, last)

    def slots(self, metric: str, start: int, end: int) -> Iterator[Slot]:
        """Expected events from `start` up to `end`, by quarter of an hour, in order."""
        rows = self._database.execute(
            f"SELECT time / {SLOT_SECONDS}, count(*), total(value), total(silent),"  # noqa: S608  (a constant)
            " total(CASE WHEN silent THEN value END),"
            " total(currency IS NOT NULL AND currency <> ?)"
            " FROM expected WHERE metric = ? AND time >= ? AND time < ? GROUP BY 1 ORDER BY 1",
            (self._currency, self._metrics[metric], start, end),
        )
        for slot, count, value, silent, silent_value, foreign in rows:
            yield Slot(slot, Amount(count, value), Amount(int(silent), silent_value), int(foreign))

    def sums(self, metric: str, start: int, end: int) -> dict[str, float]:
        """Sum of the expected values from `start` up to `end`, by currency.

        What names no currency is in the account's, as Klaviyo takes it.
        """
        rows = self._database.execute(
            "SELECT coalesce(currency, ?), total(value) FROM expected"
            " WHERE metric = ? AND time >= ? AND time < ? AND value <> 0 GROUP BY 1 ORDER BY 1",
            (self._currency, self._metrics[metric], start, end),
        )
        return dict(rows.fetchall())

    def followed(self, metric: str, start: int, end: int) -> int:
        """How many events are stored under an earlier time than the source tells by now."""
        row = self._database.execute(
            "SELECT count(*) FROM expected"
            " WHERE metric = ? AND time >= ? AND time < ? AND time < latest",
            (self._metrics[metric], start, end),
        ).fetchone()
        return int(row[0])

    def silent(self, metric: str, start: int, end: int) -> Iterator[Candidate]:
        """Expected events of a span of time that Klaviyo drops without a word."""
        rows = self._database.execute(
            f"SELECT {EXPECTED} FROM expected"  # noqa: S608  (a constant)
            " WHERE metric = ? AND time >= ? AND time < ? AND silent ORDER BY time, number",
            (self._metrics[metric], start, end),
        )
        yield from map(read_candidate, rows)

    def sample(self, size: int) -> Iterator[tuple[ProfileRow, bool, str | None]]:
        """(profile, whether its domain is silent, reason it was rejected) of `size` profiles.

        A negative size means all.
        """
        rows = self._database.execute(
            "SELECT who, silent, reason FROM profiles ORDER BY rank, who LIMIT ?", (size,)
        )
        for name, silent, reason in rows.fetchall():
            profile = self.expected_profile(name)
            if profile is not None:
                yield profile, bool(silent), reason

    def profile_count(self) -> int:
        """How many profiles are expected."""
        return int(self._database.execute("SELECT count(*) FROM profiles").fetchone()[0])

    def expected_profile(self, name: str) -> ProfileRow | None:
        """The profile of that identity, as `who` names it."""
        row = self._database.execute(
            "SELECT identity, profile_id, attributes, cleared_properties, cleared_attributes,"
            " silent FROM profiles WHERE who = ?",
            (name,),
        ).fetchone()
        if row is None:
            return None
        identity, profile_id, attributes, properties, others, silent = row
        return ProfileRow(
            Origin("", b"", b""),
            read_identity(identity),
            profile_id,
            attributes,
            frozenset(orjson.loads(properties)),
            frozenset(orjson.loads(others)),
            [SILENT_DOMAIN] if silent else [],
        )

    def _write_events(self) -> None:
        if self._events:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR IGNORE INTO expected (metric, unique_id, who, identity, time, earliest,"
                " latest, value, currency, key, silent, profile, payload)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                self._events,
            )
            self._database.execute("COMMIT")
            self._events = []
