"""One list read by many connections at once and handed on in order of time.

The read begins at once with the list's first page, on one connection; the server's clock then is
the read's upper bound. When the list goes on, HEAD tells how many rows there are. From then on
idle connections take over halves of what others have before them (see `planning`), so that all are
busy from the third request to the last.

Pages that come before their turn wait in buffers, in memory for some megabytes and then on disk.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tap_recurly.errors import TapRecurlyError
from tap_recurly.reading.buffers import PageBuffer
from tap_recurly.reading.planning import SIZES, Action, Schedule
from tap_recurly.reading.segments import Segment, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from tap_recurly.http.pages import Count, Page
    from tap_recurly.reading.planning import Plan, Sizes
    from tap_recurly.reading.workers import WorkerPool

logger = logging.getLogger(__name__)

AHEAD_OF_ITS_TURN = 1 / 8
"""How much of the room for waiting pages a list may use whose turn has not come."""


class Source(Protocol):
    """A list that can be counted and read between two moments, both included."""

    def count(self, begin: datetime | None, end: datetime | None) -> Count:
        """How many rows there are."""

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:
        """The rows in ascending order."""


class ListRead:
    """Reads one list on shared connections and yields its parts in order of time."""

    def __init__(
        self,
        source: Source,
        plan: Plan,
        pool: WorkerPool,
        sizes: Sizes = SIZES,
    ) -> None:
        self._source = source
        self._pool = pool
        self._changed = pool.changed
        self._schedule = Schedule(plan, sizes, lambda: PageBuffer(pool.allowance))
        self._begun = self._stopped = False
        self._crash: Exception | None = None

    @property
    def row_count(self) -> int | None:
        """How many rows HEAD gave for the list as a whole, None until it has."""
        return self._schedule.row_count

    @property
    def end(self) -> datetime | None:
        """The upper bound, None until it is known."""
        return self._schedule.end

    def prefetch(self) -> None:
        """Let connections that would stand idle begin with it."""
        self._pool.prefetch(self)

    def __iter__(self) -> Generator[Part, None, None]:
        """Read all of it; leaving early stops the connections after their present request."""
        self._begun = True
        self._pool.begin(self)
        try:
            while (segment := self._first()) is not None:
                yield Part(self, segment)
                with self._changed:
                    self._schedule.segments.pop(0).buffer.discard()
                    self._changed.notify_all()
        finally:
            self.stop()

    def stop(self) -> None:
        """Ask for nothing more, forget what has not been used."""
        with self._changed:
            self._stopped = True
            for segment in self._schedule.segments:
                segment.buffer.discard()
        self._pool.end(self)

    def take(self, segment: Segment) -> bytes | None:
        """Wait for a segment's next page, None when all have been taken.

        Raises:
            Exception: What kept the next page from being read.
        """
        with self._changed:
            while not segment.buffer:
                if segment.fault is not None:
                    raise segment.fault
                if segment.stage is Stage.READ:
                    return None
                self._wait()
            self._changed.notify_all()
            return segment.buffer.take()

    def next_task(self) -> Callable[[], None] | None:
        """Take the most urgent task; called with `changed` held, as the schedule always is."""
        step = None if self._stopped else self._schedule.next_step(self._may_wait)
        if step is None:
            return None
        tasks = {
            Action.COUNT_LIST: self._count_list,
            Action.COUNT: self._count,
            Action.READ: self._read,
        }
        return partial(tasks[step.action], step.segment)

    def _first(self) -> Segment | None:
        """Wait until it is settled what comes next, None at the end."""
        unsettled = {Stage.UNCOUNTED, Stage.COUNTING}
        segments = self._schedule.segments
        with self._changed:
            while segments and segments[0].stage in unsettled:
                self._wait()
            if self._crash is not None:
                raise self._crash
            return segments[0] if segments else None

    def _wait(self) -> None:
        if self._crash is not None:
            raise self._crash
        self._changed.wait()

    def _may_wait(self, segment: Segment) -> bool:
        """Whether more pages of this segment may wait to be written out."""
        used = self._pool.allowance.used
        if not self._begun:
            return used < AHEAD_OF_ITS_TURN
        return used < 1 or segment is self._schedule.segments[0]

    def _read(self, segment: Segment) -> None:
        """Ask for a segment's next page."""
        try:
            segment.pages = segment.pages or self._source.pages(segment.begin, segment.end)
            page = next(segment.pages)
            with self._changed:
                if not self._stopped:
                    self._schedule.arrived(segment, page)
                self._changed.notify_all()
        except Exception as fault:  # noqa: BLE001 (it belongs to the consumer, who is told in turn)
            with self._changed:
                segment.fault = fault
                segment.stage = Stage.READ
                self._changed.notify_all()

    def _count_list(self, first: Segment) -> None:
        """Ask how many rows the list has."""
        row_count = self._try_to_count(first.begin, None)
        with self._changed:
            self._schedule.list_counted(row_count)
            self._changed.notify_all()

    def _count(self, segment: Segment) -> None:
        """Ask how many rows a window has."""
        row_count = self._try_to_count(segment.begin, segment.end)
        with self._changed:
            if not self._stopped:
                self._schedule.counted(segment, row_count)
            self._changed.notify_all()

    def _try_to_count(self, begin: datetime | None, end: datetime | None) -> int | None:
        """A count, None when there is none to be had: counts only balance the load."""
        try:
            return self._source.count(begin, end).row_count
        except TapRecurlyError as fault:
            # What ails the list as well is told when its pages are asked for.
            logger.debug("Reading on without a count: %s", fault)
        except Exception as crash:  # noqa: BLE001 (a thread's fault must not leave the consumer waiting)
            self._crash = crash
        return None


class Part:
    """A segment on its way out, as its rows come; to be used up before the next is asked for."""

    def __init__(self, read: ListRead, segment: Segment) -> None:
        self._read = read
        self._segment = segment

    def __iter__(self) -> Iterator[bytes]:
        """Its rows as lines of JSON, some at a time."""
        while (lines := self._read.take(self._segment)) is not None:
            yield lines

    @property
    def end(self) -> datetime | None:
        """Up to when all is out, this part included; None if nothing could be.

        To be asked once the part has been used up.
        """
        begin, end = self._segment.begin, self._segment.end
        return None if begin and end and end < begin else end
