"""Planning of frozen windows: which spans of `updated_at` are read, and how large they are.

Recurly shows whole seconds where its storage may be finer, and both bounds of a list's time
filter are inclusive. Adjacent windows therefore share their boundary second, and no window is
narrower than one second. Counts only balance the load: a window is read whatever its count says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SECOND = timedelta(seconds=1)

SECONDS_SHOWN = len("2024-01-31T23:59:59")

LARGEST = 32_000
"""Rows of a window on a large list: 160 pages, so that counting costs some 1 % of the requests."""

TOLERANCE = 1.5
"""A window may hold this much more than planned before it is cut again."""

MOST_AT_ONCE = 16
"""Windows that one is cut into at once; they are counted concurrently. Few, for what is counted is
settled together, and reading begins when the first of them are."""


@dataclass(frozen=True)
class Window:
    """A span of `updated_at`, both ends included; `begin` None is the beginning of time.

    `row_count` is what HEAD said about it, None when it said nothing.
    """

    begin: datetime | None
    end: datetime
    row_count: int | None = None


def cut(window: Window, size: int = LARGEST) -> list[Window]:
    """Cut a window into even spans of whole seconds that share their boundaries, uncounted.

    A window that is small enough, of unknown size, open or one second wide comes back whole.
    """
    if window.begin is None or window.row_count is None or window.row_count <= TOLERANCE * size:
        return [window]
    seconds = int((window.end - window.begin) / SECOND)
    number = min(ceil(window.row_count / size), MOST_AT_ONCE, seconds)
    if number <= 1:
        return [window]
    inner = [window.begin + seconds * place // number * SECOND for place in range(1, number)]
    bounds = [window.begin, *inner, window.end]
    return [Window(begin, end) for begin, end in pairwise(bounds)]


def merge(windows: Iterable[Window], size: int = LARGEST) -> list[Window]:
    """Join neighbours that together are small enough, so that quiet years cost one request."""
    merged: list[Window] = []
    for window in windows:
        if merged and _sum(merged[-1], window) <= size:
            last = merged[-1]
            merged[-1] = replace(last, end=window.end, row_count=int(_sum(last, window)))
        else:
            merged.append(window)
    return merged


def _sum(one: Window, other: Window) -> float:
    if one.row_count is None or other.row_count is None:
        return float("inf")
    return one.row_count + other.row_count


def lower_bound(
    bookmark: datetime | None,
    start_date: datetime | None,
    lookback: timedelta,
    upper: datetime | None = None,
) -> datetime | None:
    """Where an incremental read begins: the bookmark less the lookback, never before the start.

    A bookmark beyond `upper` (the server's clock went back) is taken as `upper`.
    """
    if bookmark is None:
        return start_date
    begin = (min(bookmark, upper) if upper else bookmark) - lookback
    return max(begin, start_date) if start_date else begin


def parse_time(text: str) -> datetime:
    """A moment from an ISO 8601 text in whole seconds, UTC when it names no zone, as in Recurly.

    Raises:
        ValueError: If the text is none.
    """
    moment = datetime.fromisoformat(_without_fraction(text).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).replace(microsecond=0)


def _without_fraction(text: str) -> str:
    """The same time in whole seconds; Python 3.10 reads fractions of 3 or 6 digits only."""
    whole, dot, fraction = text.partition(".")
    return whole + fraction.lstrip("0123456789") if dot else text


def time_or_none(value: Any) -> datetime | None:
    """A moment from what should be an ISO 8601 text, None when it is something else."""
    try:
        return parse_time(value) if isinstance(value, str) else None
    except ValueError:
        return None


def format_time(moment: datetime) -> str:
    """A moment as Recurly and the bookmarks write it: `2024-01-31T23:59:59Z`."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class BoundaryFilter:
    """Drops the rows that two adjacent windows both hold in the second they share.

    Rows come in order of time, so only those of one second are remembered. A row is its `id` in
    one version, that is one `updated_at`; the same row changed since is another and passes.
    """

    def __init__(self) -> None:
        self._second = ""
        self._seen: set[tuple[Any, str]] = set()

    def admits(self, row_id: Any, updated_at: str) -> bool:
        """Whether the row is new; to be asked once per row, in order."""
        version = (row_id, updated_at)
        second = updated_at[:SECONDS_SHOWN]
        if second != self._second:
            self._second = second
            self._seen = {version}
            return True
        if row_id is None or version not in self._seen:
            self._seen.add(version)
            return True
        return False
