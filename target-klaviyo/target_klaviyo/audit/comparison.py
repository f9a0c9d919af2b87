"""Comparing what should be there with what is: pairs first, then what is left over.

Klaviyo's key of an event is (profile, metric, unique_id), and it keeps the first event of a key,
with its time and value (docs/klaviyo.md: Events). So an expected event is a found one when metric
and unique_id are the same and the profiles may be one person's.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from target_klaviyo.report.findings import EXPLAINED, KINDS
from target_klaviyo.text import counted, enumeration

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from target_klaviyo.rows.contract import EventRow

LISTED_PER_KIND = 500
HALF_A_CENT = 0.005

# NULL equals nothing: the first kind of identifier that both have decides, in the order in which
# Klaviyo knows people by them. Without one in common, nothing speaks against it.
_ONE_PERSON = """coalesce(
    e.id = p.id, e.email = p.email, e.phone_number = p.phone_number,
    e.external_id = p.external_id, 1
)"""

# An expected and a found event that are the same. Of one that has a pair already, another is
# ignored. `e` is an expected event, `f` a found one, `p` the person that it is stored under.
PAIR_BY_ID = f"""
INSERT OR IGNORE INTO pairs SELECT e.number, f.number
FROM found f JOIN people p ON p.id = f.person
JOIN expected e ON e.metric = f.metric AND e.unique_id = f.unique_id
WHERE {_ONE_PERSON}
"""
PAIR_BY_ANCHOR = """
INSERT OR IGNORE INTO pairs SELECT e.number, f.number
FROM found f JOIN people p ON p.id = f.person
JOIN expected e ON e.metric = f.metric AND e.unique_id = f.unique_id
JOIN anchors a ON a.who = e.who AND a.external_id = p.external_id
"""
PAIR_BY_MOMENT = f"""
INSERT OR IGNORE INTO pairs SELECT e.number, f.number
FROM found f JOIN people p ON p.id = f.person
JOIN expected e ON e.metric = f.metric AND e.time = f.time
WHERE f.unique_id IS NULL AND e.number NOT IN (SELECT expected FROM pairs)
AND abs(coalesce(e.value, 0) - coalesce(f.value, e.value, 0)) < {HALF_A_CENT} AND {_ONE_PERSON}
"""

# An event whose time moves with its record counts where it is stored, when that is a time it can
# have had; one that is no longer true counts where it is, or nowhere.
PLACE = """
UPDATE expected SET place = coalesce(
    (
        SELECT f.time FROM pairs JOIN found f ON f.number = pairs.found
        WHERE pairs.expected = expected.number
        AND (expected.was_true OR f.time BETWEEN expected.earliest AND expected.latest)
    ),
    CASE WHEN was_true THEN NULL ELSE time END
)
WHERE was_true OR earliest < latest
"""

ELSEWHERE = """
SELECT f.metric, 'elsewhere', e.number, f.number,
    CASE WHEN e.number NOT IN (SELECT expected FROM pairs) THEN e.place END, f.time
FROM found f JOIN expected e ON e.metric = f.metric AND e.unique_id = f.unique_id
WHERE f.number NOT IN (SELECT found FROM pairs)
AND (f.time >= :start AND f.time < :end OR e.place >= :start AND e.place < :end)
GROUP BY f.number
"""
MOVED = """
SELECT e.metric, 'moved', e.number, f.number, e.time, f.time
FROM pairs JOIN expected e ON e.number = pairs.expected JOIN found f ON f.number = pairs.found
WHERE NOT e.was_true AND f.time NOT BETWEEN e.earliest AND e.latest
AND (e.time >= :start AND e.time < :end OR f.time >= :start AND f.time < :end)
"""
ALTERED = f"""
SELECT e.metric, 'altered', e.number, f.number, NULL, f.time
FROM pairs JOIN expected e ON e.number = pairs.expected JOIN found f ON f.number = pairs.found
JOIN metrics m ON m.number = e.metric
WHERE NOT e.was_true AND f.time BETWEEN e.earliest AND e.latest
AND f.time >= :start AND f.time < :end
AND NOT m.value_moves
AND (
    abs(coalesce(e.value, 0) - f.value) >= {HALF_A_CENT}
    OR e.value <> 0 AND f.value <> 0 AND e.currency <> f.currency
)
"""
MISSING = """
SELECT e.metric,
    CASE
        WHEN e.reason IS NOT NULL THEN 'rejected'
        WHEN e.silent THEN 'dropped'
        WHEN e.time >= :settled_until THEN 'pending'
        ELSE 'missing'
    END,
    e.number, NULL, e.place, NULL
FROM expected e
WHERE e.number NOT IN (SELECT expected FROM pairs)
AND e.number NOT IN (SELECT expected FROM findings WHERE kind = 'elsewhere')
AND e.place >= :start AND e.place < :end
"""
UNEXPECTED = """
SELECT f.metric,
    CASE WHEN m.vanishes THEN 'vanished' ELSE 'unexpected' END,
    NULL, f.number, NULL, f.time
