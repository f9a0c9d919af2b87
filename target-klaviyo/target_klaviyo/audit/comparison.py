"""Comparing what should be there with what is: pairs first, then what is left over.

Klaviyo's key of an event is (profile, metric, unique_id), and it keeps the first event of a key,
with its time and value (docs/klaviyo.md: Events). So an expected event is a found one when metric
and unique_id are the same and the profiles may be one person's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from target_klaviyo.audit.days import SLOT_SECONDS
from target_klaviyo.audit.findings import Difference, Finding
from target_klaviyo.rows.identity import IDENTIFIER_KINDS
from target_klaviyo.text import counted, enumeration

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from target_klaviyo.rows.identity import Identity

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
AND m.name NOT IN (SELECT metric FROM moving_value)
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
    CASE WHEN m.name IN (SELECT metric FROM vanishing) THEN 'vanished' ELSE 'unexpected' END,
    NULL, f.number, NULL, f.time
FROM found f JOIN metrics m ON m.number = f.metric
WHERE f.owned AND f.number NOT IN (SELECT found FROM pairs)
AND f.number NOT IN (SELECT found FROM findings WHERE kind = 'elsewhere')
AND f.time >= :start AND f.time < :end
"""

_REASONS = {
    Difference.MISSING: "Klaviyo does not have it",
    Difference.UNEXPECTED: "nothing like it came from the source",
    Difference.DROPPED: "Klaviyo drops events for addresses at example.com and test.com without "
    "a word",
    Difference.PENDING: "so young that Klaviyo may not show it yet",
    Difference.VANISHED: "the source no longer shows what it was made of",
}
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


class Period(NamedTuple):
    """From `start` up to `end`, and from when on events may not be visible yet; in seconds."""

    start: int
    end: int
    settled_until: int


class SlotFindings(NamedTuple):
    """How many findings of a kind there are of one quarter of an hour, or two.

    Attributes:
        lacks_at: when expected events are not in their place, in seconds.
        stands_at: when found ones stand there that should not, or not so.
    """

    difference: Difference
    lacks_at: int | None
    stands_at: int | None
    events: int


@dataclass(frozen=True)
class MissingEvent:
    """An event to be sent (again), as it was read."""

    identity: Identity
    metric: str
    unique_id: str
    time: int
    earliest: int
    latest: int
    value: float | None
    profile: bytes
    payload: bytes


