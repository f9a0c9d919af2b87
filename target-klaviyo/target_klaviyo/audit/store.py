"""The temporary SQLite file in which an audit lays what should be beside what is.

Memory stays flat whatever their number; the file is SQLite's own, unnamed, and gone with the
process.
"""

from __future__ import annotations

import sqlite3

from target_klaviyo.report.findings import EXPLAINED

_SCHEMA = f"""
CREATE TABLE metrics (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  vanishes INTEGER NOT NULL,    -- the source stops showing in time what its events are made of
  value_moves INTEGER NOT NULL  -- their value is what the source tells now
);

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
CREATE TABLE rows (number INTEGER PRIMARY KEY, row BLOB NOT NULL);  -- pickled, for a repair

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
CREATE TABLE findings (
  metric INTEGER NOT NULL,
  kind TEXT NOT NULL,
  expected INTEGER,
  found INTEGER,
  lacks_at INTEGER,             -- when an expected event is not where it should be
  stands_at INTEGER             -- when the found one stands there instead
);
CREATE INDEX findings_by_kind ON findings (metric, kind);
CREATE VIEW counts (metric, time, what, value, currency) AS  -- all that counts on some day
SELECT metric, place, 'expected', value, currency FROM expected
UNION ALL SELECT metric, time, 'found', value, currency FROM ours
UNION ALL SELECT metric, time, 'without_unique_id', NULL, NULL FROM ours WHERE unique_id IS NULL
UNION ALL SELECT metric, time, 'without_value', NULL, NULL FROM ours WHERE value IS NULL
UNION ALL SELECT metric, place, 'formerly_true', NULL, NULL FROM expected WHERE was_true
UNION ALL SELECT metric, place, 'stored_under_an_earlier_time', NULL, NULL FROM expected
  WHERE place < time AND NOT was_true
UNION ALL SELECT metric, lacks_at,
  CASE WHEN kind IN {tuple(EXPLAINED)} THEN 'absent' ELSE 'missing' END, NULL, NULL
  FROM findings
UNION ALL SELECT metric, stands_at,
  CASE WHEN kind IN {tuple(EXPLAINED)} THEN 'known' WHEN kind = 'altered' THEN kind
  ELSE 'surplus' END, NULL, NULL
  FROM findings;

CREATE TABLE profiles (
  who TEXT PRIMARY KEY,
  row BLOB NOT NULL,            -- pickled
  rank BLOB NOT NULL,
  reason TEXT NOT NULL
);
CREATE INDEX profiles_by_rank ON profiles (rank);
CREATE TABLE anchors (          -- external ids under which a person may be known in Klaviyo
  who TEXT NOT NULL, external_id TEXT NOT NULL, PRIMARY KEY (who, external_id)
) WITHOUT ROWID;
"""


def open_store() -> sqlite3.Connection:
    """An empty store, in one transaction from beginning to end: nothing of it is ever committed."""
    store = sqlite3.connect("", isolation_level=None)
    store.row_factory = sqlite3.Row
    store.execute("PRAGMA journal_mode = OFF")
    store.execute("PRAGMA cache_size = -16384")
    store.executescript(_SCHEMA)
    store.execute("BEGIN")
    return store
