"""Days in time zones, and what counts on them. Moments are whole seconds since 1970."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from target_klaviyo.audit.store import read
from target_klaviyo.errors import SettingsError

if TYPE_CHECKING:
    import sqlite3

DAY = timedelta(days=1)

_BY_DAY = """
SELECT name, day_of(time) AS day,
  sum(what = 'expected') AS expected,
  sum(what = 'found') AS found,
  sum(what = 'found') - sum(what IN ('surplus', 'known')) AS in_place,
  sum(what IN ('absent', 'known')) AS explained,
  sum(what = 'missing') AS missing,
  sum(what = 'surplus') AS surplus,
  sum(what IN ('missing', 'surplus', 'altered')) AS differs,
  round(total(CASE what WHEN 'expected' THEN value END), 2) AS expected_value,
  round(total(CASE what WHEN 'found' THEN value END), 2) AS found_value
FROM counts JOIN metrics ON metrics.number = metric
WHERE time >= :start AND time < :end
GROUP BY 1, 2
"""
_NUMBERS = ("expected", "found", "in_place", "explained", "missing", "surplus")
_NOTHING = {
    **dict.fromkeys(_NUMBERS, 0),
    "differs": False,
    "expected_value": 0.0,
    "found_value": 0.0,
}


class Days(NamedTuple):
    """The days of a zone from `first` to `last`, both included."""

    zone: ZoneInfo
    first: date
    last: date

    @property
    def span(self) -> dict[str, int]:
        """The moment at which they start, and the one that ends them."""
        return {
            "start": midnight(self.first, self.zone),
            "end": midnight(self.last + DAY, self.zone),
        }

    def widened(self, margin: timedelta) -> Days:
        """Some days more on either side."""
        return Days(self.zone, self.first - margin, self.last + margin)

    def in_zone(self, zone: ZoneInfo) -> Days:
        """The days of another zone that hold these, of the same names and whole."""
        first, last = day_of(self.span["start"], zone), day_of(self.span["end"] - 1, zone)
        return Days(zone, min(first, self.first), max(last, self.last))


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


def counts_by_day(store: sqlite3.Connection, days: Days) -> dict[str, list[dict[str, Any]]]:
    """Metric -> all the days, in numbers, as the report has them."""
    store.create_function("day_of", 1, lambda moment: day_of(moment, days.zone).isoformat())
    counted: dict[tuple[str, str], dict[str, Any]] = {}
    for each in read(store, _BY_DAY, days.span):
        each["differs"] = each["differs"] > 0
        counted[each.pop("name"), each["day"]] = each
    names = [name for (name,) in store.execute("SELECT name FROM metrics")]
    every_day = [
        (days.first + number * DAY).isoformat()
        for number in range((days.last - days.first).days + 1)
    ]
    return {
        name: [counted.get((name, day), {"day": day, **_NOTHING}) for day in every_day]
        for name in names
    }
