"""What should be in Klaviyo, and what was found of it: a temporary SQLite file.

Memory stays flat whatever the number of events; the file is SQLite's own, unnamed, and gone with
the process.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson

from target_klaviyo.audit.findings import Finding, Kind
from target_klaviyo.audit.timezones import SLOT_SECONDS, Amount
from target_klaviyo.identity import SILENT_DOMAIN
from target_klaviyo.rows import Origin, ProfileRow, merge_profiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_klaviyo.audit.queries import FoundEvent
    from target_klaviyo.identity import Identity
    from target_klaviyo.rows import EventRow

_SCHEMA = """
CREATE TABLE metrics (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE expected (
  number INTEGER PRIMARY KEY,
  metric INTEGER NOT NULL,
  unique_id TEXT NOT NULL,
  who TEXT NOT NULL,            -- the identifier that decides, as 'kind:value'
  identity BLOB NOT NULL,       -- all of them, as JSON
  time INTEGER NOT NULL,
  value REAL,
  currency TEXT,
  key TEXT NOT NULL,            -- the property by which Klaviyo's event is known again, or ''
  silent INTEGER NOT NULL,      -- goes to a domain whose events Klaviyo drops
  profile BLOB,
  payload BLOB,
  reason TEXT,                  -- from the rejects file
  pair INTEGER,                 -- the found event it is
  sent INTEGER NOT NULL DEFAULT 0,
  UNIQUE (metric, unique_id, who)
);
CREATE INDEX expected_time ON expected (metric, time);
CREATE TABLE found (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  time INTEGER NOT NULL,
  key TEXT NOT NULL,
  unique_id TEXT NOT NULL,
  value REAL,
  identity BLOB NOT NULL,
  pair INTEGER
);
CREATE INDEX found_key ON found (key, time);
CREATE INDEX found_time ON found (time);
CREATE TABLE profiles (
  who TEXT PRIMARY KEY,
  identity BLOB NOT NULL,
  profile_id TEXT,
  attributes BLOB NOT NULL,
  cleared_properties BLOB NOT NULL,
  cleared_attributes BLOB NOT NULL,
  silent INTEGER NOT NULL,
  rank BLOB NOT NULL,
  reason TEXT
);
CREATE INDEX profiles_rank ON profiles (rank);
CREATE TABLE spans (start INTEGER PRIMARY KEY, end INTEGER NOT NULL);
CREATE TABLE findings (
  metric INTEGER NOT NULL, kind TEXT NOT NULL, expected INTEGER, found INTEGER
);
CREATE INDEX findings_metric ON findings (metric, kind);
"""
_SELECT_WITHIN_SPANS = (
    "SELECT number, key, unique_id, time, value, identity FROM expected AS e"
    " WHERE metric = ? AND pair IS NULL AND time <"
    " (SELECT end FROM spans WHERE start <= e.time ORDER BY start DESC LIMIT 1)"
)
_ROWS_A_WRITE = 500
LISTED_PER_KIND = 500


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


class Candidate(NamedTuple):
    """An event to be matched, expected or found."""

    number: int
    key: str
    unique_id: str
    time: int
    value: float | None
    identity: Identity


@dataclass(frozen=True)
class MissingEvent:
    """An event to be sent (again), as it was read."""

    number: int
    metric: str
    unique_id: str
    identity: Identity
    time: int
    value: float | None
    profile: bytes
    payload: bytes


class Expectations:
    """Expected events and profiles, found events, and what came of comparing them.

    Args:
        audit_key: name of the event property by which events are known again.
        currency: the account's; amounts in others cannot be summed with its.
        keep_payloads: keep what is needed to send events, not just to compare them.
        sample_by: chooses the sample of profiles: another text, another sample.
    """

    def __init__(
        self, *, audit_key: str, currency: str, keep_payloads: bool, sample_by: str
    ) -> None:
        self._audit_key = audit_key
        self._currency = currency
        self._keep_payloads = keep_payloads
        self._sample_by = sample_by
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("PRAGMA cache_size = -16384")
        self._database.executescript(_SCHEMA)
        self._metrics: dict[str, int] = {}
        self._events: list[tuple[object, ...]] = []

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    # What should be there.

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
        self._events.append(
            (
                self._metrics[row.metric],
                row.unique_id,
                who(row.identity),
                orjson.dumps(row.identity),
                int(row.time.timestamp()),
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
        """Times of the first and the last event, None without any."""
        self._write_events()
        first, last = self._database.execute("SELECT min(time), max(time) FROM expected").fetchone()
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

    # What is there.

    def begin_matching(self) -> None:
        """Forget what was found of the metric before."""
        self._database.execute("DELETE FROM found")

    def match_within(self, spans: Iterable[tuple[int, int]]) -> None:
        """From now on, only expected events of these spans of time are to be matched."""
        self._database.execute("DELETE FROM spans")
        self._database.executemany("INSERT INTO spans VALUES (?, ?)", spans)

    def loose_times(self, metric: str) -> Iterator[int]:
        """Times of the events, expected or found, that have no counterpart yet."""
        for source in (self.expected_unpaired(metric), self.leftovers()):
            for each in source:
                yield each.time

    def add_found(self, events: Iterable[FoundEvent]) -> None:
        """Take events as Klaviyo shows them."""
        self._database.executemany(
            "INSERT INTO found (id, time, key, unique_id, value, identity)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    event.id,
                    event.time,
                    event.key,
                    event.unique_id,
                    event.value,
                    orjson.dumps([[kind, text] for kind, text in event.who.items()]),
                )
                for event in events
            ),
        )

    def expected_unpaired(self, metric: str, *, by_key: bool = False) -> Iterator[Candidate]:
        """Expected events within the spans that are not found yet, by time or by key and time."""
        order = "key, time, number" if by_key else "time, number"
        rows = self._database.execute(
            f"{_SELECT_WITHIN_SPANS} ORDER BY {order}",
            (self._metrics[metric],),
        )
        yield from map(_candidate, rows)

    def found_unpaired(self, *, key: str | None = None, time: int | None = None) -> list[Candidate]:
        """Found events that are none of the expected yet: of a key, or of a second."""
        rows = self._database.execute(
            "SELECT number, key, unique_id, time, value, identity FROM found"
            " WHERE key = ? AND pair IS NULL ORDER BY time, number"
            if key is not None
            else "SELECT number, key, unique_id, time, value, identity FROM found"
            " WHERE time = ? AND pair IS NULL ORDER BY number",
            (key if key is not None else time,),
        )
        return [_candidate(row) for row in rows]

    def pair(self, expected: int, found: int) -> None:
        """An expected and a found event are the same."""
        self._database.execute("UPDATE expected SET pair = ? WHERE number = ?", (found, expected))
        self._database.execute("UPDATE found SET pair = ? WHERE number = ?", (expected, found))

    # What came of it.

    def begin_findings(self) -> None:
        """Start over: a second audit compares the same expectations anew."""
        self._write_events()
        self._database.execute("DELETE FROM findings")
        self._database.execute("UPDATE expected SET pair = NULL WHERE pair IS NOT NULL")

    def pairs(self) -> Iterator[tuple[Candidate, Candidate]]:
        """(expected, found) of the metric just matched."""
        rows = self._database.execute(
            "SELECT e.number, e.key, e.unique_id, e.time, e.value, e.identity,"
            " f.number, f.key, f.unique_id, f.time, f.value, f.identity"
            " FROM found AS f CROSS JOIN expected AS e ON e.number = f.pair ORDER BY f.number"
        )
        for row in rows:
            yield _candidate(row[:6]), _candidate(row[6:])

    def leftovers(self) -> Iterator[Candidate]:
        """Found events that are none of the expected."""
        rows = self._database.execute(
            "SELECT number, key, unique_id, time, value, identity FROM found"
            " WHERE pair IS NULL ORDER BY time, number"
        )
        yield from map(_candidate, rows)

    def silent_or_rejected(self, expected: int) -> tuple[bool, str | None]:
        """Whether Klaviyo drops an event without a word; its reason in the rejects file."""
        silent, reason = self._database.execute(
            "SELECT silent, reason FROM expected WHERE number = ?", (expected,)
        ).fetchone()
        return bool(silent), reason

    def silent(self, metric: str, start: int, end: int) -> Iterator[Candidate]:
        """Expected events of a span of time that Klaviyo drops without a word."""
        rows = self._database.execute(
            "SELECT number, key, unique_id, time, value, identity FROM expected"
            " WHERE metric = ? AND time >= ? AND time < ? AND silent ORDER BY time, number",
            (self._metrics[metric], start, end),
        )
        yield from map(_candidate, rows)

    def log_of(self, metric: str) -> FindingLog:
        """An empty log of findings of a metric."""
        number = self._metrics[metric]

        def keep(kind: Kind, expected: int | None, found: int | None) -> None:
            self._database.execute(
                "INSERT INTO findings VALUES (?, ?, ?, ?)", (number, kind.value, expected, found)
            )

        return FindingLog(metric, keep)

    def missing_to_send(self) -> Iterator[MissingEvent]:
        """The events found missing, in order of time, marked as sent from now on."""
        names = {number: name for name, number in self._metrics.items()}
        rows = self._database.execute(
            "SELECT e.number, e.metric, e.unique_id, e.identity, e.time, e.value, e.profile,"
            " e.payload FROM findings f JOIN expected e ON e.number = f.expected"
            " WHERE f.kind = ? ORDER BY e.time, e.number",
            (Kind.MISSING.value,),
        )
        for number, metric, unique_id, identity, time, value, profile, payload in rows:
            yield MissingEvent(
                number, names[metric], unique_id, _identity(identity), time, value, profile, payload
            )
        self._database.execute(
            "UPDATE expected SET sent = 1 WHERE number IN"
            " (SELECT expected FROM findings WHERE kind = ?)",
            (Kind.MISSING.value,),
        )

    def sent_and_missing(self) -> int:
        """How many events are missing although they were just sent."""
        row = self._database.execute(
            "SELECT count(*) FROM findings f JOIN expected e ON e.number = f.expected"
            " WHERE f.kind = ? AND e.sent = 1",
            (Kind.MISSING.value,),
        ).fetchone()
        return int(row[0])

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

    def _write_events(self) -> None:
        if self._events:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR IGNORE INTO expected (metric, unique_id, who, identity, time, value,"
                " currency, key, silent, profile, payload)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                self._events,
            )
            self._database.execute("COMMIT")
            self._events = []

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
            _identity(identity),
            profile_id,
            attributes,
            frozenset(orjson.loads(properties)),
            frozenset(orjson.loads(others)),
            [SILENT_DOMAIN] if silent else [],
        )


class FindingLog:
    """The findings of a metric: all of them counted and kept, some listed for the report.

    Args:
        metric: its name.
        keep: stores (kind, expected, found), the latter two by number.
    """

    def __init__(self, metric: str, keep: Callable[[Kind, int | None, int | None], None]) -> None:
        self._metric = metric
        self._keep = keep
        self.counts: Counter[Kind] = Counter()
        self.listed: list[Finding] = []

    def add(
        self, kind: Kind, expected: Candidate | None, found: Candidate | None, reason: str
    ) -> None:
        """Note a finding."""
        self._keep(kind, expected and expected.number, found and found.number)
        self.counts[kind] += 1
        either = expected or found
        if self.counts[kind] > LISTED_PER_KIND or either is None:
            return
        self.listed.append(
            Finding(
                kind,
                self._metric,
                either.key,
                either.unique_id,
                _shown(either.identity),
                expected and expected.time,
                found and found.time,
                expected and expected.value,
                found and found.value,
                reason,
            )
        )


def who(identity: Identity) -> str:
    """The identifier that decides whose row it is."""
    kind, value = identity[0]
    return f"{kind}:{value}"


def _candidate(row: tuple[int, str, str, int, float | None, bytes]) -> Candidate:
    number, key, unique_id, time, value, identity = row
    return Candidate(number, key, unique_id, time, value, _identity(identity))


def _identity(serialised: bytes) -> Identity:
    return tuple((kind, value) for kind, value in orjson.loads(serialised))


def _shown(identity: Identity) -> str:
    """The identifier a person would look for."""
    known = dict(identity)
    for kind in ("email", "phone_number", "external_id", "id"):
        if kind in known:
            return known[kind]
    return ""
