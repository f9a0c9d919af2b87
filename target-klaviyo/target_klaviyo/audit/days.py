"""Days in time zones, and events counted by them.

Moments are whole seconds since 1970. Events are counted by *slots* of a quarter of an hour: every
zone in use since 1990 keeps an offset of whole quarters, so slots make up the days of any zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from target_klaviyo.errors import SettingsError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

SLOT_SECONDS = 900
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Amount:
    """How many events, and the sum of their values."""

    count: int = 0
    value: float = 0.0


NOTHING = Amount()


def zone_named(name: str, setting: str) -> ZoneInfo:
    """The zone of that IANA name.

    Raises:
        SettingsError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"{setting} names no time zone: {name!r}; give an IANA name like America/New_York."
        ) from error


def day_of(moment: float, zone: ZoneInfo) -> date:
    """The day of a moment."""
    return datetime.fromtimestamp(moment, zone).date()


def midnight(day: date, zone: ZoneInfo) -> int:
    """The first second of a day, also where clocks jump over midnight."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def days(first: date, last: date) -> Iterator[date]:
    """All days from `first` to `last`, both included."""
    day = first
    while day <= last:
        yield day
        day += DAY


def by_day(slots: Iterable[tuple[int, int, float]], zone: ZoneInfo) -> dict[date, Amount]:
    """Slots as (slot, count, sum of values), in order of time, gathered into the days of a zone."""
    found: dict[date, Amount] = {}
    day, end = date.min, float("-inf")
    for slot, count, value in slots:
        moment = slot * SLOT_SECONDS
        if moment >= end:
            day = day_of(moment, zone)
            end = midnight(day + DAY, zone)
        so_far = found.get(day, NOTHING)
        found[day] = Amount(so_far.count + count, so_far.value + value)
    return found


class Counts:
    """What is expected and found in numbers, per metric.

    Args:
        store: where the events are, compared.
        currency: the account's, in which Klaviyo takes an amount that names none.
    """

    def __init__(self, store: sqlite3.Connection, currency: str) -> None:
        self._store = store
        self._currency = currency

    def expected_by_day(
        self, start: int, end: int, zone: ZoneInfo
    ) -> dict[str, dict[date, Amount]]:
        """The expected events by metric and day of a zone, where they count."""
        return self._by_day("place", "expected", start, end, zone)

    def found_by_day(self, start: int, end: int, zone: ZoneInfo) -> dict[str, dict[date, Amount]]:
        """The found events by metric and day of a zone."""
        return self._by_day("time", "ours", start, end, zone)

    def expected_sums(self, start: int, end: int) -> dict[str, dict[str, float]]:
        """Sums of the expected values by metric and currency."""
        return self._sums("place", "expected", start, end)

    def found_sums(self, start: int, end: int) -> dict[str, dict[str, float]]:
        """Sums of the found values by metric and currency."""
        return self._sums("time", "ours", start, end)

    def followed(self, start: int, end: int) -> dict[str, int]:
        """How many events rightly stand under an earlier time than the source tells by now."""
        return self._counted("place", "expected WHERE place < time", start, end)

    def formerly_true(self, start: int, end: int) -> dict[str, int]:
        """How many events are there that were true only when an earlier run read them."""
        return self._counted("place", "expected WHERE was_true", start, end)

    def without_unique_id(self, start: int, end: int) -> dict[str, int]:
        """How many found events do not show their unique_id."""
        return self._counted("time", "ours WHERE unique_id IS NULL", start, end)

    def without_value(self, start: int, end: int) -> dict[str, int]:
        """How many found events do not show their value."""
        return self._counted("time", "ours WHERE value IS NULL", start, end)

    def _by_day(
        self, column: str, table: str, start: int, end: int, zone: ZoneInfo
    ) -> dict[str, dict[date, Amount]]:
        slots = self._store.execute(
            f"SELECT name, {column} / {SLOT_SECONDS}, count(*), total(value)"
            f" FROM {table} AS t JOIN metrics ON metrics.number = t.metric"
            f" WHERE {column} >= ? AND {column} < ? GROUP BY 1, 2 ORDER BY 1, 2",
            (start, end),
        )
        return {
            metric: by_day(((slot, count, value) for _, slot, count, value in rows), zone)
            for metric, rows in groupby(slots, itemgetter(0))
        }

    def _sums(self, column: str, table: str, start: int, end: int) -> dict[str, dict[str, float]]:
        rows = self._store.execute(
            f"SELECT name, coalesce(currency, ?), total(value) FROM {table} AS t"
            f" JOIN metrics ON metrics.number = t.metric WHERE {column} >= ? AND {column} < ?"
            " AND value <> 0 GROUP BY 1, 2 ORDER BY 1, 2",
            (self._currency, start, end),
        )
        sums: dict[str, dict[str, float]] = {}
        for metric, currency, total in rows:
            sums.setdefault(metric, {})[currency] = total
        return sums

    def _counted(self, column: str, which: str, start: int, end: int) -> dict[str, int]:
        rows = self._store.execute(
            f"SELECT (SELECT name FROM metrics WHERE number = metric), count(*) FROM {which}"
            f" AND {column} >= ? AND {column} < ? GROUP BY 1",
            (start, end),
        )
        return dict(rows.fetchall())
