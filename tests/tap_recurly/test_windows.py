"""Planning windows: pure arithmetic on time and counts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_recurly.reading.lists import lower_bound
from tap_recurly.reading.windows import MAX_AT_ONCE, TOLERANCE, Window, cut, merge
from tap_recurly.times import format_time, parse_time

NOON = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
FIVE_MINUTES = timedelta(minutes=5)

windows = st.builds(
    lambda seconds, count: Window(NOON - timedelta(seconds=seconds), NOON, count),
    st.integers(0, 10**9),
    st.one_of(st.none(), st.integers(0, 10**7)),
)


@given(window=windows, size=st.integers(1, 10_000))
def test_parts_cover_the_window_and_share_boundaries(window: Window, size: int) -> None:
    """However a window is cut, its parts cover it, share boundary seconds and last a second."""
    parts = cut(window, size)
    assert (parts[0].begin, parts[-1].end) == (window.begin, window.end)
    assert all(one.end == other.begin for one, other in pairwise(parts))
    if len(parts) > 1:
        assert len(parts) <= MAX_AT_ONCE
        for part in parts:
            assert part.begin is not None
            assert part.end - part.begin >= timedelta(seconds=1)
            assert part.begin.microsecond == 0


@given(
    counts=st.lists(st.one_of(st.none(), st.integers(0, 5_000)), min_size=1, max_size=30),
    size=st.integers(1, 5_000),
)
def test_merging_keeps_the_cover_and_the_size(counts: list[int | None], size: int) -> None:
    """Merged windows cover what they were merged from, and none grows beyond the size."""
    bounds = [NOON + timedelta(hours=number) for number in range(len(counts) + 1)]
    parts = [
        Window(begin, end, count)
        for (begin, end), count in zip(pairwise(bounds), counts, strict=True)
    ]
    merged = merge(parts, size)
    assert (merged[0].begin, merged[-1].end) == (bounds[0], bounds[-1])
    assert all(one.end == other.begin for one, other in pairwise(merged))
    for window in merged:
        assert window in parts or (window.row_count is not None and window.row_count <= size)
    known = [count for count in counts if count is not None]
    assert sum(window.row_count or 0 for window in merged) == sum(known)


@pytest.mark.parametrize(
    "window",
    [
        Window(None, NOON, 10**6),
        Window(NOON - timedelta(days=1), NOON, None),
        Window(NOON - timedelta(seconds=1), NOON, 10**6),
        Window(NOON - timedelta(days=1), NOON, int(TOLERANCE * 100)),
    ],
    ids=["open", "of unknown size", "a second wide", "nearly small enough"],
)
def test_windows_that_stay_whole(window: Window) -> None:
    """There is nothing to gain, or no way, to cut these."""
    assert cut(window, 100) == [window]


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
