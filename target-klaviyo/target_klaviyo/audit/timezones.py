"""Days in time zones: buckets, ranges, and which zone would make two counts agree (pure).

Moments are whole seconds since 1970. A *slot* is a quarter of an hour: every zone in use since 1990
keeps an offset of whole quarters, so counts per slot can be gathered into days of any zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from target_klaviyo.errors import SettingsError
from target_klaviyo.klaviyo.json_api import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SLOT_SECONDS = 900
DAY = timedelta(days=1)
LONGEST_RANGE = timedelta(days=364)
"""Klaviyo answers for a year at most; one day less, since a year can be an hour too long."""

_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.]+)?", re.ASCII)
_KLAVIYO_NAMES = {
    "Europe/Kyiv": "Europe/Kiev",
    "Pacific/Kanton": "Pacific/Enderbury",
    "Factory": "UTC",
}
LIKELY_ZONES = (
    "UTC",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Helsinki",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)


@dataclass(frozen=True, slots=True)
class Amount:
    """How many events, and the sum of their values."""

    count: int = 0
    value: float = 0.0

    def plus(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.count + other.count, self.value + other.value)

    def minus(self, other: Amount) -> Amount:
        """This without the other."""
        return Amount(self.count - other.count, self.value - other.value)


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


def klaviyo_name(name: str) -> str:
    """What Klaviyo calls that zone: of a few, it knows only the older name (documented)."""
    return _KLAVIYO_NAMES.get(name, name)


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


def ranges(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Periods of less than a year, (first day, day after the last), that cover both days."""
    start = first
    while start <= last:
        end = min(start + LONGEST_RANGE, last + DAY)
        yield start, end
        start = end


def widened(chosen: Iterable[date], allowed: Iterable[date]) -> list[date]:
    """Days and their neighbours, as far as allowed, in order."""
    near = {day + timedelta(days=step) for day in chosen for step in (-1, 0, 1)}
    return [day for day in allowed if day in near]


def runs(chosen: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Days in order, gathered to (first day, day after the last) of unbroken runs."""
    start = end = None
    for day in chosen:
        if day == end:
            end = day + DAY
            continue
        if start is not None and end is not None:
            yield start, end
        start, end = day, day + DAY
    if start is not None and end is not None:
        yield start, end


def bucket_day(label: str, zone: ZoneInfo) -> date:
    """The day a bucket of metric-aggregates stands for.

    Klaviyo labels buckets with moments. Whether those carry the zone's offset or UTC's, and
    whether a label is a moment at all or the local day in disguise, its reference does not say:
    a label that is midnight in the zone means that day, else one that reads midnight does.
    """
    if _WITHOUT_ZONE.fullmatch(label):
        return date.fromisoformat(label[:10])
    face = parse_timestamp(label)
    local = face.astimezone(zone)
    if int(face.timestamp()) == midnight(local.date(), zone):
        return local.date()
    return face.date() if (face.hour, face.minute) == (0, 0) else local.date()


def by_day(slots: Iterable[tuple[int, Amount]], zone: ZoneInfo) -> dict[date, Amount]:
    """Slots in order of time, gathered into the days of a zone."""
    found: dict[date, Amount] = {}
    day, end = date.min, -(2**62)
    for slot, amount in slots:
        moment = slot * SLOT_SECONDS
        if moment >= end:
            day = day_of(moment, zone)
            end = midnight(day + DAY, zone)
        found[day] = found.get(day, NOTHING).plus(amount)
    return found


def zone_that_agrees(
    expected: Sequence[Sequence[tuple[int, Amount]]],
    found: Sequence[Mapping[date, int]],
    preferred: Sequence[str],
) -> str | None:
    """A zone in whose days the expected events would be counted as they were found.

    Args:
        expected: per metric, its slots.
        found: per metric, Klaviyo's count per day.
        preferred: zones to try first.

    Returns:
        The first zone that makes every day of every metric agree, but for the first and the last
        one, parts of which may lie outside; None when there is none.
    """
    edges = {min(of) for of in found if of} | {max(of) for of in found if of}
    wanted = [_inside(of, edges) for of in found]
    if not any(wanted):
        return None
    tried: set[tuple[timedelta | None, ...]] = set()
    moments = _sample(expected)
    for name in dict.fromkeys((*preferred, *LIKELY_ZONES, *sorted(available_timezones()))):
        zone = ZoneInfo(name)
        offsets = tuple(
            datetime.fromtimestamp(moment, timezone.utc).astimezone(zone).utcoffset()
            for moment in moments
        )
        if offsets in tried:
            continue
        tried.add(offsets)
        if all(
            _inside({day: each.count for day, each in by_day(slots, zone).items()}, edges) == of
            for slots, of in zip(expected, wanted, strict=True)
        ):
            return name
    return None


def _inside(counts: Mapping[date, int], edges: set[date]) -> dict[date, int]:
    first, last = min(edges, default=date.min), max(edges, default=date.max)
    return {day: count for day, count in counts.items() if count and first < day < last}


def _sample(expected: Sequence[Sequence[tuple[int, Amount]]]) -> list[int]:
    """A moment of every third day or so: zones with the same offsets at all of them are alike."""
    present = sorted({slot // 288 for slots in expected for slot, _ in slots})
    return [day * 288 * SLOT_SECONDS for day in present]
