"""A list read up to a frozen moment: complete, in order, each row once.

The upper bound is the server's own clock from before the first row is read. A row that changes
while the read is under way moves beyond it and is the next run's; a row that becomes visible late
is found by the next run's lookback. So nothing is lost, whatever happens to the site meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from tap_recurly.client import ASCENDING, between
from tap_recurly.reading import WindowedRead
from tap_recurly.windows import (
    SMALLEST,
    BoundaryFilter,
    Window,
    lower_bound,
    parse_time,
    window_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta

    from tap_recurly.client import Count

logger = logging.getLogger(__name__)


class ListReader(Protocol):
    """Counts and reads lists: `RecurlyClient`."""

    def count(self, path: str, params: Mapping[str, str]) -> Count:
        """Ask how many rows a list has, without reading it."""

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[bytes]:
        """Read a list to its end, page by page."""

    def records(self, path: str, params: Mapping[str, str]) -> Iterator[Any]:
        """Read a list to its end, row by row."""

    def first_page(self, path: str, params: Mapping[str, str]) -> Any:
        """Read the rows of the first page only."""


class TimeFilteredList:
    """A list whose server filters by `updated_at`: the source of a windowed read."""

    def __init__(self, client: ListReader, path: str) -> None:
        self._client = client
        self._path = path

    def count(self, begin: datetime | None, end: datetime | None) -> int | None:
        """How many rows were updated between two moments, both included."""
        return self._client.count(self._path, between(begin, end)).rows

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[bytes]:
        """The rows updated between two moments, both included, ascending."""
        return self._client.pages(self._path, between(begin, end))


class FrozenList:
    """One list of the site whose server filters by `updated_at`.

    Args:
        client: Counts and reads the list.
        path: Where it is, such as `/accounts`.
        connections: How many windows are read at once.
        smallest: Rows below which a window is not worth cutting.
    """

    def __init__(
        self, client: ListReader, path: str, *, connections: int, smallest: int = SMALLEST
    ) -> None:
        self._client = client
        self._path = path
        self._connections = connections
        self._smallest = smallest

    def freeze(self, begin: datetime | None) -> Window:
        """The window from `begin` to the server's present, counted; costs one request."""
        count = self._client.count(self._path, between(begin, None))
        return Window(begin, count.server_time.replace(microsecond=0), count.rows)

    def freeze_since(
        self, bookmark: datetime | None, start_date: datetime | None, lookback: timedelta
    ) -> Window | None:
        """The window of this run, None when `start_date` lies in the server's future."""
        frozen = self.freeze(lower_bound(bookmark, start_date, lookback))
        begin = lower_bound(bookmark, start_date, lookback, frozen.end)
        if begin is not None and begin > frozen.end:
            return None
        return replace(frozen, begin=begin)

    def windows(self, frozen: Window) -> Iterator[tuple[Window, Iterator[dict[str, Any]]]]:
        """Read a frozen window, cut to size: each part with its rows, in order of time.

        The rows of a part must be used up before the next part is asked for.
        """
        boundary = BoundaryFilter()
        size = window_size(frozen.count or 0, self._connections, self._smallest)
        read = WindowedRead(
            TimeFilteredList(self._client, self._path),
            self._with_begin(frozen, size),
            size=size,
            connections=self._connections,
        )
        for window, pages in read:
            boundary.enter(window)
            yield window, self._rows(window, pages, boundary)

    def rows(self, frozen: Window) -> Iterator[dict[str, Any]]:
        """Read a frozen window row by row."""
        for _, rows in self.windows(frozen):
            yield from rows

    def _with_begin(self, frozen: Window, size: int) -> Window:
        """A large list is cut by time, so its beginning must be known: that of its first row."""
        if frozen.begin is not None or frozen.count is None or frozen.count <= size:
            return frozen
        first = self._client.first_page(self._path, ASCENDING | {"limit": "1"})
        begin = parse_time(first[0]["updated_at"]) if first else frozen.end
        return replace(frozen, begin=min(begin, frozen.end))

    def _rows(
        self, window: Window, pages: Iterator[bytes], boundary: BoundaryFilter
    ) -> Iterator[dict[str, Any]]:
        read: set[str] = set()
        for page in pages:
            for row in orjson.loads(page):
                read.add(row["id"])
                if boundary.admits(row["id"], row.get("updated_at") or ""):
                    yield row
        if window.count is not None and len(read) < window.count:
            yield from self._missing(window, read)

    def _missing(self, window: Window, read: set[str]) -> Iterator[dict[str, Any]]:
        """The rows that HEAD counts and the first reading did not give.

        Fewer rows than once counted are as a rule rows that have changed and moved on, beyond the
        frozen moment; then a new count agrees with what was read. When it does not, the window
        is read again.
        """
        bounds = between(window.begin, window.end)
        count = self._client.count(self._path, bounds).rows
        if count is None or count <= len(read):
            return
        logger.warning(
            "%s: read %d rows of %d from %s to %s, reading them again.",
            self._path,
            len(read),
            count,
            window.begin,
            window.end,
        )
        for row in self._client.records(self._path, bounds):
            if row["id"] not in read:
                read.add(row["id"])
                yield row
        if len(read) < count:
            logger.warning(
                "%s: Recurly counts %d rows from %s to %s and gives %d.",
                self._path,
                count,
                window.begin,
                window.end,
                len(read),
            )
