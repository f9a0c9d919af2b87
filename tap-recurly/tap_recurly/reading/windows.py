"""Planning of frozen windows: which spans of `updated_at` are read, and how large they are.

Recurly shows whole seconds where its storage may be finer, and both bounds of a list's time
filter are inclusive. Adjacent windows therefore share their boundary second, and no window is
narrower than one second. Counts only balance the load: a window is read whatever its count says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from tap_recurly.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MAX_WINDOW_ROWS = 32_000
"""Rows of a window on a large list: 160 pages, so that counting costs some 1 % of the requests."""

TOLERANCE = 1.5
"""A window may hold this much more than planned before it is cut again."""

MAX_AT_ONCE = 16
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


def cut(window: Window, size: int = MAX_WINDOW_ROWS) -> list[Window]:
    """Cut a window into even spans of whole seconds that share their boundaries, uncounted.

    A window that is small enough, of unknown size, open or one second wide comes back whole.
    """
    if window.begin is None or window.row_count is None or window.row_count <= TOLERANCE * size:
        return [window]
    seconds = int((window.end - window.begin) / SECOND)
    number = min(ceil(window.row_count / size), MAX_AT_ONCE, seconds)
    if number <= 1:
        return [window]
    inner = [window.begin + seconds * place // number * SECOND for place in range(1, number)]
    bounds = [window.begin, *inner, window.end]
    return [Window(begin, end) for begin, end in pairwise(bounds)]


def merge(windows: Iterable[Window], size: int = MAX_WINDOW_ROWS) -> list[Window]:
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
