"""How a list is shared out among connections while it is being read (pure).

The terms, here and wherever a list is read:

- A **window** is a span of `updated_at`, both ends included, with what HEAD counts in it.
- A **segment** is what one connection reads of a window, **page** after page; a connection that
  has nothing to do splits another's segment and takes over the later half.
- A **tally** says how many rows the segments of one window hold together.
- A **census** is a number of windows counted at the same time, cut from one that was too large.
- A **part** is a segment as its consumer sees it: its rows, and up to when all is out after it.

A read begins with one segment, the whole list. A list too large to wait on disk as a whole is cut
into windows; a census then joins the small ones and cuts the large ones again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from tap_recurly.reading.segments import Segment, Stage, Tally
from tap_recurly.reading.windows import MAX_WINDOW_ROWS, Window, cut, merge

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_recurly.http.pages import Page
    from tap_recurly.reading.buffers import PageBuffer


@dataclass(frozen=True)
class Sizes:
    """In rows, how finely a list is shared out.

    A `window` waits on disk as a whole and is found by counting. A segment with more than `split`
    before it is split although there is other work, one with more than `split_when_idle` when
    there is none: a half costs half a page of rows that both read.
    """

    window: int = MAX_WINDOW_ROWS
    split: int = 4_000
    split_when_idle: int = 400


SIZES = Sizes()
"""What was measured to keep eight connections busy at little cost."""


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
    in_one: bool = False
    """Read page after page, without sharing out."""


@dataclass
class Census:
    """Windows that are counted, and when all are, settled together; they hold `left` rows.

    With a `head`, a window before them that is being read already, `left` includes its rest.
    """

    segments: list[Segment]
    left: int
    head: Segment | None
    uncounted: int


class Action(Enum):
    """What a connection can do for a list."""

    COUNT_LIST = auto()
    COUNT = auto()
    READ = auto()


class Step(NamedTuple):
    """What a connection is to do next, and with which segment."""

    action: Action
    segment: Segment


class Schedule:
    """The segments of one list in order of time, and what is to be done next; not thread-safe.

    `row_count` is how many rows HEAD gave for the list as a whole, `end` the upper bound; both are
    None until they are known. `segments` are those whose rows have not all been taken.
    """

    def __init__(self, plan: Plan, sizes: Sizes, new_buffer: Callable[[], PageBuffer]) -> None:
        self._plan = plan
        self._sizes = sizes
        self._new_buffer = new_buffer
        self._censuses: dict[int, Census] = {}
        self._as_of: datetime | None = None
        self._uncounted = plan.end is None and not plan.in_one
        self.end = plan.end
        self.row_count = plan.row_count
        tally = Tally(plan.row_count, settled=plan.end is not None and not plan.in_one)
        whole = Segment(plan.begin, plan.end, tally, new_buffer(), expected=plan.row_count)
        self.segments = [whole]
        self._divide(whole)

    def next_step(self, may_wait: Callable[[Segment], bool]) -> Step | None:
        """The most urgent step: what is written out next, then what keeps all connections busy.

        Args:
            may_wait: Whether more pages of a segment may wait to be written out.
        """
        if not self.segments:
            return None
        if self._uncounted and self._is_count_due:
            self._uncounted = False
            return Step(Action.COUNT_LIST, self.segments[0])
        for segment in self.segments:
            if not may_wait(segment):
                return None
            if step := self._step(segment):
                return step
        longest = max(self.segments, key=lambda segment: segment.tally.remaining(segment))
        return self._half_of(longest, self._sizes.split_when_idle)

    def arrived(self, segment: Segment, page: Page) -> None:
        """Take a page that was read."""
        if self._begins_too_late(segment, page):
            return
        segment.buffer.put(segment.arrived(page, is_last=segment is self.segments[-1]))
        if self.end is None:
            self.end = segment.end = page.as_of
        self._divide(segment)

    def list_counted(self, row_count: int | None) -> None:
        """Learn how many rows the list has, and so settle how it is shared out."""
        self.row_count = row_count
        if self.segments:
            only = self.segments[0]
            only.tally.row_count = row_count
            only.tally.settled = True
            self._divide(only)

    def counted(self, segment: Segment, row_count: int | None) -> None:
        """Learn how many rows a window has."""
        segment.tally.row_count = row_count
        census = self._censuses.pop(id(segment))
        census.uncounted -= 1
        if not census.uncounted:
            self._settle(census)

    @property
    def _is_count_due(self) -> bool:
        first = self.segments[0]
        goes_on = first.position is not None and first.stage is not Stage.READ
        return goes_on or (self._plan.at_once and first.stage is Stage.READING)

    def _step(self, segment: Segment) -> Step | None:
        if segment.stage is Stage.UNCOUNTED:
            segment.stage = Stage.COUNTING
            return Step(Action.COUNT, segment)
        if segment.stage is Stage.READY:
            segment.stage = Stage.READING
            return Step(Action.READ, segment)
        return self._half_of(segment, self._sizes.split)

    def _half_of(self, segment: Segment, worth: int) -> Step | None:
        """Take over half of what a connection still has before it, when that is worth it."""
        if not segment.middle or segment.tally.remaining(segment) <= worth:
            return None
        other = segment.split(self._new_buffer())
        self.segments.insert(self.segments.index(segment) + 1, other)
        return self._step(other)

    def _begins_too_late(self, segment: Segment, page: Page) -> bool:
        """Begin anew when the server's clock is behind what the plan was made for."""
        planned = self._plan.begin
        if planned is None or self._plan.corrected is None or self._as_of is not None:
            return False
        self._as_of = page.as_of
        begin = self._plan.corrected(page.as_of)
        if begin is None or begin >= planned:
            return False
        segment.begin = begin
        segment.pages = None
        segment.stage = Stage.READY
        return True

    def _divide(self, segment: Segment) -> None:
        """Cut a window that is too large to wait on disk as a whole; nobody has split it yet."""
        start = segment.position or segment.begin
        tally = segment.tally
        if start is None or segment.end is None or tally.row_count is None:
            return
        if len(tally.segments) > 1 or segment.stage is Stage.READ or not tally.settled:
            return
        left = tally.row_count - segment.read_count
        here, *others = cut(Window(start, segment.end, left), self._sizes.window)
        if others:
            segment.end = here.end
            tally.settled = False
            place = self.segments.index(segment) + 1
            self.segments[place:place] = self._census(others, left, head=segment)

    def _census(
        self, windows: list[Window], left: int, head: Segment | None = None
    ) -> list[Segment]:
        """Windows to be counted, which together hold so many rows."""
        segments = [
            Segment(window.begin, window.end, Tally(), self._new_buffer(), stage=Stage.UNCOUNTED)
            for window in windows
        ]
        census = Census(segments, left, head, uncounted=len(segments))
        self._censuses.update({id(segment): census for segment in segments})
        return segments

    def _settle(self, census: Census) -> None:
        """Put windows in place of those that were counted: small ones joined, large ones cut."""
        counts = [segment.tally.row_count or 0 for segment in census.segments]
        # Windows that have far more than the whole were not counted by their times.
        trusted = sum(counts) <= 2 * census.left and all(
            segment.tally.row_count is not None for segment in census.segments
        )
        windows = [
            Window(segment.begin, segment.end, segment.tally.row_count if trusted else None)
            for segment in census.segments
            if segment.end is not None
        ]
        start = self.segments.index(census.segments[0])
        self.segments[start : start + len(census.segments)] = [
            segment
            for window in merge(windows, self._sizes.window)
            for segment in self._settled(window)
        ]
        if census.head is not None:
            tally = census.head.tally
            left = max(census.left - sum(counts), 0)
            tally.row_count = tally.read_count + left if trusted else None
            tally.settled = True
            self._divide(census.head)

    def _settled(self, window: Window) -> list[Segment]:
        windows = cut(window, self._sizes.window)
        if len(windows) > 1:
            return self._census(windows, window.row_count or 0)
        tally = Tally(window.row_count)
        buffer = self._new_buffer()
        return [Segment(window.begin, window.end, tally, buffer, expected=window.row_count)]
