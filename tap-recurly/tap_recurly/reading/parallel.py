"""One list read by many connections at once and handed on in order of time.

What is to be read is known beforehand: HEAD has told the server's present, which is the upper
bound, and how many rows there are. By that the list is shared out (see `partitions`), so that all
connections are busy.

Pages that come before their turn wait in buffers, in memory for some megabytes and then on disk.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tap_recurly.http.pages import moment_of
from tap_recurly.reading.buffers import MAX_WAITING_BYTES, Allowance, PageBuffer
from tap_recurly.reading.partitions import SIZES, Partitioner, State

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from tap_recurly.http.pages import Count, Page
    from tap_recurly.reading.partitions import Partition, Sizes


class Source(Protocol):
    """A list that can be counted and read between two moments, both included."""

    def count(self, begin: datetime | None, end: datetime | None) -> Count:
        """How many rows there are, and the server's present."""

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:
        """The rows in ascending order."""


@dataclass(frozen=True)
class Window:
    """A span of `updated_at`, both ends included; `begin` None is the beginning of time.

    `row_count` is what HEAD said about it, None when it said nothing.
    """

    begin: datetime | None
    end: datetime
    row_count: int | None = None

    def reached_with(self, moment: datetime, known: datetime | None) -> datetime:
        """Up to when all is out when a row of this moment is; `known` is what was known before.

        Rows that are read again are older than that; but it may lie behind the end, when the
        server's clock has gone back.
        """
        return min(max(moment, known or moment), self.end)


@dataclass
class _Pages:
    """The pages of one partition: those to be asked for, those that wait, and what went wrong."""

    waiting: PageBuffer
    coming: Iterator[Page] | None = None
    fault: Exception | None = None


class ListRead:
    """Reads one list on several connections and yields its partitions in order of time.

    Attributes:
        changed: Held by who looks at the state of the read, told when that has changed.
        allowance: What waits to be written out.
    """

    def __init__(
        self,
        source: Source,
        window: Window,
        connections: int,
        sizes: Sizes = SIZES,
        waiting: int = MAX_WAITING_BYTES,
    ) -> None:
        self.changed = threading.Condition()
        self.allowance = Allowance(limit=waiting)
        self._source = source
        self._connections = connections
        self._partitioner = Partitioner(window.begin, window.end, window.row_count, sizes)
        self._pages: dict[Partition, _Pages] = {}
        self._stopped = False

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
                if pages.fault is not None:
                    raise pages.fault
                if partition.state is State.READ:
                    return None
                self.changed.wait()
            self.changed.notify_all()
            return pages.waiting.take()

    def next_task(self) -> Callable[[], None] | None:
        """Take the most urgent task; called with `changed` held, as the partitions always are."""
        partition = self._partitioner.next_partition(self._may_wait)
        return None if partition is None else partial(self._read, partition)

    def _pages_of(self, partition: Partition) -> _Pages:
        if partition not in self._pages:
            self._pages[partition] = _Pages(PageBuffer(self.allowance))
        return self._pages[partition]

    def _may_wait(self, partition: Partition) -> bool:
        """Whether more pages of this partition may wait to be written out."""
        return self.allowance.used < 1 or partition is self._partitioner.partitions[0]

    def _read(self, partition: Partition) -> None:
        """Ask for a partition's next page."""
        with self.changed:
            pages = self._pages_of(partition)
        try:
            pages.coming = pages.coming or self._source.pages(partition.begin, partition.end)
            page = next(pages.coming)
            with self.changed:
                if not self._stopped:
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
        if last is not None and last > end:
            lines, row_count = _until(page, end)
        self._pages_of(partition).waiting.put(lines)
        span = (first or last, last) if last is not None else None
        self._partitioner.page_read(partition, row_count, span, more=page.more)


def _until(page: Page, end: datetime) -> tuple[bytes, int]:
    """The rows of a page up to a second, that included; rows without a time stay."""
    rows = [row for row in page.rows() if (moment_of(row) or end) <= end]
    return b"\n".join(row.line for row in rows), len(rows)
