"""A list read up to a frozen moment: complete, in order, each row once.

The upper bound is the server's own clock from before the first row is read. A row that changes
while the read is under way moves beyond it and is the next run's; a row that becomes visible late
is found by the next run's lookback. So nothing is lost, whatever happens to the site meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from tap_recurly.client import ASCENDING, TimeFilteredList, between
from tap_recurly.reading import WindowedRead
from tap_recurly.windows import BoundaryFilter, Window, parse_time, window_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tap_recurly.client import RecurlyClient

logger = logging.getLogger(__name__)


class FrozenList:
    """One list of the site whose server filters by `updated_at`."""

    def __init__(self, client: RecurlyClient, path: str, *, connections: int) -> None:
        self._client = client
        self._path = path
        self._connections = connections

    def freeze(self, begin: datetime | None) -> Window:
        """The window from `begin` to the server's present, counted; costs one request."""
        count = self._client.count(self._path, between(begin, None))
        return Window(begin, count.server_time.replace(microsecond=0), count.rows)

    def windows(self, frozen: Window) -> Iterator[tuple[Window, Iterator[dict[str, Any]]]]:
        """Read a frozen window, cut to size: each part with its rows, in order of time.

        The rows of a part must be used up before the next part is asked for.
        """
        boundary = BoundaryFilter()
        size = window_size(frozen.count or 0, self._connections)
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
