"""Frozen windows on a site that changes at every request: nothing lost, whatever happens."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_recurly.http.pages import Count, Page, moment_of
from tap_recurly.reading.lists import IncrementalList
from tap_recurly.reading.partitions import Sizes
from tap_recurly.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOON = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
LONGEST_LAG = 30.0
LOOKBACK = timedelta(seconds=LONGEST_LAG)
CROWD_CHANGES = 0.02
STATES_AMID = 0.1
TINY = Sizes(carve=12, halve=2)


def seeded(seed: int) -> random.Random:
    """Chance that can be repeated."""
    return random.Random(seed)  # noqa: S311 (a simulation keeps no secrets)


class RestartError(Exception):
    """The process dies here."""


@dataclass
class Version:
    """One version of a row; it becomes visible some time after the moment it bears."""

    number: int
    updated_at: datetime
    visible_at: datetime


@dataclass
class LivingSite:
    """A list of a site where something happens before every request.

    Reads see what is committed, as a database shows it: until a late change is visible, its row
    is still there as it was. Storage is finer than the seconds shown, or in `whole_seconds`. A
    `crowd` of rows bears one and the same second, and changes all at once at times.
    """

    chance: random.Random
    rows: int
    lag: float
    page_size: int
    whole_seconds: bool = False
    crowd: int = 0
    restart_after: int | None = None
    now: datetime = NOON
    quiet: bool = False
    requests: int = 0
    history: dict[str, list[Version]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for index in range(self.rows):
            # Some crowded into a few seconds, some scattered over days; some on the full second.
            ago = self.chance.choice([self.chance.uniform(0, 5), self.chance.uniform(0, 2e5)])
            moment = self.now - timedelta(seconds=ago)
            on_the_second = self.chance.random() < 0.5
            self._write(f"row-{index}", moment.replace(microsecond=0) if on_the_second else moment)
        self._change_crowd(self.now - timedelta(hours=5))

    def _change_crowd(self, moment: datetime) -> None:
        for index in range(self.crowd):
            self._write(f"crowd-{index}", moment.replace(microsecond=0))

    def _write(self, row_id: str, moment: datetime, lag: float = 0.0) -> None:
        versions = self.history.setdefault(row_id, [])
        visible = moment + timedelta(seconds=lag)
        if self.whole_seconds:
            moment = moment.replace(microsecond=0)
        versions.append(Version(len(versions), moment, visible))

    def _live(self) -> None:
        """Let some time pass and some rows change, just before a request is answered."""
        self.requests += 1
        if self.restart_after is not None and self.requests > self.restart_after:
            raise RestartError
        if self.quiet:
            return
        for _ in range(self.chance.randrange(4)):
            self.now += timedelta(seconds=self.chance.choice([0, 0.01, 0.4, 3]))
            new = not self.history or self.chance.random() < 0.3
            row_id = f"row-{len(self.history)}" if new else self.chance.choice([*self.history])
            if row_id.startswith("crowd") or (
                not new and self.history[row_id][-1].visible_at > self.now
            ):
                continue  # its row is locked by the change under way
            self._write(row_id, self.now, self.chance.uniform(0, self.lag))
        if self.chance.random() < CROWD_CHANGES:
            self._change_crowd(self.now)

    def current(self) -> list[tuple[str, Version]]:
        """What is committed now, in the order of the list."""
        seen = []
        for row_id, versions in self.history.items():
            committed = [version for version in versions if version.visible_at <= self.now]
            if committed:
                seen.append((row_id, committed[-1]))
        return sorted(seen, key=lambda row: (row[1].updated_at, row[0]))

    def _between(self, params: Mapping[str, str]) -> list[tuple[str, Version]]:
        begin = parse_time(params["begin_time"]) if "begin_time" in params else None
        end = parse_time(params["end_time"]) if "end_time" in params else None
        return [
            (row_id, version)
            for row_id, version in self.current()
            if (begin is None or begin <= version.updated_at)
            and (end is None or version.updated_at <= end)
        ]

    # What `IncrementalList` asks of a client

    def count(self, _path: str, params: Mapping[str, str]) -> Count:
        """HEAD."""
        with self.lock:
            self._live()
            return Count(len(self._between(params)), self._date)

    def pages(self, _path: str, params: Mapping[str, str]) -> Iterator[Page]:
        """GET, page by page, by a cursor over time and id."""
        cursor = (datetime.min.replace(tzinfo=timezone.utc), "")
        more = True
        while more:
            with self.lock:
                self._live()
                rest = [
                    (row_id, version)
                    for row_id, version in self._between(params)
                    if (version.updated_at, row_id) > cursor
                ]
            shown = rest[: self.page_size]
            more = len(rest) > self.page_size
            lines = b"\n".join(orjson.dumps(_shown(row_id, version)) for row_id, version in shown)
            yield Page(lines, len(shown), more)
            if more:
                cursor = (shown[-1][1].updated_at, shown[-1][0])

    @property
    def _date(self) -> datetime:
        return self.now.replace(microsecond=0)


def _shown(row_id: str, version: Version) -> dict[str, Any]:
    return {
        "id": row_id,
        "updated_at": format_time(version.updated_at),
        "version": version.number,
    }


@dataclass
class Warehouse:
    """What a target holds, and the bookmark of the last STATE."""

    rows: dict[str, int] = field(default_factory=dict)
    bookmark: datetime | None = None
    received: Counter[tuple[str, int]] = field(default_factory=Counter)

    def sync(self, site: LivingSite, *, connections: int) -> None:
        """One run of a windowed stream."""
        rows = IncrementalList(site, "/rows", connections, sizes=TINY)
        frozen = rows.freeze_since(self.bookmark, None, LOOKBACK)
        assert frozen is not None
        for row in rows.rows(frozen):
            record = row.record
            self.rows[record["id"]] = record["version"]
            self.received[record["id"], record["version"]] += 1
            moment = moment_of(row)
            if moment is not None and site.chance.random() < STATES_AMID:
                self._reach(frozen.reached_with(moment, self.bookmark), site)
        self._reach(frozen.end, site)

    def _reach(self, moment: datetime, site: LivingSite) -> None:
        """Keep a STATE, with which a later run may begin."""
        assert self.bookmark is None or moment >= self.bookmark
        assert moment <= site.now
        self.bookmark = moment


@dataclass
class Case:
    """A site, how it is read, and after how many requests of each run the process dies."""

    seed: int
    rows: int
    lag: float
    whole_seconds: bool
    crowd: int
    connections: int
    restarts: list[int]


def _nothing_is_lost(case: Case) -> None:
    chance = seeded(case.seed)
    site = LivingSite(
        chance,
        case.rows,
        case.lag,
        page_size=200 if case.crowd else chance.choice([1, 3, 10]),
        whole_seconds=case.whole_seconds,
        crowd=case.crowd,
    )
    connections = case.connections
    warehouse = Warehouse()
    for restart in [*case.restarts, None]:
        site.restart_after = None if restart is None else site.requests + restart
        try:
            warehouse.sync(site, connections=connections)
        except RestartError:
            continue
    site.quiet = True
    site.now += timedelta(seconds=LONGEST_LAG)
    warehouse.sync(site, connections=connections)
    assert warehouse.rows == {row_id: version.number for row_id, version in site.current()}


def cases(crowd: st.SearchStrategy[int]) -> st.SearchStrategy[Case]:
    """Sites small enough to be many."""
    return st.builds(
        Case,
        seed=st.integers(0, 10**9),
        rows=st.integers(0, 60),
        lag=st.sampled_from([0.0, 1.0, LONGEST_LAG]),
        whole_seconds=st.booleans(),
        crowd=crowd,
        connections=st.integers(1, 4),
        restarts=st.lists(st.integers(0, 60), max_size=4),
    )


@settings(max_examples=60, deadline=None)
@given(case=cases(crowd=st.sampled_from([0, 0, 0, 30])))
def test_nothing_is_lost(case: Case) -> None:
    """Whatever changes, commits late or breaks off: after a last sync the output is the site."""
    _nothing_is_lost(case)


@pytest.mark.campaign
@settings(max_examples=6_000, deadline=None)
@given(case=cases(crowd=st.sampled_from([0, 0, 0, 30])))
def test_nothing_is_lost_in_thousands_of_cases(case: Case) -> None:
    """The same, thousands of times."""
    _nothing_is_lost(case)


@pytest.mark.campaign
@settings(max_examples=100, deadline=None)
@given(case=cases(crowd=st.integers(1_000, 4_000)))
def test_no_row_of_a_crowded_second_is_lost(case: Case) -> None:
    """The same with thousands of rows in one second, which change all at once."""
    _nothing_is_lost(case)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**9), rows=st.integers(0, 200), connections=st.integers(1, 4))
def test_a_quiet_site_is_read_once_and_in_order(seed: int, rows: int, connections: int) -> None:
    """On a site at rest every row comes exactly once, in order of time, boundaries included."""
    site = LivingSite(seeded(seed), rows, 0.0, page_size=7, quiet=True)
    read = IncrementalList(site, "/rows", connections, sizes=TINY)
    expected = [row_id for row_id, _ in site.current()]
    assert [row.id for row in read.rows(read.freeze(None))] == expected
    begin = site.now - timedelta(seconds=10)
    recent = [row_id for row_id, version in site.current() if version.updated_at >= begin]
    assert [row.id for row in read.rows(read.freeze(begin))] == recent
