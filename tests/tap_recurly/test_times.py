"""Moments and the bounds of a read: pure arithmetic on time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tap_recurly.reading.lists import lower_bound
from tap_recurly.times import BEGINNING, format_time, parse_time

NOON = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
FIVE_MINUTES = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("bookmark", "start_date", "upper", "begin"),
    [
        (None, None, NOON, None),
        (None, NOON, NOON, NOON),
        (NOON, None, NOON, NOON - FIVE_MINUTES),
        (NOON, NOON, NOON, NOON),
        (NOON, NOON - timedelta(days=1), NOON, NOON - FIVE_MINUTES),
        (NOON + timedelta(days=1), None, NOON, NOON - FIVE_MINUTES),
        (NOON, None, None, NOON - FIVE_MINUTES),
        (BEGINNING, None, NOON, BEGINNING),
    ],
)
def test_lower_bound(
    bookmark: datetime | None,
    start_date: datetime | None,
    upper: datetime | None,
    begin: datetime | None,
) -> None:
    """A read begins at the bookmark less the lookback, but not before the start."""
    assert lower_bound(bookmark, start_date, FIVE_MINUTES, upper) == begin


@pytest.mark.parametrize(
    "text",
    [
        "2024-06-01T12:00:00Z",
        "2024-06-01T12:00:00.999Z",
        "2024-06-01T14:00:00+02:00",
        "2024-06-01T12:00",
    ],
)
def test_times_are_whole_seconds_in_utc(text: str) -> None:
    """Whatever zone and precision a time is given in, it is written as Recurly writes it."""
    assert format_time(parse_time(text)) == "2024-06-01T12:00:00Z"


@pytest.mark.parametrize("zone", ["Z", "", "+00:00"])
@pytest.mark.parametrize("fraction", ["", ".5", ".25", ".123", ".1234", ".123456", ".123456789"])
def test_time_of_any_precision(fraction: str, zone: str) -> None:
    """A time is read to the second, however many digits its fraction has."""
    moment = parse_time(f"2024-01-31T12:00:00{fraction}{zone}")
    assert moment == datetime(2024, 1, 31, 12, 0, 0, tzinfo=timezone.utc)


def test_the_first_of_all_years_has_four_digits() -> None:
    """A moment long ago is written as Recurly reads it."""
    assert format_time(parse_time("0001-01-01")) == "0001-01-01T00:00:00Z"


def test_a_time_before_all_years_is_none() -> None:
    """What would be the year 0 in UTC is no time, as any other text that is none."""
    with pytest.raises(ValueError, match="outside of the years"):
        parse_time("0001-01-01T00:00:00+02:00")
