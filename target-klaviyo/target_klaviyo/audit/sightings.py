"""What was found in Klaviyo, which of the expected events it is, and what came of that."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from target_klaviyo.audit.findings import EXPLAINED, Difference, Finding
from target_klaviyo.audit.store import (
    EXPECTED,
    FOUND,
    Candidate,
    read_candidate,
    read_identity,
    shown,
)
from target_klaviyo.audit.timezones import SLOT_SECONDS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator

    from target_klaviyo.audit.queries import FoundEvent
    from target_klaviyo.rows.identity import Identity

_SELECT_UNPAIRED = (
    f"SELECT {EXPECTED} FROM expected AS e"  # noqa: S608  (a constant)
    " WHERE metric = (SELECT number FROM metrics WHERE name = ?) AND pair IS NULL AND "
)
_WITHIN_SPANS = (
    "time < coalesce((SELECT end FROM spans WHERE start <= e.time ORDER BY start DESC LIMIT 1), 0)"
)
_COLUMNS = len(EXPECTED.split(", "))
LISTED_PER_KIND = 500


@dataclass(frozen=True)
class MissingEvent:
    """An event to be sent (again), as it was read."""

    metric: str
    unique_id: str
    identity: Identity
    time: int
    earliest: int
    value: float | None
    profile: bytes
    payload: bytes


class Sightings:
    """The found events of a metric at a time, and the findings of all.

    Args:
        store: where the expected events are.
    """

    def __init__(self, store: sqlite3.Connection) -> None:
        self._database = store

    def begin_findings(self) -> None:
        """Start over: a second audit compares the same expectations anew."""
        self._database.execute("DELETE FROM findings")
        self._database.execute("UPDATE expected SET pair = NULL WHERE pair IS NOT NULL")

    def begin_matching(self) -> None:
        """Forget what was found of the metric before."""
        self._database.execute("DELETE FROM found")

    def match_within(self, spans: Iterable[tuple[int, int]]) -> None:
        """From now on, only expected events of these spans of time are to be matched."""
        self._database.execute("DELETE FROM spans")
        self._database.executemany("INSERT INTO spans VALUES (?, ?)", spans)

    def add_found(self, events: Iterable[FoundEvent]) -> None:
        """Take events as Klaviyo shows them."""
        self._database.executemany(
            "INSERT INTO found (id, time, key, unique_id, value, currency, identity)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    event.id,
                    event.time,
                    event.key,
                    event.unique_id,
                    event.value,
                    event.currency,
                    orjson.dumps([[kind, text] for kind, text in event.who.items()]),
                )
                for event in events
            ),
        )

    def expected_unpaired(self, metric: str, *, by_key: bool = False) -> Iterator[Candidate]:
        """Expected events within the spans that are not found yet, by time or by key and time."""
        order = "key, time, number" if by_key else "time, number"
        rows = self._database.execute(
            f"{_SELECT_UNPAIRED}{_WITHIN_SPANS} ORDER BY {order}",
            (metric,),
        )
        yield from map(read_candidate, rows)

    def moving_elsewhere(self, metric: str) -> Iterator[Candidate]:
        """Expected events outside the spans that may be stored within them, and are not found."""
        rows = self._database.execute(
            f"{_SELECT_UNPAIRED} earliest < latest AND NOT {_WITHIN_SPANS} AND key <> ''"  # noqa: S608  (constants)
            " AND EXISTS (SELECT 1 FROM spans WHERE start <= e.latest AND end > e.earliest)"
            " ORDER BY key, time, number",
            (metric,),
        )
        yield from map(read_candidate, rows)

    def moving_unpaired(self, metric: str) -> Iterator[Candidate]:
        """Expected events within the spans that may be stored elsewhere, and are not found.

        What Klaviyo drops or has refused is stored nowhere; without a key nothing is known again.
        """
        rows = self._database.execute(
            f"{_SELECT_UNPAIRED} earliest < latest AND {_WITHIN_SPANS} AND key <> ''"
            " AND NOT silent AND reason IS NULL ORDER BY time, number",
            (metric,),
        )
        yield from map(read_candidate, rows)

    def found_unpaired(self, *, key: str | None = None, time: int | None = None) -> list[Candidate]:
        """Found events that are none of the expected yet: of a key, or of a second."""
        rows = self._database.execute(
            f"SELECT {FOUND} FROM found WHERE key = ? AND pair IS NULL ORDER BY time, number"  # noqa: S608  (a constant)
            if key is not None
            else f"SELECT {FOUND} FROM found WHERE time = ? AND pair IS NULL ORDER BY number",  # noqa: S608  (a constant)
            (key if key is not None else time,),
        )
        return [read_candidate(row) for row in rows]

    def loose_times(self, metric: str) -> Iterator[int]:
        """Times of the events, expected or found, that have no counterpart yet."""
        for source in (self.expected_unpaired(metric), self.leftovers()):
            for each in source:
                yield each.time

    def pair(self, expected: int, found: int) -> None:
        """An expected and a found event are the same."""
        self._database.execute("UPDATE expected SET pair = ? WHERE number = ?", (found, expected))
        self._database.execute("UPDATE found SET pair = ? WHERE number = ?", (expected, found))

    def follow(self, metric: str) -> None:
        """From now on, expect events whose time moves where Klaviyo keeps them.

        It keeps the time of the first sending, which is right when it is one that the event can
        have had.
        """
        self._database.execute(
            "UPDATE expected SET time = (SELECT time FROM found WHERE number = expected.pair)"
            " WHERE metric = (SELECT number FROM metrics WHERE name = ?) AND earliest < latest"
            " AND EXISTS (SELECT 1 FROM found WHERE number = expected.pair"
            " AND time BETWEEN expected.earliest AND expected.latest)",
            (metric,),
        )

    def pairs(self) -> Iterator[tuple[Candidate, Candidate]]:
        """(expected, found) of the metric just matched."""
        rows = self._database.execute(
            f"SELECT {_of('e', EXPECTED)}, {_of('f', FOUND)}"  # noqa: S608  (constants)
            " FROM found AS f CROSS JOIN expected AS e ON e.number = f.pair ORDER BY f.number"
        )
        for row in rows:
            yield read_candidate(row[:_COLUMNS]), read_candidate(row[_COLUMNS:])

    def leftovers(self) -> Iterator[Candidate]:
        """Found events that are none of the expected."""
        rows = self._database.execute(
            f"SELECT {FOUND} FROM found WHERE pair IS NULL ORDER BY time, number"  # noqa: S608  (a constant)
        )
        yield from map(read_candidate, rows)

    def silent_or_rejected(self, expected: int) -> tuple[bool, str | None]:
        """Whether Klaviyo drops an event without a word; its reason in the rejects file."""
        silent, reason = self._database.execute(
            "SELECT silent, reason FROM expected WHERE number = ?", (expected,)
        ).fetchone()
        return bool(silent), reason

    def log_of(self, metric: str) -> FindingLog:
        """An empty log of findings of a metric."""
        insert = "INSERT INTO findings SELECT number, ?, ?, ? FROM metrics WHERE name = ?"

        def keep(difference: Difference, expected: int | None, found: int | None) -> None:
            self._database.execute(insert, (difference.value, expected, found, metric))

        return FindingLog(metric, keep)

    def missing_to_send(self) -> Iterator[MissingEvent]:
        """The events found missing, in order of time, marked as sent from now on."""
        rows = self._database.execute(
            "SELECT m.name, e.unique_id, e.identity, e.time, e.earliest, e.value, e.profile,"
            " e.payload"
            " FROM findings AS f JOIN expected AS e ON e.number = f.expected"
            " JOIN metrics AS m ON m.number = e.metric"
            " WHERE f.kind = ? ORDER BY e.time, e.number",
            (Difference.MISSING.value,),
        )
        for metric, unique_id, identity, *rest in rows:
            yield MissingEvent(metric, unique_id, read_identity(identity), *rest)
        self._database.execute(
            "UPDATE expected SET sent = 1 WHERE number IN"
            " (SELECT expected FROM findings WHERE kind = ?)",
            (Difference.MISSING.value,),
        )

    def sent_and_missing(self) -> int:
        """How many events are missing although they were just sent."""
        row = self._database.execute(
            "SELECT count(*) FROM findings f JOIN expected e ON e.number = f.expected"
            " WHERE f.kind = ? AND e.sent = 1",
            (Difference.MISSING.value,),
        ).fetchone()
        return int(row[0])


class FindingLog:
    """The findings of a metric: all of them counted and kept, some listed for the report.

    Args:
        metric: its name.
        keep: stores (difference, expected, found), the latter two by number.

    Attributes:
        counts: findings by difference.
        listed: the first of each difference.
        explained: how many expected events are absent for a known reason, by slot.
    """

    def __init__(
        self, metric: str, keep: Callable[[Difference, int | None, int | None], None]
    ) -> None:
        self._metric = metric
        self._keep = keep
        self.counts: Counter[Difference] = Counter()
        self.listed: list[Finding] = []
        self.explained: Counter[int] = Counter()

    def add(
        self,
        difference: Difference,
        expected: Candidate | None,
        found: Candidate | None,
        reason: str,
    ) -> None:
        """Note a finding."""
        self._keep(difference, expected and expected.number, found and found.number)
        self.counts[difference] += 1
        if expected is not None and difference in EXPLAINED:
            self.explained[expected.time // SLOT_SECONDS] += 1
        either = expected or found
        if self.counts[difference] > LISTED_PER_KIND or either is None:
            return
        self.listed.append(
            Finding(
                difference,
                self._metric,
                either.key,
                either.unique_id,
                shown(either.identity),
                expected and expected.time,
                found and found.time,
                expected and expected.value,
                found and found.value,
                either.currency,
                reason,
            )
        )


def _of(table: str, columns: str) -> str:
    """Columns, each with the table's name before it."""
    return ", ".join(f"{table}.{column}" for column in columns.split(", "))
