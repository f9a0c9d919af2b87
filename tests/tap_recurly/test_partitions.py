"""How a list is shared out, on any list and in any order of answers: pure arithmetic."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_recurly.reading.partitions import Partitioner, Sizes, State

if TYPE_CHECKING:
    from tap_recurly.reading.partitions import Partition

BEGIN = datetime(2024, 6, 1, tzinfo=timezone.utc)
SECONDS = 10_000
PAGE = 7
SMALL = Sizes(carve=20, halve=5)


def at(second: int) -> datetime:
    """A moment within the list."""
    return BEGIN + timedelta(seconds=second)


class Cursor:
    """Where the reader of one partition is; its list ends where the partition did at first."""

    def __init__(self, times: list[datetime], partition: Partition) -> None:
        self.times = times
        self.partition = partition
        self.next = bisect_left(times, partition.begin or BEGIN)
        self.last = bisect_right(times, partition.end)
        self.found: list[int] = []

    def page(self, partitioner: Partitioner) -> None:
        """Read a page, and keep what lies within the partition."""
        upto = min(self.next + PAGE, self.last)
        rows = range(self.next, upto)
        end = self.partition.end
        within = [row for row in rows if self.times[row] <= end]
        self.found += within
        span = (self.times[rows[0]], self.times[rows[-1]]) if rows else None
        self.next = upto
        more = upto < self.last
        partitioner.page_read(self.partition, len(within), span, more=more)


@pytest.mark.slow
@given(
    seconds=st.lists(
        st.one_of(st.integers(0, SECONDS), st.integers(500, 503), st.just(SECONDS)), max_size=400
    ),
    workers=st.integers(1, 6),
    counted=st.sampled_from(["rightly", "wrongly", "not"]),
    seed=st.integers(0, 10**6),
)
def test_every_row_is_read_in_order(
    seconds: list[int], workers: int, counted: str, seed: int
) -> None:
    """However rows are spread and answers overtake each other, all are found, in order of time."""
    chance = random.Random(seed)  # noqa: S311 (a simulation keeps no secrets)
    times = sorted(map(at, seconds))
    total = {"rightly": len(times), "wrongly": 3, "not": None}[counted]
    partitioner = Partitioner(BEGIN, at(SECONDS), total, SMALL)
    cursors: dict[Partition, Cursor] = {}
    under_way: list[Partition] = []
    while True:
        while len(under_way) < workers:
            partition = partitioner.next_partition(lambda _: True)
            if partition is None:
                break
            under_way.append(partition)
        if not under_way:
            break
        partition = under_way.pop(chance.randrange(len(under_way)))
        cursors.setdefault(partition, Cursor(times, partition)).page(partitioner)
    partitions = partitioner.partitions
    found = [row for partition in partitions for row in cursors[partition].found]
    assert [*dict.fromkeys(found)] == [*range(len(times))]
    assert (partitions[0].begin, partitions[-1].end) == (BEGIN, at(SECONDS))
    for one, other in pairwise(partitions):
        assert one.end == other.begin
        assert one.begin is not None
        assert one.end is not None
        assert one.end > one.begin


def test_until_its_first_page_has_come_a_list_has_one_reader() -> None:
    """Nobody else begins before it is known where the list begins."""
    partitioner = Partitioner(None, at(SECONDS), 1_000, SMALL)
    first = partitioner.next_partition(lambda _: True)
    assert first is not None
    assert partitioner.next_partition(lambda _: True) is None
    partitioner.page_read(first, PAGE, (at(0), at(1)), more=True)
    assert partitioner.next_partition(lambda _: True) is first
    assert partitioner.next_partition(lambda _: True) not in {None, first}


def test_nobody_reads_ahead_of_what_may_not_wait() -> None:
    """When nothing more may wait, only what is written out next is read on."""
    partitioner = Partitioner(BEGIN, at(SECONDS), 1_000, SMALL)
    first = partitioner.next_partition(lambda _: True)
    second = partitioner.next_partition(lambda _: True)
    assert first is not None
    assert second is not None
    partitioner.page_read(second, PAGE, (at(6_000), at(6_100)), more=True)
    assert partitioner.next_partition(lambda partition: partition is first) is None
    partitioner.page_read(first, PAGE, (at(0), at(100)), more=True)
    assert partitioner.next_partition(lambda partition: partition is first) is first


def test_a_partition_that_had_its_rows_gives_the_rest_back() -> None:
    """One that turns out far too long ends after as many rows again; the rest is nobody's yet."""
    partitioner = Partitioner(BEGIN, at(SECONDS), 10_000, SMALL)
    first = partitioner.next_partition(lambda _: True)
    assert first is not None
    for page in range(3):
        partitioner.page_read(first, PAGE, (at(page * PAGE), at((page + 1) * PAGE)), more=True)
        assert len(partitioner.partitions) == (1 if page < 2 else 2)
    assert first.end == at(41)
    assert partitioner.partitions[1].state is State.GAP
