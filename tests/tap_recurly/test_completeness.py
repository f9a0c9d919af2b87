"""Fewer rows than Recurly counts: read again, told, and never behind the bookmark."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from tap_recurly.errors import IncompleteListError
from tap_recurly.http.pages import Count, Page
from tap_recurly.reading.completeness import MAX_REREADS, STRETCH_ROWS
from tap_recurly.reading.lists import IncrementalList
from tap_recurly.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

    from tap_recurly.http.pages import Row

NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
LOOKBACK = timedelta(minutes=5)


@dataclass
class LeakyList:
    """A client of a list with a row a second, whose pages leave some of them out.

    Attributes:
        missing: The numbers of rows that pages leave out, at the first `times` readings of them.
        gone: Rows that have changed, so that they lie beyond the read's end, once one was read.
        deaf: Whether HEAD ignores the time filter.
    """

    number: int
    missing: set[int] = field(default_factory=set)
    times: int = 10**6
    gone: set[int] = field(default_factory=set)
    deaf: bool = False
    heads: int = 0
    seen: int = 0
    read_at: dict[int, int] = field(default_factory=dict)

    def count(self, _path: str, params: Mapping[str, str]) -> Count:
        """HEAD."""
        self.heads += 1
        rows = range(self.number) if self.deaf else self._between(params)
        gone = self.gone if self.read_at else set()
        return Count(len({*rows} - gone), NOW)

    def pages(self, _path: str, params: Mapping[str, str]) -> Iterator[Page]:
        """GET, page by page."""
        rows = self._between(params)
        for start in range(rows.start, max(rows.stop, rows.start + 1), 200):
            shown = [
                row
                for row in range(start, min(start + 200, rows.stop))
                if not self._leaves_out(row)
            ]
            yield Page(b"\n".join(map(self._line, shown)), len(shown), start + 200 < rows.stop)

    def _leaves_out(self, row: int) -> bool:
        before = self.read_at.get(row, 0)
        self.read_at[row] = before + 1
        return row in self.missing and before < self.times

    def moment(self, row: int) -> datetime:
        """When a row was updated."""
        return NOW - timedelta(seconds=self.number - row)

    def _line(self, row: int) -> bytes:
        return b'{"id":"%d","updated_at":"%s"}' % (row, format_time(self.moment(row)).encode())

    def _between(self, params: Mapping[str, str]) -> range:
        first, last = 0, self.number
        if "begin_time" in params:
            ahead = parse_time(params["begin_time"]) - self.moment(0)
            first = min(max(int(ahead.total_seconds()), 0), self.number)
        if "end_time" in params:
            ahead = parse_time(params["end_time"]) - self.moment(0)
            last = max(min(int(ahead.total_seconds()) + 1, self.number), first)
        return range(first, last)

    def rows(self) -> Iterator[Row]:
        """A first read of the list."""
        listed = IncrementalList(self, "/rows", 4)
        return listed.rows(listed.freeze(None))


@pytest.mark.slow
@pytest.mark.parametrize("number", [450, 2 * STRETCH_ROWS + 5_000])
@pytest.mark.parametrize("times", range(1, MAX_REREADS + 1))
def test_rows_left_out_once_come_after_all(
    number: int, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What pages leave out is read again as often as it takes, and the log says so."""
    site = LeakyList(number, missing={*range(230, 260)}, times=times)
    with caplog.at_level(logging.WARNING):
        ids = {int(row.id) for row in site.rows()}
    assert ids == {*range(number)}
    assert len(caplog.messages) == times
    assert "in /rows up to" in caplog.messages[0]


@pytest.mark.slow
def test_rows_that_stay_out_are_told() -> None:
    """Rows counted but never given end the read with a sentence, and nothing after them counts."""
    site = LeakyList(3 * STRETCH_ROWS, missing={STRETCH_ROWS * 2 - 1_000})
    received: set[int] = set()
    with pytest.raises(IncompleteListError, match=r"Recurly counts .* in /rows from") as error:
        received.update(int(row.id) for row in site.rows())
    complete_until = error.value.complete_until
    assert complete_until is not None
    assert site.moment(STRETCH_ROWS - 1) <= complete_until < site.moment(2 * STRETCH_ROWS - 1_000)


@pytest.mark.slow
@pytest.mark.parametrize("number", [450, 2 * STRETCH_ROWS + 5_000])
def test_list_that_shrinks_while_it_is_read_is_whole(number: int) -> None:
    """Rows that change during the read leave its window: they are the next run's."""
    site = LeakyList(number, missing={*range(230, 260)}, gone={*range(230, 260)})
    ids = {int(row.id) for row in site.rows()}
    assert ids == {*range(number)} - {*range(230, 260)}


@pytest.mark.slow
def test_counting_costs_one_request_in_a_hundred() -> None:
    """A long list is counted once for every hundred pages, a short one once."""
    long = LeakyList(5 * STRETCH_ROWS)
    assert sum(1 for _ in long.rows()) == long.number
    assert long.heads <= 6
    one_page = LeakyList(200)
    assert sum(1 for _ in one_page.rows()) == 200
    assert one_page.heads == 1


def test_counts_that_ignore_times_prove_nothing() -> None:
    """Where HEAD counts the whole list whatever it is asked, no read is called incomplete."""
    site = LeakyList(2 * STRETCH_ROWS, deaf=True)
    assert sum(1 for _ in site.rows()) == site.number


def test_bookmark_stays_before_what_is_missing(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """HEAD says 5, the pages give 2 and no more: exit code 1, a sentence, no bookmark beyond."""
    site.fill("/plans", 5)
    first_two = [*site.rows("/plans").values()][:2]
    body = json.dumps({"has_more": False, "next": None, "data": first_two}).encode()

    def cut_short(method: str, path: str, _params: dict[str, str]) -> Answer | None:
        return (200, {}, body) if (method, path) == ("GET", "/plans") else None

    site.before = cut_short
    run = sync(["plans", "coupons"])
    assert run.code == 1
    assert "Recurly counts 5 rows in /plans up to 2024-06-01T12:00:00Z but its pages give" in (
        run.stderr
    )
    assert "replication_key_value" not in run.state["bookmarks"]["plans"]
    assert run.state["bookmarks"]["coupons"]["replication_key_value"] == "2024-06-01T12:00:00Z"
    site.before = lambda *_: None
    again = sync(["plans"], state=run.state)
    assert len(again.records("plans")) == 5


def test_bookmark_of_earlier_runs_stays(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """When rows of a later run are missing, the next one begins where that one did."""
    first = sync(["plans"])
    site.now += timedelta(hours=1)
    for number in range(450):
        site.put("/plans", f"plan{number}", site.now - timedelta(minutes=1))

    def end_early(method: str, path: str, params: dict[str, str]) -> Answer | None:
        if (method, path) != ("GET", "/plans") or "cursor" not in params:
            return None
        return 200, {}, b'{"has_more": false, "next": null, "data": []}'

    site.before = end_early
    run = sync(["plans"], state=first.state)
    assert run.code == 1
    assert "but its pages give only 200" in run.stderr
    assert run.state["bookmarks"]["plans"] == first.state["bookmarks"]["plans"]
