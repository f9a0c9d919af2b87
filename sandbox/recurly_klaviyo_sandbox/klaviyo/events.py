"""The events: stored in a temporary SQLite file, so that millions cost no memory."""

from __future__ import annotations

import sqlite3
import weakref
from typing import TYPE_CHECKING, NamedTuple

from recurly_klaviyo_sandbox.klaviyo.values import BASE62

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEMA = """
CREATE TABLE events (
  number INTEGER PRIMARY KEY,
  metric INTEGER NOT NULL,
  profile INTEGER NOT NULL,
  first_profile INTEGER NOT NULL,  -- whose key it is: differs from `profile` after some merges
  key BLOB NOT NULL,          -- the unique_id (text), or without one the second (integer)
  time INTEGER NOT NULL,
  value REAL,
  currency TEXT,
  backfill INTEGER NOT NULL,
  received REAL NOT NULL,
  properties BLOB NOT NULL
);
CREATE UNIQUE INDEX once ON events (first_profile, metric, key);
CREATE INDEX people ON events (profile);
CREATE INDEX timeline ON events (metric, time);
CREATE TABLE flows (event INTEGER PRIMARY KEY, key BLOB, time INTEGER);
CREATE TRIGGER flow AFTER INSERT ON events WHEN NEW.backfill = 0 BEGIN
  INSERT INTO flows VALUES (NEW.number, NEW.key, NEW.time);
END;
"""


class StoredEvent(NamedTuple):
    """An event: numbers refer to metric and profile, times are seconds since 1970.

    Its own number is 0 until it is stored.
    """

    metric: int
    profile: int
    key: str | int
    time: int
    value: float | None
    currency: str | None
    backfill: bool
    received: float
    properties: bytes
    number: int = 0

    @property
    def id(self) -> str:
        """Short letters and digits, the same in every run."""
        digits = ""
        rest = self.number * 0x9E3779B97F4A7C15 % 2**62
        for _ in range(11):
            rest, digit = divmod(rest, 62)
            digits = BASE62[digit] + digits
        return digits


_COLUMNS = ", ".join(StoredEvent._fields)


class Flow(NamedTuple):
    """A flow that an event without `backfill` would have started, had one been live."""

    unique_id: str | int
    time: int


class Totals(NamedTuple):
    """A metric in numbers; `sums` are (currency, sum of values)."""

    events: int
    people: int
    latest: int | None
    sums: list[tuple[str | None, float]]


class EventLog:
    """Events, each kept once per (profile, metric, unique_id): the first wins (documented)."""

    def __init__(self) -> None:
        # The empty name is a temporary file of SQLite's own; tests read from another thread.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("PRAGMA cache_size = -65536")
        self._database.executescript(_SCHEMA)

    def add(self, events: Iterable[StoredEvent]) -> None:
        """Store events; those already there are left out without a word (documented)."""
        self._database.execute("BEGIN")
        self._database.executemany(
            f"INSERT OR IGNORE INTO events ({_COLUMNS}, first_profile)"  # noqa: S608  (no client text)
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, nullif(?10, 0), ?2)",
            events,
        )
        self._database.execute("COMMIT")

    def select(
        self, where: str = "1", arguments: Iterable[object] = (), tail: str = ""
    ) -> list[StoredEvent]:
        """Events under a condition written in SQL by this package, never by a client."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM events WHERE {where} {tail}",  # noqa: S608  (no client text)
            tuple(arguments),
        )
        return [StoredEvent(*row) for row in rows]

    def times(self, metric: int, start: int, end: int) -> list[int]:
        """When a metric's events in [start, end) were."""
        rows = self._database.execute(
            "SELECT time FROM events WHERE metric = ? AND time >= ? AND time < ?",
            (metric, start, end),
        )
        return [time for (time,) in rows]

    def counts(self) -> dict[int, int]:
        """Number of events by metric number."""
        return dict(
            self._database.execute("SELECT metric, count(*) FROM events GROUP BY metric").fetchall()
        )

    def totals(self, metric: int) -> Totals:
        """The numbers of one metric."""
        count, people, latest = self._database.execute(
            "SELECT count(*), count(DISTINCT profile), max(time) FROM events WHERE metric = ?",
            (metric,),
        ).fetchone()
        sums = self._database.execute(
            "SELECT currency, sum(value) FROM events WHERE metric = ? AND value IS NOT NULL"
            " GROUP BY currency ORDER BY currency",
            (metric,),
        ).fetchall()
        return Totals(count, people, latest, sums)

    def count_between(self, metric: int, start: int, end: int) -> int:
        """Number of a metric's events in [start, end)."""
        row = self._database.execute(
            "SELECT count(*) FROM events WHERE metric = ? AND time >= ? AND time < ?",
            (metric, start, end),
        ).fetchone()
        return int(row[0])

    def reassign(self, source: int, destination: int, *, keys_known: bool) -> None:
        """Give a profile's events to another one.

        With `keys_known` what both have is kept once and known when it is sent again; otherwise
        (nobody says which) it is kept twice, and stored again.
        """
        self._database.execute(
            "UPDATE events SET profile = ? WHERE profile = ?", (destination, source)
        )
        if keys_known:
            self._database.execute(
                "UPDATE OR REPLACE events SET first_profile = ? WHERE first_profile = ?",
                (destination, source),
            )

    def delete(self, numbers: Iterable[int]) -> int:
        """Forget events, keys included, as if they had never come; return how many."""
        before = self._database.total_changes
        self._database.executemany(
            "DELETE FROM events WHERE number = ?", [(number,) for number in numbers]
        )
        return self._database.total_changes - before

    def flows(self) -> list[Flow]:
        """Every flow start, in order; deleting an event does not unsend mail."""
        return [
            Flow(*row)
            for row in self._database.execute("SELECT key, time FROM flows ORDER BY event")
        ]

    def flow_count(self) -> int:
        """How many flow starts there were."""
        return int(self._database.execute("SELECT count(*) FROM flows").fetchone()[0])
