"""One list read by many connections at once and handed on in order of time.

The read begins at once with the list's first page, on one connection; the server's clock then is
the read's upper bound. When the list goes on, HEAD tells how many rows there are. From then on it
is shared out (see `partitions`), so that all connections are busy from the third request to the
last.

Pages that come before their turn wait in buffers, in memory for some megabytes and then on disk.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tap_recurly.errors import TapRecurlyError
from tap_recurly.http.pages import moment_of
from tap_recurly.reading.buffers import MAX_WAITING_BYTES, Allowance, PageBuffer
from tap_recurly.reading.partitions import SIZES, Partitioner, State

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from tap_recurly.http.pages import Count, Page
    from tap_recurly.reading.partitions import Partition, Sizes

logger = logging.getLogger(__name__)


class Source(Protocol):
    """A list that can be counted and read between two moments, both included."""

    def count(self, begin: datetime | None, end: datetime | None) -> Count:
        """How many rows there are."""

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:
        """The rows in ascending order."""


@dataclass(frozen=True)
class Plan:
    """What is to be read: from `begin` to `end`, or to the server's present when that is None.

    `row_count` is how many rows there are when that is known; otherwise it is asked for, `at_once`
    when the list is thought to be long, else only after a first page that is not all. `corrected`
    gives the beginning that is right at the server's present, which may lie behind the one
    expected.
    """

    begin: datetime | None
    end: datetime | None = None
    row_count: int | None = None
    at_once: bool = False
    corrected: Callable[[datetime], datetime | None] | None = None


@dataclass
class _Pages:
    """The pages of one partition: those to be asked for, those that wait, and what went wrong."""

    waiting: PageBuffer
    coming: Iterator[Page] | None = None
    fault: Exception | None = None


class ListRead:
    """Reads one list on several connections and yields its partitions in order of time.

    Attributes:
        source: Where it is.
        row_count: How many rows HEAD gave for the list as a whole, None until it has.
        end: The upper bound, None until it is known.
        changed: Held by who looks at the state of the read, told when that has changed.
    """

    def __init__(
        self,
        source: Source,
        plan: Plan,
        connections: int,
        sizes: Sizes = SIZES,
        waiting: int = MAX_WAITING_BYTES,
    ) -> None:
        self.end = plan.end
        self.row_count = plan.row_count
        self.source = source
        self.changed = threading.Condition()
        self.allowance = Allowance(limit=waiting)
        self._plan = plan
        self._connections = connections
        self._partitioner = Partitioner(plan.begin, plan.end, sizes)
        self._pages: dict[Partition, _Pages] = {}
        self._stopped = self._counting = False
        self._crash: Exception | None = None
        self._to_be_counted = plan.end is None
        if plan.end is not None:
            self._share()

    def __iter__(self) -> Generator[Iterator[bytes], None, None]:
        """Read all of it; leaving early stops the connections after their present request.

        A partition is its rows as lines of JSON, some at a time; it is to be used up before the
        next one is asked for.
        """
        for number in range(self._connections):
            # They never keep the process alive, even while they wait for an answer.
            name = f"connection-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        partitions = self._partitioner.partitions
        try:
            while partitions:
                yield self._lines(partitions[0])
                with self.changed:
                    self._pages.pop(partitions.pop(0)).waiting.discard()
                    self.changed.notify_all()
        finally:
            self._stop()

    def _lines(self, partition: Partition) -> Iterator[bytes]:
        while (lines := self._take(partition)) is not None:
            yield lines

    def _stop(self) -> None:
        """Ask for nothing more, forget what has not been used."""
        with self.changed:
            self._stopped = True
            for pages in self._pages.values():
                pages.waiting.discard()
            self.changed.notify_all()

    def _work(self) -> None:
        """Do one task after the other until the read is over."""
        while (task := self._wait_for_task()) is not None:
            task()

    def _wait_for_task(self) -> Callable[[], None] | None:
        with self.changed:
            while not self._stopped:
                if (task := self.next_task()) is not None:
                    return task
                self.changed.wait()
        return None

    def _take(self, partition: Partition) -> bytes | None:
        """Wait for a partition's next page, None when all have been taken.

        Raises:
            Exception: What kept the next page from being read.
        """
        with self.changed:
            pages = self._pages_of(partition)
            while not pages.waiting:
                if self._crash is not None:
                    raise self._crash
                if pages.fault is not None:
                    raise pages.fault
                if partition.state is State.READ:
                    return None
                self.changed.wait()
            self.changed.notify_all()
            return pages.waiting.take()

    def expected_rows(self) -> int | None:
        """How many rows HEAD gives for the list, once a count under way has come to its end."""
        with self.changed:
            while self._counting:
                self.changed.wait()
            if self._crash is not None:
                raise self._crash
            return self.row_count

    def next_task(self) -> Callable[[], None] | None:
        """Take the most urgent task; called with `changed` held, as the partitions always are."""
        if self._to_be_counted and self._is_count_due:
            self._to_be_counted = False
            self._counting = True
            return self._count
        partition = self._partitioner.next_partition(self._may_wait)
        return None if partition is None else partial(self._read, partition)

    def _share(self) -> None:
        """Let all connections read; one alone reads page after page."""
        if self._connections != 1:
            self._partitioner.share(self.row_count)

    def _pages_of(self, partition: Partition) -> _Pages:
        if partition not in self._pages:
            self._pages[partition] = _Pages(PageBuffer(self.allowance))
        return self._pages[partition]

    def _may_wait(self, partition: Partition) -> bool:
        """Whether more pages of this partition may wait to be written out."""
        return self.allowance.used < 1 or partition is self._partitioner.partitions[0]

    @property
    def begin(self) -> datetime | None:
        """The lower bound; the first page may have put it earlier."""
        return self._plan.begin

    @property
    def _is_count_due(self) -> bool:
        """Whether the list goes on after its first page, or is thought to."""
        first = next(iter(self._partitioner.partitions), None)
        if first is None or first.state is State.READ:
            return False
        return first.row_count > 0 or (self._plan.at_once and first.state is State.READING)

    def _count(self) -> None:
        """Ask how many rows the list has, after which it is shared out."""
        row_count = None
        try:
            row_count = self.source.count(self._plan.begin, self.end).row_count
        except TapRecurlyError as fault:
            # What ails the list as well is told when its pages are asked for.
            logger.debug("Reading on without a count: %s", fault)
        except Exception as crash:  # noqa: BLE001 (a thread's fault must not leave the consumer waiting)
            self._crash = crash
        with self.changed:
            self.row_count = row_count
            self._counting = False
            self._share()
            self.changed.notify_all()

    def _read(self, partition: Partition) -> None:
        """Ask for a partition's next page."""
        with self.changed:
            pages = self._pages_of(partition)
        try:
            pages.coming = pages.coming or self.source.pages(partition.begin, partition.end)
            page = next(pages.coming)
            with self.changed:
                if not self._stopped and not self._begins_again(partition, page):
                    self._take_in(partition, page)
                self.changed.notify_all()
        except Exception as fault:  # noqa: BLE001 (it belongs to the consumer, who is told in turn)
            with self.changed:
                pages.fault = fault
                partition.state = State.READ
                self.changed.notify_all()

    def _take_in(self, partition: Partition, page: Page) -> None:
        """Let a page wait for its turn, without the rows after its partition's end."""
        first, last, end = moment_of(page.head), moment_of(page.last), partition.end
        lines, row_count = page.lines, page.row_count
        if last is not None and end is not None and last > end:
            lines, row_count = _until(page, end)
        self._pages_of(partition).waiting.put(lines)
        span = (first or last, last) if last is not None else None
        self._partitioner.page_read(partition, row_count, span, more=page.more)
        if self.end is None:
            self.end = partition.end = page.as_of

    def _begins_again(self, partition: Partition, page: Page) -> bool:
        """Begin anew when the server's clock is behind what the plan was made for."""
        planned = self._plan.begin
        if planned is None or self._plan.corrected is None or self.end is not None:
            return False
        begin = self._plan.corrected(page.as_of)
        if begin is None or begin >= planned:
            return False
        self._plan = replace(self._plan, begin=begin, corrected=None)
        partition.begin = begin
        partition.state = State.READY
        self._pages_of(partition).coming = None
        return True


def _until(page: Page, end: datetime) -> tuple[bytes, int]:
    """The rows of a page up to a second, that included; rows without a time stay."""
    rows = [row for row in page.rows() if (moment_of(row) or end) <= end]
    return b"\n".join(row.line for row in rows), len(rows)
