"""What one connection reads of a list, and how much of it is still to come (pure).

Nobody knows how rows are spread over time, so what remains is guessed: from the rows seen so far
and the number HEAD gave for all. A wrong guess costs a request that finds little, never a row.
`planning` says what the terms mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from tap_recurly.times import SECOND, time_or_none

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tap_recurly.http.pages import Page, Row
    from tap_recurly.reading.buffers import PageBuffer


class Stage(Enum):
    """What may happen to a segment next."""

    UNCOUNTED = auto()
    COUNTING = auto()
    READY = auto()  # its next page may be asked for
    READING = auto()  # a page is under way
    READ = auto()


@dataclass
class Tally:
    """How many rows the segments of one window hold together, None when nobody knows.

    As long as it is not `settled` how far the window reaches, it stays in one segment.
    """

    row_count: int | None = None
    settled: bool = True
    segments: list[Segment] = field(default_factory=list)

    @property
    def read_count(self) -> int:
        """Rows read so far."""
        return sum(segment.read_count for segment in self.segments)

    def remaining(self, segment: Segment) -> float:
        """A guess at the rows of a segment that have not been read."""
        guess = segment.guess
        if self.row_count is None:
            return guess
        left = self.row_count - self.read_count
        guesses = sum(each.guess for each in self.segments)
        return max(left, 0) * guess / guesses if guesses else 0.0


@dataclass
class Segment:
    """A span of `updated_at`, both ends included, on its way from plan to pages.

    `begin` None is the beginning of time, `end` None an end not known yet. `position` is how far
    it has been read, `expected` how many rows it was thought to have when it was made.
    """

    begin: datetime | None
    end: datetime | None
    tally: Tally
    buffer: PageBuffer
    stage: Stage = Stage.READY
    expected: float | None = None
    read_count: int = 0
    first: datetime | None = None
    position: datetime | None = None
    fault: Exception | None = None
    pages: Iterator[Page] | None = None

    def __post_init__(self) -> None:
        self.tally.segments.append(self)

    @property
    def guess(self) -> float:
        """Rows still to come, by the density seen so far or by what was expected."""
        if self.stage is Stage.READ:
            return 0.0
        guesses = [1.0]
        if self.expected is not None:
            guesses.append(self.expected - self.read_count)
        since = self.begin or self.first
        if self.read_count and self.end and self.position and since and self.position > since:
            left = (self.end - self.position) / (self.position - since)
            guesses.append(self.read_count * left)
        return max(guesses)

    @property
    def middle(self) -> datetime | None:
        """Where what remains can be split in two, None when it cannot."""
        start = self.position or self.begin
        under_way = self.stage in {Stage.READY, Stage.READING}
        if start is None or self.end is None or not (under_way and self.tally.settled):
            return None
        seconds = int((self.end - start) / SECOND) // 2
        return start + seconds * SECOND if seconds > 0 else None

    def arrived(self, page: Page, *, is_last: bool) -> bytes:
        """Note a page; returns its rows up to the end, and ends the reading when that is reached.

        The rows of the end's second are in the next segment too. Only the last segment has nobody
        to read them for it.
        """
        lines = page.lines
        last = moment_of(page.last)
        if last is not None:
            self.position = max(last, self.position or last)
        self.first = self.first or moment_of(page.head)
        row_count = page.row_count
        over = last is not None and self.end is not None and last >= self.end
        if last is not None and self.end is not None and last > self.end:
            lines, row_count = _until(page, self.end)
        elif is_last:
            over = False
        self.read_count += row_count
        self.stage = Stage.READ if over or not page.more else Stage.READY
        return lines

    def split(self, buffer: PageBuffer) -> Segment:
        """Give the later half of what remains away."""
        middle = self.middle
        if middle is None:
            raise ValueError("A segment that cannot be split was to be split.")
        half = self.tally.remaining(self) / 2
        other = Segment(middle, self.end, self.tally, buffer, expected=half)
        self.end = middle
        self.expected = self.read_count + half
        return other


def moment_of(row: Row | None) -> datetime | None:
    """When a row last changed, None when it does not say so."""
    return time_or_none(row.updated_at) if row else None


def _until(page: Page, end: datetime) -> tuple[bytes, int]:
    """The rows of a page up to a second, that included; rows without a time stay."""
    rows = [row for row in page.rows() if (moment_of(row) or end) <= end]
    return b"\n".join(row.line for row in rows), len(rows)
