"""How a list is shared out: everything read, in order, on busy connections, at little extra cost.

The site is simulated in rounds: every connection that finds a task has it done in one round, as
requests take about as long as one another.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from tap_recurly.errors import RequestError
from tap_recurly.http.pages import Count, Page, rows_in
from tap_recurly.reading.completeness import BoundaryFilter
from tap_recurly.reading.parallel import ListRead, Window
from tap_recurly.times import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
YEAR = 365 * 86_400.0
PAGE = 200


@dataclass
class QuietList:
    """A list at rest, by the times of its rows."""

    times: list[datetime]
    counts: bool = True
    fault_after: datetime | None = None
    gets: int = 0
    heads: int = 0
    lines: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.times = sorted(moment.replace(microsecond=0) for moment in self.times)
        self.lines = [
            b'{"id":"%d","updated_at":"%s"}' % (number, format_time(moment).encode())
            for number, moment in enumerate(self.times)
        ]

    def count(self, begin: datetime | None, end: datetime | None) -> Count:
        """HEAD."""
        self.heads += 1
        first, last = self._between(begin, end)
        return Count(last - first, NOW)

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:
        """GET."""
        first, last = self._between(begin, end)
        more = True
        while more:
            self.gets += 1
            upto = min(first + PAGE, last)
            if self.fault_after and upto > first and self.times[first] > self.fault_after:
                raise RequestError("No.")
            more = upto < last
            yield Page(b"\n".join(self.lines[first:upto]), upto - first, more)
            first = upto

    def _between(self, begin: datetime | None, end: datetime | None) -> tuple[int, int]:
        first = bisect_left(self.times, begin) if begin else 0
        return first, bisect_right(self.times, end) if end else len(self.times)


def spread(kind: str, number: int) -> list[datetime]:
    """Times of rows as sites have them."""
    chance = random.Random(7)  # noqa: S311 (a simulation keeps no secrets)
    ago: dict[str, Callable[[], float]] = {
        "evenly": lambda: chance.uniform(0, YEAR),
        "nearly all of late": lambda: chance.uniform(0, YEAR * chance.choice([0.01] * 19 + [1])),
        "ever more": lambda: min(chance.expovariate(12 / YEAR), YEAR),
        "ever less": lambda: YEAR - min(chance.expovariate(36 / YEAR), YEAR),
        "an import of minutes": lambda: (
            YEAR / 3 + chance.uniform(0, 1200) if chance.random() < 0.8 else chance.uniform(0, YEAR)
        ),
        "in bursts": lambda: chance.randrange(40) * YEAR / 40 + chance.uniform(0, 3600),
    }
    return [NOW - timedelta(seconds=ago[kind]()) for _ in range(number)]


def whole(site: QuietList, begin: datetime | None = None) -> Window:
    """All of a list, counted where that can be."""
    return Window(begin, NOW, site.count(begin, None).row_count if site.counts else None)


def in_rounds(read: ListRead, *, at_once: int) -> tuple[int, list[int]]:
    """Read all; the rounds it took, and the ids in order, the shared boundaries filtered."""
    parts = iter(read)
    part = next(parts)  # without connections nothing happens yet
    rounds = 0
    while True:
        with read.changed:
            tasks = [task for _ in range(at_once) if (task := read.next_task())]
        if not tasks:
            break
        rounds += 1
        for task in tasks:
            task()
    boundary = BoundaryFilter()
    ids = []
    for each in chain([part], parts):
        ids += [int(row.id) for lines in each for row in rows_in(lines) if boundary.admits(row)]
    return rounds, ids


@pytest.mark.slow
@pytest.mark.parametrize("number", [20_000, 40_000, 100_000])
@pytest.mark.parametrize(
    "kind",
    ["evenly", "nearly all of late", "ever more", "ever less", "an import of minutes", "in bursts"],
)
def test_eight_connections_read_five_to_eight_times_as_fast(kind: str, number: int) -> None:
    """However rows are spread: in order, each once, fast, and by few more requests than pages."""
    site = QuietList(spread(kind, number))
    read = ListRead(site, whole(site), 0)
    rounds, ids = in_rounds(read, at_once=8)
    pages = -(-number // PAGE)
    assert ids == list(range(number))
    assert rounds <= pages / 5
    assert site.gets + site.heads <= pages * 1.1 + 50


@pytest.mark.slow
def test_planning_costs_little_on_a_large_list() -> None:
    """Of the requests for 300,000 rows one in twenty finds less than a page."""
    site = QuietList(spread("ever more", 300_000))
    read = ListRead(site, whole(site), 0)
    rounds, ids = in_rounds(read, at_once=8)
    assert len(ids) == 300_000
    assert site.gets + site.heads <= 1_500 * 1.05
    assert rounds <= 1_500 / 7


@pytest.mark.parametrize("number", [0, 1, 199, 200])
def test_a_page_that_is_all_is_one_request(number: int) -> None:
    """A list of one page costs one request beside the one that has counted it."""
    site = QuietList(spread("evenly", number))
    read = ListRead(site, whole(site, NOW - timedelta(days=400)), 0)
    _, ids = in_rounds(read, at_once=8)
    assert (len(ids), site.gets, site.heads) == (number, 1, 1)


@pytest.mark.slow
def test_without_counts_a_list_is_shared_out_by_what_was_seen() -> None:
    """Where HEAD fails, density tells how much is left."""
    site = QuietList(spread("evenly", 40_000), counts=False)
    read = ListRead(site, whole(site), 0)
    rounds, ids = in_rounds(read, at_once=8)
    assert ids == list(range(40_000))
    assert rounds <= 200 / 4


@pytest.mark.slow
def test_counts_that_ignore_times_are_not_trusted() -> None:
    """A HEAD that always counts the whole list does not lead to endless counting."""

    class Deaf(QuietList):
        def count(self, begin: datetime | None, end: datetime | None) -> Count:  # noqa: ARG002
            return super().count(None, None)

    site = Deaf(spread("evenly", 4 * 32_000))
    read = ListRead(site, whole(site), 0)
    _, ids = in_rounds(read, at_once=8)
    assert ids == list(range(4 * 32_000))
    assert site.heads < 20


def test_one_second_of_thousands_is_read_once() -> None:
    """A second that cannot be cut is read page by page, by its one reader."""
    moment = NOW - timedelta(days=30)
    site = QuietList(spread("evenly", 5_000) + [moment] * 5_000)
    read = ListRead(site, whole(site), 0)
    _, ids = in_rounds(read, at_once=8)
    assert ids == list(range(10_000))


def test_fault_comes_in_its_turn() -> None:
    """What lies before a page that fails is handed on; then the fault is raised."""
    site = QuietList(spread("evenly", 20_000))
    site.fault_after = site.times[12_345]
    read = ListRead(site, whole(site), 4)
    boundary = BoundaryFilter()
    ids: list[str] = []

    def take_all() -> None:
        rows = (row for part in read for lines in part for row in rows_in(lines))
        ids.extend(row.id for row in rows if boundary.admits(row))

    with pytest.raises(RequestError, match="No"):
        take_all()
    assert ids == [str(number) for number in range(len(ids))]
    assert len(ids) > 12_345 - PAGE


def test_unexpected_fault_is_no_silence() -> None:
    """Whatever goes wrong in a thread, the consumer hears of it instead of waiting for ever."""

    class Broken(QuietList):
        def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:  # noqa: ARG002
            raise ZeroDivisionError

    read = ListRead(Broken(spread("evenly", 20_000)), Window(None, NOW), 2)
    with pytest.raises(ZeroDivisionError):
        sum(len(lines) for part in read for lines in part)


def test_reading_waits_for_who_writes() -> None:
    """When too much waits to be written out, only what comes next is read on."""
    site = QuietList(spread("evenly", 20_000))
    read = ListRead(site, whole(site), 0, waiting=100_000)
    parts = iter(read)
    part = next(parts)
    for _ in range(60):
        with read.changed:
            tasks = [task for _ in range(8) if (task := read.next_task())]
        for task in tasks:
            task()
    assert read.allowance.waiting < 1_000_000
    assert next(iter(part))
    parts.close()


def test_what_is_given_up_waits_no_longer() -> None:
    """Leaving early forgets what had been read ahead."""
    read = ListRead(QuietList(spread("evenly", 5_000)), Window(None, NOW, 5_000), 4)
    parts = iter(read)
    assert next(next(parts))
    parts.close()
    assert read.allowance.waiting == 0
