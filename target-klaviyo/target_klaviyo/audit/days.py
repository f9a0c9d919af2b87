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
    """What is expected and found of a span of time in numbers, each by metric.

    Args:
        store: where the events are, compared.
        start: of the span, in seconds.
        end: the first second after it.
    """

    def __init__(self, store: sqlite3.Connection, start: int, end: int) -> None:
        self._store = store
        self._span = {"start": start, "end": end}

    def expected_by_day(self, zone: ZoneInfo) -> dict[str, dict[date, Amount]]:
        """The expected events by day of a zone, where they count."""
        return self._by_day("expected", "place", zone)

    def found_by_day(self, zone: ZoneInfo) -> dict[str, dict[date, Amount]]:
        """The found events by day of a zone."""
        return self._by_day("ours", "time", zone)

    def expected_sums(self, currency: str) -> dict[str, dict[str, float]]:
        """Sums of the expected values by currency; what names none is in the one given."""
        return self._sums("expected", "place", currency)

    def found_sums(self, currency: str) -> dict[str, dict[str, float]]:
        """Sums of the found values by currency; what names none is in the one given."""
        return self._sums("ours", "time", currency)

    def followed(self) -> dict[str, int]:
        """How many events rightly stand under an earlier time than the source tells by now."""
        return self._counted("expected", "place", "place < time AND NOT was_true")

    def formerly_true(self) -> dict[str, int]:
        """How many events are there that were true only when an earlier run read them."""
        return self._counted("expected", "place", "was_true")

    def without_unique_id(self) -> dict[str, int]:
        """How many found events do not show their unique_id."""
        return self._counted("ours", "time", "unique_id IS NULL")

    def without_value(self) -> dict[str, int]:
        """How many found events do not show their value."""
        return self._counted("ours", "time", "value IS NULL")

    def _by_day(self, table: str, time: str, zone: ZoneInfo) -> dict[str, dict[date, Amount]]:
        slots = self._store.execute(
            f"SELECT name, {time} / {SLOT_SECONDS}, count(*), total(value)"
            f" FROM {table} AS t JOIN metrics ON metrics.number = t.metric"
            f" WHERE {time} >= :start AND {time} < :end GROUP BY 1, 2 ORDER BY 1, 2",
            self._span,
        )
        return {
            metric: by_day(((slot, count, value) for _, slot, count, value in rows), zone)
            for metric, rows in groupby(slots, itemgetter(0))
        }

    def _sums(self, table: str, time: str, currency: str) -> dict[str, dict[str, float]]:
        sums: dict[str, dict[str, float]] = {}
        for metric, each, total in self._store.execute(
            f"SELECT name, coalesce(currency, :currency), total(value)"
            f" FROM {table} AS t JOIN metrics ON metrics.number = t.metric"
            f" WHERE {time} >= :start AND {time} < :end AND value <> 0 GROUP BY 1, 2 ORDER BY 1, 2",
            {**self._span, "currency": currency},
        ):
            sums.setdefault(metric, {})[each] = total
        return sums

    def _counted(self, table: str, time: str, condition: str) -> dict[str, int]:
        rows = self._store.execute(
            f"SELECT name, count(*) FROM {table} AS t JOIN metrics ON metrics.number = t.metric"
            f" WHERE {time} >= :start AND {time} < :end AND {condition} GROUP BY 1",
            self._span,
        )
        return dict(rows.fetchall())
