"""The temporary SQLite file in which an audit lays what should be beside what is.

Memory stays flat whatever their number; the file is SQLite's own, unnamed, and gone with the
process.
"""

from __future__ import annotations

import sqlite3

_SCHEMA = """
CREATE TABLE metrics (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE expected (
  number INTEGER PRIMARY KEY,
  metric INTEGER NOT NULL,
  unique_id TEXT NOT NULL,
  who TEXT NOT NULL,            -- the identifier that decides, as 'kind:value'
  id TEXT, email TEXT, phone_number TEXT, external_id TEXT,
  time INTEGER NOT NULL,        -- what the source tells by now
  earliest INTEGER NOT NULL,    -- what an earlier read may have told, at the least
  latest INTEGER NOT NULL,      -- and at the most
  place INTEGER,                -- where it counts: where it is stored if that is right; else NULL
                                -- for an event that need not be there, and `time` for all others
  value REAL,
  currency TEXT,
  silent INTEGER NOT NULL,      -- goes to a domain whose events Klaviyo drops
  was_true INTEGER NOT NULL,    -- no longer true: may be there, need not
  reason TEXT,                  -- from the rejects file
  sent INTEGER NOT NULL DEFAULT 0,
  UNIQUE (metric, unique_id, who)
);
CREATE TABLE payloads (number INTEGER PRIMARY KEY, profile BLOB NOT NULL, payload BLOB NOT NULL);

CREATE TABLE found (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,      -- pages may overlap while events arrive
  metric INTEGER NOT NULL,
  unique_id TEXT,               -- NULL when Klaviyo does not show it
  person TEXT NOT NULL,
  time INTEGER NOT NULL,
  value REAL,
  currency TEXT,
  owned INTEGER NOT NULL        -- bears the properties by which our events are told from others
);
CREATE INDEX found_by_id ON found (metric, unique_id);
CREATE TABLE people (
  id TEXT PRIMARY KEY, email TEXT, phone_number TEXT, external_id TEXT
) WITHOUT ROWID;

CREATE TABLE pairs (expected INTEGER PRIMARY KEY, found INTEGER NOT NULL UNIQUE);
CREATE VIEW ours AS SELECT * FROM found
WHERE owned OR number IN (SELECT found FROM pairs)
OR number IN (SELECT found FROM findings WHERE kind = 'elsewhere');
CREATE TABLE vanishing (metric TEXT PRIMARY KEY);  -- what the source stops showing in time
CREATE TABLE moving_value (metric TEXT PRIMARY KEY);  -- whose value is what the source tells now
CREATE TABLE findings (
  metric INTEGER NOT NULL,
  kind TEXT NOT NULL,
  expected INTEGER,
  found INTEGER,
  lacks_at INTEGER,             -- when an expected event is not where it should be
  stands_at INTEGER             -- when the found one stands there instead
);
CREATE INDEX findings_by_kind ON findings (metric, kind);

CREATE TABLE profiles (
  who TEXT PRIMARY KEY,
  identity BLOB NOT NULL,       -- all identifiers, as JSON
  profile_id TEXT,
  also_known_as BLOB NOT NULL,
  attributes BLOB NOT NULL,
  cleared_properties BLOB NOT NULL,
  cleared_attributes BLOB NOT NULL,
  silent INTEGER NOT NULL,
  rank BLOB NOT NULL,
  reason TEXT
);
CREATE INDEX profiles_by_rank ON profiles (rank);
CREATE TABLE anchors (          -- external ids under which a person may be known in Klaviyo
  who TEXT NOT NULL, external_id TEXT NOT NULL, PRIMARY KEY (who, external_id)
) WITHOUT ROWID;
"""


def open_store() -> sqlite3.Connection:
    """An empty store."""
    store = sqlite3.connect("", isolation_level=None)
    store.execute("PRAGMA journal_mode = OFF")
    store.execute("PRAGMA synchronous = OFF")
    store.execute("PRAGMA cache_size = -16384")
    store.executescript(_SCHEMA)
    return store
