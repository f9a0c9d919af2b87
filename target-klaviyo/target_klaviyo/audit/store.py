"""The temporary SQLite file that an audit keeps its events and profiles in.

Memory stays flat whatever their number; the file is SQLite's own, unnamed, and gone with the
process.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from target_klaviyo.rows.identity import Identity

_SCHEMA = """
CREATE TABLE metrics (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE expected (
  number INTEGER PRIMARY KEY,
  metric INTEGER NOT NULL,
  unique_id TEXT NOT NULL,
  who TEXT NOT NULL,            -- the identifier that decides, as 'kind:value'
  identity BLOB NOT NULL,       -- all of them, as JSON
  time INTEGER NOT NULL,        -- where it is looked for; follows a stored time between these two:
  earliest INTEGER NOT NULL,
  latest INTEGER NOT NULL,      -- the time that the source tells
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
  currency TEXT,
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


def open_store() -> sqlite3.Connection:
    """An empty store."""
    database = sqlite3.connect("", isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -16384")
    database.executescript(_SCHEMA)
    return database


class Candidate(NamedTuple):
    """An event to be matched, expected or found.

    Attributes:
        earliest: the earliest time it may be stored under.
        latest: the latest; both are `time` unless that moves as the source record changes.
    """

    number: int
    key: str
    unique_id: str
    time: int
    value: float | None
    currency: str | None
    identity: Identity
    earliest: int
    latest: int


EXPECTED = "number, key, unique_id, time, value, currency, identity, earliest, latest"
"""What `read_candidate` reads of an expected event."""

FOUND = "number, key, unique_id, time, value, currency, identity, time, time"
"""The same of a found one."""


def who(identity: Identity) -> str:
    """The identifier that decides whose row it is."""
    kind, value = identity[0]
    return f"{kind}:{value}"


def read_candidate(row: tuple[Any, ...]) -> Candidate:
    """An event from its row in the store."""
    number, key, unique_id, time, value, currency, identity, earliest, latest = row
    return Candidate(
        number, key, unique_id, time, value, currency, read_identity(identity), earliest, latest
    )


def read_identity(serialised: bytes) -> Identity:
    """An identity from its JSON."""
    return tuple((kind, value) for kind, value in orjson.loads(serialised))


def shown(identity: Identity) -> str:
    """The identifier a person would look for."""
    known = dict(identity)
    for kind in ("email", "phone_number", "external_id", "id"):
        if kind in known:
            return known[kind]
    return ""
