"""A list read up to a frozen moment: complete, in order, each row once.

The upper bound is the server's own clock at the start. A row that changes while the read is under
way moves beyond it and is the next run's; a row that becomes visible late is found by the next
run's lookback. So nothing is lost, whatever happens to the site meanwhile.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from tap_recurly.http.pages import moment_of, rows_in
from tap_recurly.http.queries import between
from tap_recurly.reading.completeness import BoundaryFilter, CompletenessCheck
from tap_recurly.reading.parallel import ListRead, Window
from tap_recurly.reading.partitions import SIZES
from tap_recurly.reading.workers import read_ahead
from tap_recurly.times import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from datetime import datetime

    from tap_recurly.http.pages import Count, Page, Row
    from tap_recurly.reading.partitions import Sizes

MIN_LOOKBACK = timedelta(seconds=1)
"""`Date` is cut to the second, and so is the bookmark: what was committed in the rest of it by a
page's side may not have been on the page."""


class ListReader(Protocol):
    """Counts and reads lists: `RecurlyClient`."""

    def count(self, path: str, params: Mapping[str, str]) -> Count:
        """Ask how many rows a list has, without reading it."""

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[Page]:
        """Read a list to its end, page by page."""


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
    reached = min(bookmark, upper) if upper else bookmark
    begin = reached - min(lookback, reached - BEGINNING)
    return max(begin, start_date) if start_date else begin


class BoundedList(ABC):
    """A list of the site that is read up to a moment frozen beforehand."""

    @abstractmethod
    def count(self, begin: datetime | None) -> Count:
        """How many rows there are from a moment on, if the list can be asked for that."""

    @abstractmethod
    def rows(self, frozen: Window) -> Generator[Row, None, None]:
        """Read a window that was frozen, of this list or together with another's."""

    def freeze(self, begin: datetime | None) -> Window:
        """The window from `begin` to the server's present, counted; costs one request."""
        count = self.count(begin)
        return Window(begin, count.server_time, count.row_count)

    def freeze_whole(self, end: datetime) -> Window:
        """All of the list up to a moment frozen before; the count says how much to share out."""
        return replace(self.freeze(None), end=end)

    def freeze_since(
        self, bookmark: datetime | None, start_date: datetime | None, lookback: timedelta
    ) -> Window | None:
        """The window of this run, None when `start_date` lies in the server's future."""
        lookback = max(lookback, MIN_LOOKBACK)
        frozen = self.freeze(lower_bound(bookmark, start_date, lookback))
        begin = lower_bound(bookmark, start_date, lookback, frozen.end)
        if begin is not None and begin > frozen.end:
            return None
        return replace(frozen, begin=begin)


class IncrementalList(BoundedList):
    """A list whose server filters by `updated_at`, read on several connections at once.

    What Recurly counts and its pages did not give is read again, and raised when it stays out.
    """

    def __init__(
        self, client: ListReader, path: str, connections: int, *, sizes: Sizes = SIZES
    ) -> None:
        self._client = client
        self._path = path
        self._connections = connections
        self._sizes = sizes

    def __str__(self) -> str:
        return self._path

    @override
    def count(self, begin: datetime | None, end: datetime | None = None) -> Count:
        return self._client.count(self._path, between(begin, end))

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:
        """The rows updated between two moments, both included, ascending."""
        return self._client.pages(self._path, between(begin, end))

    @override
    def rows(self, frozen: Window) -> Generator[Row, None, None]:
        boundary = BoundaryFilter()
        check = CompletenessCheck(self, frozen.begin)
        read = ListRead(self, frozen, self._connections, self._sizes)
        with closing(iter(read)) as partitions:
            for lines in chain.from_iterable(partitions):
                yield from filter(boundary.admits, rows_in(lines))
                yield from check.amid(boundary)
        yield from check.at_end(boundary, frozen.end, frozen.row_count)


class FullList(BoundedList):
    """A list whose server does not filter by time; what is old is left out here.

    `params` are the query parameters that Recurly declares for it.
    """

    def __init__(self, client: ListReader, path: str, params: Mapping[str, str]) -> None:
        self._client = client
        self._path = path
        self._params = params

    @override
    def count(self, begin: datetime | None) -> Count:
        return self._client.count(self._path, self._params)

    @override
    def rows(self, frozen: Window) -> Generator[Row, None, None]:
        # What changed after the frozen moment may come too; it comes again with the next run.
        with closing(self.everything()) as rows:
            yield from (row for row in rows if _changed_since(frozen.begin, row))

    def everything(self) -> Generator[Row, None, None]:
        """All rows, in the list's own order."""
        for page in read_ahead(self._client.pages(self._path, self._params)):
            yield from page.rows()


def _changed_since(begin: datetime | None, row: Row) -> bool:
    """Whether a row was updated then or later; one that does not tell counts as changed."""
    moment = moment_of(row)
    return begin is None or moment is None or moment >= begin
