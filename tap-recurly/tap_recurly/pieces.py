"""How a list is shared out among connections while it is being read (pure).

A piece is a span of the list's time that one connection reads. A connection that has nothing to do
takes over the later half of what another still has before it. Nobody knows how rows are spread
over time, so what remains is guessed: from the rows seen so far and the number HEAD gave for all.
A wrong guess costs a request that finds little, never a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from tap_recurly.windows import SECOND, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tap_recurly.buffers import PageBuffer
    from tap_recurly.rows import Page, Row


class Stage(Enum):
    """What may happen to a piece next."""

    UNCOUNTED = auto()
    COUNTING = auto()
    READY = auto()  # its next page may be asked for
    READING = auto()  # a page is under way
    READ = auto()


@dataclass
class Share:
    """Pieces of one window: together they hold `count` rows, None when nobody knows.

    As long as it is not `settled` how far the window reaches, it stays in one piece.
    """

    count: int | None = None
    settled: bool = True
    pieces: list[Piece] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows read so far."""
        return sum(piece.rows for piece in self.pieces)

    def remaining(self, piece: Piece) -> float:
        """A guess at the rows of a piece that have not been read."""
        guess = piece.guess
        if self.count is None:
            return guess
        left = self.count - self.rows
        guesses = sum(each.guess for each in self.pieces)
        return max(left, 0) * guess / guesses if guesses else 0.0


@dataclass
class Piece:
    """A span of `updated_at`, both ends included, on its way from plan to pages.

    `begin` None is the beginning of time, `end` None an end not known yet. `position` is how far
    it has been read, `expected` how many rows it was thought to have when it was made.
    """

    begin: datetime | None
    end: datetime | None
    share: Share
    buffer: PageBuffer
    stage: Stage = Stage.READY
    expected: float | None = None
    rows: int = 0
    first: datetime | None = None
    position: datetime | None = None
    fault: Exception | None = None
    pages: Iterator[Page] | None = None

    def __post_init__(self) -> None:
        self.share.pieces.append(self)

    @property
    def guess(self) -> float:
        """Rows still to come, by the density seen so far or by what was expected."""
        if self.stage is Stage.READ:
            return 0.0
        guesses = [1.0]
        if self.expected is not None:
            guesses.append(self.expected - self.rows)
        since = self.begin or self.first
        if self.rows and self.end and self.position and since and self.position > since:
            guesses.append(self.rows * ((self.end - self.position) / (self.position - since)))
        return max(guesses)

    @property
    def middle(self) -> datetime | None:
        """Where what remains can be cut in two, None when it cannot."""
        start = self.position or self.begin
        under_way = self.stage in {Stage.READY, Stage.READING}
        if start is None or self.end is None or not (under_way and self.share.settled):
            return None
        seconds = int((self.end - start) / SECOND) // 2
        return start + seconds * SECOND if seconds > 0 else None

    def arrived(self, page: Page, *, is_last: bool) -> bytes:
        """Note a page; returns its rows up to the end, and ends the reading when that is reached.

        The rows of the end's second are in the next piece too. Only the last piece has nobody to
        read them for it.
        """
        lines = page.lines
        last = moment_of(page.last)
        if last is not None:
            self.position = max(last, self.position or last)
        self.first = self.first or moment_of(page.head)
        count = page.count
        over = last is not None and self.end is not None and last >= self.end
        if last is not None and self.end is not None and last > self.end:
            lines, count = _until(page, self.end)
        elif is_last:
            over = False
        self.rows += count
        self.stage = Stage.READ if over or not page.more else Stage.READY
        return lines

    def halve(self, buffer: PageBuffer) -> Piece:
        """Give the later half of what remains away."""
        middle = self.middle
        if middle is None:
            raise ValueError("A piece that cannot be cut was to be cut.")
        half = self.share.remaining(self) / 2
        other = Piece(middle, self.end, self.share, buffer, expected=half)
        self.end = middle
        self.expected = self.rows + half
        return other


def moment_of(row: Row | None) -> datetime | None:
    """When a row last changed, None when it does not say so."""
    try:
        return parse_time(row.updated_at) if row else None
    except ValueError:
        return None


def _until(page: Page, end: datetime) -> tuple[bytes, int]:
    """The rows of a page up to a second, that included; rows without a time stay."""
    rows = [row for row in page.rows() if (moment_of(row) or end) <= end]
    return b"\n".join(row.line for row in rows), len(rows)
