"""A list read up to a frozen moment: complete, in order, each row once.

The upper bound is the server's own clock at the start. A row that changes while the read is under
way moves beyond it and is the next run's; a row that becomes visible late is found by the next
run's lookback. So nothing is lost, whatever happens to the site meanwhile.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from tap_recurly.http.pages import moment_of, rows_in
from tap_recurly.http.queries import between
from tap_recurly.reading.completeness import BoundaryFilter, CompletenessCheck
from tap_recurly.reading.parallel import ListRead, Part, Plan
from tap_recurly.reading.partitions import SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tap_recurly.http.pages import Count, Page, Row
    from tap_recurly.reading.partitions import Sizes
    from tap_recurly.reading.workers import WorkerPool

FOREVER = datetime.max.replace(tzinfo=timezone.utc)

MIN_LOOKBACK = timedelta(seconds=1)
"""`Date` is cut to the second, and so is the bookmark: what was committed in the rest of it by a
page's side may not have been on the page."""


@dataclass(frozen=True)
class Window:
    """A span of `updated_at`, both ends included; `begin` None is the beginning of time.

    `row_count` is what HEAD said about it, None when it said nothing.
    """

    begin: datetime | None
    end: datetime
    row_count: int | None = None


class ListReader(Protocol):
    """Counts and reads lists: `RecurlyClient`."""

    def count(self, path: str, params: Mapping[str, str]) -> Count:
        """Ask how many rows a list has, without reading it."""

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[Page]:
        """Read a list to its end, page by page."""


class TimeFilteredList:
    """A list whose server filters by `updated_at`: the source of a read."""

    def __init__(self, client: ListReader, path: str) -> None:
        self._client = client
        self._path = path

    def __str__(self) -> str:
        return self._path

    def count(self, begin: datetime | None, end: datetime | None) -> Count:
        """How many rows were updated between two moments, both included."""
        return self._client.count(self._path, between(begin, end))

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:
        """The rows updated between two moments, both included, ascending."""
        return self._client.pages(self._path, between(begin, end))


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


@dataclass(frozen=True)
class FrozenPart:
    """A part of a list; `reached` is up to when all is out once its rows have been used up."""

    rows: Iterator[Row]
    _at_its_end: Callable[[], datetime | None]
    _amid: Callable[[datetime], datetime] = lambda moment: moment

    @property
    def records(self) -> Iterator[dict[str, Any]]:
        """Its rows as objects."""
        return (row.record for row in self.rows)

    @property
    def reached(self) -> datetime | None:
        """Up to when the list has been read; None when nothing of it was to be."""
        return self._at_its_end()

    def reached_with(self, moment: datetime) -> datetime:
        """Up to when it has been read when a row of this moment has been used, and not the next."""
        return self._amid(moment)


class IncrementalRead:
    """One read of a list up to a frozen moment: parts in order of time, each row once.

    What Recurly counts and its pages did not give is read again, and raised when it stays out.
    """

    def __init__(self, read: ListRead, known: datetime | None = None) -> None:
        self._known = known
        self._read = read
        self._boundary = BoundaryFilter()

    @property
    def row_count(self) -> int | None:
        """How many rows there are in all, None as long as that is not known."""
        return self._read.row_count

    def __iter__(self) -> Iterator[FrozenPart]:
        """Read it; the rows of a part must be used up before the next part is asked for."""
        with closing(iter(self._read)) as parts:
            for part in parts:
                yield FrozenPart(self._admitted(part), partial(self._reached, part), self._beyond)

    def rows(self) -> Iterator[Row]:
        """Read it row by row."""
        for part in self:
            yield from part.rows

    def prefetch(self) -> None:
        """Let connections that would stand idle begin; the read will be iterated later."""
        self._read.prefetch()

    def stop(self) -> None:
        """Give up a read that will not be iterated."""
        self._read.stop()

    def _reached(self, part: Part) -> datetime | None:
        """Up to when all is out; what had been read before this run stays so in its overlap."""
        return None if part.end is None else self._beyond(part.end)

    def _beyond(self, moment: datetime) -> datetime:
        """A moment within this run's bounds, or what was known before if that is later.

        Rows that are read again are older than what is known.
        """
        end = self._read.end or moment
        self._known = max(moment, self._known or moment)
        return min(self._known, end)

    def _admitted(self, part: Part) -> Iterator[Row]:
        """The rows that no part before had."""
        for lines in part:
            yield from filter(self._boundary.admits, rows_in(lines))
            yield from self._check.amid(self._boundary)
        if part.is_last and part.end is not None:
            yield from self._check.at_end(self._boundary, part.end, self._read.expected_rows())

    @cached_property
    def _check(self) -> CompletenessCheck:
        """To be asked for once the first page has told where the read begins."""
        return CompletenessCheck(self._read.source, self._read.begin)