class Comparison:
    """The expected and the found events of all metrics, compared.

    Args:
        store: where they are.
        vanishing: metrics whose source records stop being shown, so that their events outlive them.
        moving_value: metrics whose value follows the source record, so that the value of the first
            sending, which Klaviyo keeps, says nothing.
    """

    def __init__(
        self,
        store: sqlite3.Connection,
        vanishing: Iterable[str] = (),
        moving_value: Iterable[str] = (),
    ) -> None:
        self._store = store
        store.executemany("INSERT INTO moving_value VALUES (?)", [(name,) for name in moving_value])
        store.executemany("INSERT INTO vanishing VALUES (?)", [(name,) for name in vanishing])

    def classify(self, period: Period) -> None:
        """Find out what each event is: in its place, or a finding.

        May be called again, when other events were found or others explained.
        """
        self._store.execute("DELETE FROM pairs")
        self._store.execute("DELETE FROM findings")
        self._store.execute(PAIR_BY_ID)
        self._store.execute(PAIR_BY_ANCHOR)
        if self._store.execute("SELECT 1 FROM found WHERE unique_id IS NULL LIMIT 1").fetchone():
            self._store.execute(
                "CREATE INDEX IF NOT EXISTS expected_by_time ON expected (metric, time)"
            )
            self._store.execute(PAIR_BY_MOMENT)
        self._store.execute(PLACE)
        for findings in (ELSEWHERE, MOVED, ALTERED, MISSING, UNEXPECTED):
            self._store.execute(f"INSERT INTO findings {findings}", period._asdict())

    def counts(self, metric: str) -> Counter[Difference]:
        """How many findings of each kind a metric has."""
        rows = self._store.execute(
            "SELECT kind, count(*) FROM findings"
            " WHERE metric = (SELECT number FROM metrics WHERE name = ?) GROUP BY 1",
            (metric,),
        )
        return Counter({Difference(kind): count for kind, count in rows})

    def by_slot(self, metric: str) -> Iterator[SlotFindings]:
        """A metric's findings, counted by quarter of an hour."""
        rows = self._store.execute(
            f"SELECT kind, lacks_at / {SLOT_SECONDS} * {SLOT_SECONDS},"
            f" stands_at / {SLOT_SECONDS} * {SLOT_SECONDS}, count(*) FROM findings"
            " WHERE metric = (SELECT number FROM metrics WHERE name = ?) GROUP BY 1, 2, 3",
            (metric,),
        )
        for kind, lacks_at, stands_at, count in rows:
            yield SlotFindings(Difference(kind), lacks_at, stands_at, count)

    def listed(self, metric: str, difference: Difference) -> list[Finding]:
        """The first findings of a kind, in order of time."""
        rows = self._store.execute(
            "SELECT coalesce(e.unique_id, f.unique_id, ''),"
            " coalesce(e.email, e.phone_number, e.external_id, e.id, ''),"
            " coalesce(p.email, p.phone_number, p.external_id, p.id, ''),"
            " e.time, f.time, e.value, f.value, e.currency, f.currency, coalesce(e.reason, ''),"
            " t.lacks_at IS NULL"
            " FROM findings AS t JOIN metrics AS m ON m.number = t.metric"
            " LEFT JOIN expected AS e ON e.number = t.expected"
            " LEFT JOIN found AS f ON f.number = t.found LEFT JOIN people AS p ON p.id = f.person"
            " WHERE m.name = ? AND t.kind = ?"
            " ORDER BY coalesce(e.time, f.time), t.rowid LIMIT ?",
            (metric, difference.value, LISTED_PER_KIND),
        )
        findings = ((Finding(difference, metric, *told), bool(twice)) for *told, twice in rows)
        return [replace(each, reason=_reason(each, twice=twice)) for each, twice in findings]

    def moves(self) -> list[tuple[int, int]]:
        """(expected, found) times of one moved event a day."""
        return self._store.execute(
            "SELECT lacks_at, min(stands_at) FROM findings WHERE kind = 'moved'"
            " GROUP BY lacks_at / 86400 ORDER BY 1"
        ).fetchall()

    # What a repair needs.

    def missing(self) -> Iterator[MissingEvent]:
        """The events found missing, in order of time, marked as sent from now on."""
        rows = self._store.execute(
            "SELECT e.id, e.email, e.phone_number, e.external_id,"
            " m.name, e.unique_id, e.time, e.earliest, e.latest, e.value, p.profile, p.payload"
            " FROM findings AS f JOIN expected AS e ON e.number = f.expected"
            " JOIN metrics AS m ON m.number = e.metric JOIN payloads AS p ON p.number = e.number"
            " WHERE f.kind = 'missing' ORDER BY e.time, e.number"
        )
        count = len(IDENTIFIER_KINDS)
        for row in rows:
            known = zip(IDENTIFIER_KINDS, row[:count], strict=True)
            identity = tuple((kind, text) for kind, text in known if text is not None)
            yield MissingEvent(identity, *row[count:])
        self._store.execute(
            "UPDATE expected SET sent = 1 WHERE number IN"
            " (SELECT expected FROM findings WHERE kind = 'missing')"
        )

    def sent_and_missing(self) -> set[str]:
        """Metrics of which events are missing although they were just sent."""
        return {
            name
            for (name,) in self._store.execute(
                "SELECT DISTINCT m.name FROM findings AS f JOIN expected AS e"
                " ON e.number = f.expected JOIN metrics AS m ON m.number = e.metric"
                " WHERE f.kind = 'missing' AND e.sent"
            )
        }


def _reason(finding: Finding, *, twice: bool) -> str:
    """Why, in a clause; `twice` says that the expected event is in its place beside it."""
    if finding.difference is Difference.REJECTED:
        return finding.reason
    if finding.difference is Difference.ELSEWHERE:
        again = "stored a second time, " if twice else "stored "
        return f"{again}under another profile, {finding.found_who}"
    if finding.difference is Difference.ALTERED:
        apart = abs((finding.value or 0) - (finding.found_value or 0))
        return f"stored {'with another value' if apart >= HALF_A_CENT else 'in another currency'}"
    if finding.difference is Difference.MOVED:
        apart = (finding.found_time or 0) - (finding.time or 0)
        return f"stored {_length(abs(apart))} {'later' if apart > 0 else 'earlier'}"
    return _REASONS[finding.difference]


def _length(seconds: int) -> str:
    """A span of time in its two largest units."""
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(counted(count, unit))
    return enumeration(parts[:2])