FROM found f JOIN metrics m ON m.number = f.metric
WHERE f.owned AND f.number NOT IN (SELECT found FROM pairs)
AND f.number NOT IN (SELECT found FROM findings WHERE kind = 'elsewhere')
AND f.time >= :start AND f.time < :end
"""

_SHOWN = """
SELECT coalesce(e.unique_id, f.unique_id, '') AS unique_id,
  coalesce(e.email, e.phone_number, e.external_id, e.id,
    p.email, p.phone_number, p.external_id, p.id) AS profile,
  nullif(coalesce(p.email, p.phone_number, p.external_id, p.id), '') AS found_profile,
  strftime('%Y-%m-%dT%H:%M:%SZ', e.time, 'unixepoch') AS time,
  strftime('%Y-%m-%dT%H:%M:%SZ', f.time, 'unixepoch') AS found_time,
  e.value, f.value AS found_value, coalesce(e.currency, f.currency) AS currency,
  f.currency AS found_currency, e.reason, f.time - e.time AS later, t.lacks_at IS NULL AS in_place
FROM findings AS t JOIN metrics AS m ON m.number = t.metric
LEFT JOIN expected AS e ON e.number = t.expected
LEFT JOIN found AS f ON f.number = t.found LEFT JOIN people AS p ON p.id = f.person
WHERE m.name = :metric AND t.kind = :kind
ORDER BY coalesce(e.time, f.time), t.rowid LIMIT :listed
"""

_REASONS = {
    "missing": "Klaviyo does not have it",
    "unexpected": "nothing like it came from the source",
    "dropped": "Klaviyo drops events for addresses at example.com and test.com without a word",
    "pending": "so young that Klaviyo may not show it yet",
    "vanished": "the source no longer shows what it was made of",
}
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def classify(store: sqlite3.Connection, *, start: int, end: int, settled_until: int) -> None:
    """Find out what each event from `start` up to `end` is: in its place, or a finding.

    May be called again, when other events were found or others explained. From `settled_until` on,
    events may not be visible yet. All are seconds since 1970.
    """
    period = {"start": start, "end": end, "settled_until": settled_until}
    store.execute("DELETE FROM pairs")
    store.execute("DELETE FROM findings")
    store.execute(PAIR_BY_ID)
    store.execute(PAIR_BY_ANCHOR)
    if store.execute("SELECT 1 FROM found WHERE unique_id IS NULL LIMIT 1").fetchone():
        store.execute("CREATE INDEX IF NOT EXISTS expected_by_time ON expected (metric, time)")
        store.execute(PAIR_BY_MOMENT)
    store.execute(PLACE)
    for findings in (ELSEWHERE, MOVED, ALTERED, MISSING, UNEXPECTED):
        store.execute(f"INSERT INTO findings {findings}", period)


def findings_by_kind(store: sqlite3.Connection, metric: str) -> dict[str, int]:
    """How many findings of each kind a metric has."""
    found = store.execute(
        "SELECT kind, count(*) FROM findings"
        " WHERE metric = (SELECT number FROM metrics WHERE name = ?) GROUP BY 1",
        (metric,),
    )
    return dict.fromkeys(KINDS, 0) | dict(found.fetchall())


def listed(store: sqlite3.Connection, metric: str) -> list[dict[str, Any]]:
    """The first findings of each kind, in order of time, as the report has them."""
    findings = []
    for kind in KINDS:
        parameters = {"metric": metric, "kind": kind, "listed": LISTED_PER_KIND}
        for finding in map(dict, store.execute(_SHOWN, parameters)):
            finding["reason"] = _reason(kind, finding)
            del finding["later"], finding["in_place"]
            findings.append({"kind": kind, "explained": kind in EXPLAINED, **finding})
    return findings


def moves(store: sqlite3.Connection) -> list[tuple[int, int]]:
    """(expected, found) times of one moved event a day."""
    moved = store.execute(
        "SELECT lacks_at, min(stands_at) FROM findings WHERE kind = 'moved'"
        " GROUP BY lacks_at / 86400 ORDER BY 1"
    )
    return [(lacks_at, stands_at) for lacks_at, stands_at in moved]


def missing_events(store: sqlite3.Connection) -> Iterator[EventRow]:
    """The events found missing, in order of time, marked as sent from now on."""
    store.execute(
        "UPDATE expected SET sent = 1 WHERE number IN"
        " (SELECT expected FROM findings WHERE kind = 'missing')"
    )
    rows = store.execute(
        "SELECT r.row FROM findings AS f JOIN expected AS e ON e.number = f.expected"
        " JOIN rows AS r ON r.number = e.number"
        " WHERE f.kind = 'missing' ORDER BY e.time, e.number"
    )
    for (row,) in rows:
        yield pickle.loads(row)  # noqa: S301  (our own file)


def sent_and_missing(store: sqlite3.Connection) -> set[str]:
    """Metrics of which events are missing although they were just sent."""
    found = store.execute(
        "SELECT DISTINCT m.name FROM findings AS f JOIN expected AS e ON e.number = f.expected"
        " JOIN metrics AS m ON m.number = e.metric WHERE f.kind = 'missing' AND e.sent"
    )
    return {name for (name,) in found}


def _reason(kind: str, finding: Mapping[str, Any]) -> str:
    """Why, in a clause."""
    if kind == "rejected":
        return str(finding["reason"])
    if kind == "elsewhere":
        again = "stored a second time, " if finding["in_place"] else "stored "
        return f"{again}under another profile, {finding['found_profile']}"
    if kind == "altered":
        apart = abs((finding["value"] or 0) - (finding["found_value"] or 0))
        return f"stored {'with another value' if apart >= HALF_A_CENT else 'in another currency'}"
    if kind == "moved":
        later = finding["later"]
        return f"stored {_length(abs(later))} {'later' if later > 0 else 'earlier'}"
    return _REASONS[kind]


def _length(seconds: int) -> str:
    """A span of time in its two largest units."""
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(counted(count, unit))
    return enumeration(parts[:2])