class BoundedList(ABC):
    """A list of the site that is read up to a moment frozen beforehand."""

    @abstractmethod
    def freeze(self, begin: datetime | None) -> Window:
        """The window from `begin` to the server's present, counted; costs one request."""

    @abstractmethod
    def read(self, frozen: Window) -> Iterable[FrozenPart]:
        """Read a window that was frozen, of this list or together with another's."""

    def freeze_since(
        self, bookmark: datetime | None, start_date: datetime | None, lookback: timedelta
    ) -> Window | None:
        """The window of this run, None when `start_date` lies in the server's future."""
        frozen = self.freeze(lower_bound(bookmark, start_date, lookback))
        begin = lower_bound(bookmark, start_date, lookback, frozen.end)
        if begin is not None and begin > frozen.end:
            return None
        return replace(frozen, begin=begin)


class IncrementalList(BoundedList):
    """A list whose server filters by `updated_at`.

    A list that stands alone is read `since` the bookmark, and its first page freezes the bound.
    Where other requests depend on the bound, a HEAD freezes it before the list is read.

    Args:
        client: Counts and reads the list.
        path: Where it is, such as `/accounts`.
        pool: Reads it.
        in_one: Whether to read it on one connection at a time.
        sizes: How finely it is shared out.
    """

    def __init__(
        self,
        client: ListReader,
        path: str,
        pool: WorkerPool,
        *,
        in_one: bool = False,
        sizes: Sizes = SIZES,
    ) -> None:
        self._source = TimeFilteredList(client, path)
        self._pool = pool
        self._in_one = in_one
        self._sizes = sizes

    def since(
        self, bookmark: datetime | None, start_date: datetime | None, lookback: timedelta
    ) -> IncrementalRead:
        """This run's read, up to the server's present; it takes one request when a page is all."""
        lookback = max(lookback, MIN_LOOKBACK)
        begin = lower_bound(bookmark, start_date, lookback)

        def corrected(present: datetime) -> datetime | None:
            return lower_bound(bookmark, start_date, lookback, present)

        plan = Plan(begin, at_once=bookmark is None, corrected=corrected)
        return self._read(plan, bookmark)

    @override
    def freeze(self, begin: datetime | None) -> Window:
        count = self._source.count(begin, None)
        return Window(begin, count.server_time.replace(microsecond=0), count.row_count)

    @override
    def read(self, frozen: Window) -> IncrementalRead:
        return self._read(Plan(frozen.begin, frozen.end, frozen.row_count))

    def _read(self, plan: Plan, known: datetime | None = None) -> IncrementalRead:
        plan = replace(plan, in_one=self._in_one)
        return IncrementalRead(ListRead(self._source, plan, self._pool, self._sizes), known)


class FullList(BoundedList):
    """A list whose server does not filter by time; what is old is left out here.

    Args:
        client: Counts and reads the list.
        path: Where it is, such as `/external_products`.
        pool: One of its workers reads it, ahead of who takes the rows.
        params: The query parameters that Recurly declares for it.
    """

    def __init__(
        self, client: ListReader, path: str, pool: WorkerPool, params: Mapping[str, str]
    ) -> None:
        self._source = _Everything(client, path, params)
        self._pool = pool

    @override
    def freeze(self, begin: datetime | None) -> Window:
        count = self._source.count(begin, None)
        return Window(begin, count.server_time.replace(microsecond=0), count.row_count)

    @override
    def read(self, frozen: Window) -> Iterator[FrozenPart]:
        # What changed after the frozen moment may come too; it comes again with the next run.
        changed = (row for row in self.everything() if _changed_since(frozen.begin, row))
        yield FrozenPart(changed, lambda: frozen.end)

    def everything(self) -> Iterator[Row]:
        """All rows, in the list's own order."""
        for part in ListRead(self._source, Plan(None, FOREVER, in_one=True), self._pool):
            for lines in part:
                yield from rows_in(lines)


def _changed_since(begin: datetime | None, row: Row) -> bool:
    """Whether a row was updated then or later; one that does not tell counts as changed."""
    moment = moment_of(row)
    return begin is None or moment is None or moment >= begin


class _Everything:
    """The list as the source of a read that nobody bounds or shares out."""

    def __init__(self, client: ListReader, path: str, params: Mapping[str, str]) -> None:
        self._client = client
        self._path = path
        self._params = params

    def count(self, begin: datetime | None, end: datetime | None) -> Count:  # noqa: ARG002 (the list has no bounds)
        """All of its rows."""
        return self._client.count(self._path, self._params)

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:  # noqa: ARG002 (as above)
        """All of the list."""
        return self._client.pages(self._path, self._params)
