"""Who reads what of a list: spans of `updated_at`, shared out while they are being read (pure).

A **partition** is what one connection reads, page after page. Both of its ends are included, as in
Recurly's time filter, so neighbours share the second at which they meet. Nobody knows beforehand
how rows are spread over time. Three rules keep all connections busy all the same, close to the
front of the list, since rows that are read ahead have to wait:

1. **Carve.** Who is free takes some rows off the front of what nobody reads yet: the seconds that
   hold them by what lies before or by the list's average, whichever are more. The average keeps a
   burst from being followed by a hundred partitions of the silence after it.
2. **Give back.** A partition that has had its rows and seems to hold many more keeps as many again;
   nobody reads the rest yet.
3. **Halve.** When all is being read, who is free takes over half of what the longest has before it.

A wrong guess costs a request that finds little, never a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING

from tap_recurly.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


@dataclass(frozen=True)
class Sizes:
    """In rows, how finely a list is shared out.

    A partition is to have `carve` rows: ten pages, so that the last one, half empty on average,
    costs some 5 % of the requests. Halving what has no more than `halve` before it is not worth
    the half page that both read.
    """

    carve: int = 2_000
    halve: int = 400


SIZES = Sizes()
"""What was measured to keep eight connections busy at little cost."""


class State(Enum):
    """What may happen to a partition next."""

    GAP = auto()  # nobody has begun with it, so it may still be carved
    READY = auto()  # its next page may be asked for
    READING = auto()  # a page is under way
    READ = auto()


@dataclass(eq=False)
class Partition:
    """A span of `updated_at`, both ends included.

    `begin` None is the beginning of time. `position` is how far it has been read, `row_count` the
    rows found so far, and `density` the rows a second of its last page, or what is expected as long
    as there is none.
    """

    begin: datetime | None
    end: datetime
    state: State = State.READY
    position: datetime | None = None
    row_count: int = 0
    density: float | None = None

    @property
    def seconds_left(self) -> float:
        """How much of it has not been read; 0 while nobody knows where it begins."""
        start = self.position or self.begin
        if start is None or self.state is State.READ:
            return 0.0
        return max((self.end - start) / SECOND, 0.0)


class Partitioner:
    """The partitions of one list in order of time; not thread-safe.

    A list that begins with time itself is in one partition until its first page has come; `total`
    is how many rows it has, None when nobody knows.
    """

    def __init__(
        self, begin: datetime | None, end: datetime, total: int | None, sizes: Sizes = SIZES
    ) -> None:
        self.partitions = [Partition(begin, end)]
        self._total = total
        self._sizes = sizes
        self._row_count = 0

    def next_partition(self, may_wait: Callable[[Partition], bool]) -> Partition | None:
        """The partition whose next page is to be asked for: what is written out first comes first.

        `may_wait` says whether more pages of a partition may wait to be written out.
        """
        for partition in self.partitions:
            if not may_wait(partition):
                return None
            if partition.state is State.GAP:
                self._carve(partition)
            if partition.state is State.READY:
                partition.state = State.READING
                return partition
        half = self._halve()
        if half is not None:
            half.state = State.READING
        return half

    def page_read(
        self,
        partition: Partition,
        row_count: int,
        span: tuple[datetime, datetime] | None,
        *,
        more: bool,
    ) -> None:
        """Note a page: its rows within the partition, the times of its first and last row, if told.

        The rows of the end's second are in the next partition too; only the last has nobody else
        to read them.
        """
        partition.row_count += row_count
        self._row_count += row_count
        end = partition.end
        if span is not None:
            start, last = partition.position or partition.begin or span[0], span[1]
            is_last = partition is self.partitions[-1]
            more = more and (last < end or (is_last and last == end))
            partition.position = max(last, start) if more else end
            partition.density = row_count / max((partition.position - start) / SECOND, 1)
        elif not row_count:
            partition.density = 0.0
        partition.state = State.READY if more else State.READ
        if partition.row_count >= self._sizes.carve:
            self._give_back(partition)

    def _carve(self, gap: Partition) -> None:
        """Take some rows from the front of a gap; from now on they are being read."""
        gap.state = State.READY
        density = min(filter(None, (gap.density, self._average)), default=None)
        seconds = self._sizes.carve / density if density else inf
        # A rest of less than half a partition is not worth one of its own.
        if 1.5 * seconds < gap.seconds_left:
            self._cut(gap, seconds)

    def _give_back(self, partition: Partition) -> None:
        """End a partition that seems to hold many more rows than it was to have."""
        if partition.density and self._rows_left(partition) > 2 * self._sizes.carve:
            self._cut(partition, self._sizes.carve / partition.density)

    def _halve(self) -> Partition | None:
        """Take over half of what the longest partition has before it, when that is worth it."""
        longest = max(self.partitions, key=self._guess, default=None)
        if longest is None or self._rows_left(longest) <= self._sizes.halve:
            return None
        half = self._cut(longest, longest.seconds_left // 2)
        if half is not None:
            # Nobody has looked into it, so it is thought no denser than the list.
            half.density = min(longest.density or inf, self._average or inf)
            half.state = State.READY
        return half

    def _cut(self, partition: Partition, seconds: float) -> Partition | None:
        """End a partition so far ahead; the rest is a gap, None when there would be none."""
        start = partition.position or partition.begin
        seconds = max(int(min(seconds, partition.seconds_left)), 1)
        if start is None or seconds >= partition.seconds_left:
            return None
        middle = start + seconds * SECOND
        rest = Partition(middle, partition.end, State.GAP, density=partition.density)
        partition.end = middle
        self.partitions.insert(self.partitions.index(partition) + 1, rest)
        return rest

    def _rows_left(self, partition: Partition) -> float:
        """A guess at the rows of a partition that have not been read."""
        guess = self._guess(partition)
        if self._total is None:
            return guess
        guesses = sum(map(self._guess, self.partitions))
        return max(self._total - self._row_count, 0) * guess / guesses if guesses else 0.0

    def _guess(self, partition: Partition) -> float:
        """What a partition holds if the rest is as dense as what was seen last."""
        density = self._average if partition.density is None else partition.density
        return (density or 0.0) * partition.seconds_left

    @property
    def _average(self) -> float | None:
        """Rows a second of all that has not been read, None when nobody knows."""
        if self._total is None:
            return None
        seconds = sum(partition.seconds_left for partition in self.partitions)
        return max(self._total - self._row_count, 1) / max(seconds, 1.0)
