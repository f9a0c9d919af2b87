"""One list read by many connections at once and handed on in order of time.

The read begins at once with the list's first page, on one connection; the server's clock then is
the read's upper bound. When the list goes on, HEAD tells how many rows there are. From then on
idle connections take over halves of what others have before them (see `pieces`), so that all are
busy from the third request to the last. A list too large to wait on disk as a whole is first cut
into windows by counting; they are read one after the other in the same way.

Pages that come before their turn wait in buffers, in memory for some megabytes and then on disk.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tap_recurly.buffers import PageBuffer
from tap_recurly.errors import TapRecurlyError
from tap_recurly.pieces import Piece, Share, Stage
from tap_recurly.windows import LARGEST, Window, cut, merge

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from tap_recurly.connections import Connections
    from tap_recurly.rows import Count, Page

logger = logging.getLogger(__name__)

AHEAD_OF_ITS_TURN = 1 / 8
"""How much of the room for waiting pages a list may use whose turn has not come."""


class Source(Protocol):
    """A list that can be counted and read between two moments, both included."""

    def count(self, begin: datetime | None, end: datetime | None) -> Count:
        """How many rows there are."""

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:
        """The rows in ascending order."""


@dataclass(frozen=True)
class Sizes:
    """In rows, how finely a list is shared out.

    A `window` waits on disk as a whole and is found by counting. Of more than `share` an idle
    connection takes half although there is other work, of more than `half` when there is none: a
    half costs half a page of rows that both read.
    """

    window: int = LARGEST
    share: int = 4_000
    half: int = 400


@dataclass(frozen=True)
class Plan:
    """What is to be read: from `begin` to `end`, or to the server's present when that is None.

    `count` is the number of rows when it is known; otherwise it is asked for, `at_once` when the
    list is thought to be long, else only after a first page that is not all. `corrected` gives the
    beginning that is right at the server's present, which may lie behind the one expected.
    """

    begin: datetime | None
    end: datetime | None = None
    count: int | None = None
    at_once: bool = False
    corrected: Callable[[datetime], datetime | None] | None = None
    in_one: bool = False
    """Read page after page, without sharing out."""


@dataclass
class _Family:
    """Windows that are counted, and when all are, settled together; they hold `left` rows.

    With a `head`, a window before them that is being read already, `left` includes its rest.
    """

    pieces: list[Piece]
    left: int
    head: Piece | None
    uncounted: int


class ListRead:
    """Reads one list on shared connections and yields its parts in order of time.

    `count` is how many rows HEAD gave for the list as a whole, `end` the upper bound; both are
    None until they are known.
    """

    def __init__(
        self,
        source: Source,
        plan: Plan,
        connections: Connections,
        sizes: Sizes = Sizes(),
    ) -> None:
        self._source = source
        self._plan = plan
        self._connections = connections
        self._changed = connections.changed
        self._sizes = sizes
        self._families: dict[int, _Family] = {}
        self._begun = self._stopped = False
        self._as_of: datetime | None = None
        self._crash: Exception | None = None
        self._uncounted = plan.end is None and not plan.in_one
        self.end = plan.end
        self.count = plan.count
        share = Share(plan.count, settled=plan.end is not None and not plan.in_one)
        only = Piece(plan.begin, plan.end, share, self._buffer(), expected=plan.count)
        self._pieces = [only]
        self._divide(only)

    @property
    def begin(self) -> datetime | None:
        """The lower bound."""
        return self._plan.begin

    def announce(self) -> None:
        """Let connections that would stand idle begin with it."""
        self._connections.announce(self)

    def __iter__(self) -> Generator[Part, None, None]:
        """Read all of it; leaving early stops the connections after their present request."""
        self._begun = True
        self._connections.begin(self)
        try:
            while (piece := self._first()) is not None:
                yield Part(self, piece)
                with self._changed:
                    self._pieces.pop(0).buffer.discard()
                    self._changed.notify_all()
        finally:
            self.stop()

    def _first(self) -> Piece | None:
        """Wait until it is settled what comes next, None at the end."""
        unsettled = {Stage.UNCOUNTED, Stage.COUNTING}
        with self._changed:
            while self._pieces and self._pieces[0].stage in unsettled:
                self._wait()
            if self._crash is not None:
                raise self._crash
            return self._pieces[0] if self._pieces else None

    def stop(self) -> None:
        """Ask for nothing more, forget what has not been used."""
        with self._changed:
            self._stopped = True
            for piece in self._pieces:
                piece.buffer.discard()
        self._connections.end(self)

    def reached(self, piece: Piece) -> datetime | None:
        """Up to when everything is out once a piece has been used up; None if nothing could be."""
        return None if piece.end and piece.begin and piece.end < piece.begin else piece.end

    def take(self, piece: Piece) -> bytes | None:
        """Wait for a piece's next page, None when all have been taken.

        Raises:
            Exception: What kept the next page from being read.
        """
        with self._changed:
            while not piece.buffer:
                if piece.fault is not None:
                    raise piece.fault
                if piece.stage is Stage.READ:
                    return None
                self._wait()
            self._changed.notify_all()
            return piece.buffer.take()

    def _wait(self) -> None:
        if self._crash is not None:
            raise self._crash
        self._changed.wait()

    # What to do next, with `changed` held

    def claim(self) -> Callable[[], None] | None:
        """Take the most urgent task: what is written out next, then what keeps all busy."""
        if self._stopped or not self._pieces:
            return None
        if self._uncounted and self._is_count_due:
            self._uncounted = False
            return self._count_all
        for piece in self._pieces:
            if not self._may_wait(piece):
                return None
            if task := self._task(piece):
                return task
        longest = max(self._pieces, key=lambda piece: piece.share.remaining(piece))
        return self._half_of(longest, self._sizes.half)

    def _task(self, piece: Piece) -> Callable[[], None] | None:
        if piece.stage is Stage.UNCOUNTED:
            piece.stage = Stage.COUNTING
            return partial(self._count, piece)
        if piece.stage is Stage.READY:
            return self._reading(piece)
        return self._half_of(piece, self._sizes.share)

    def _half_of(self, piece: Piece, worth: int) -> Callable[[], None] | None:
        """Take over half of what a connection still has before it, when that is worth it."""
        if not piece.middle or piece.share.remaining(piece) <= worth:
            return None
        other = piece.halve(self._buffer())
        self._pieces.insert(self._pieces.index(piece) + 1, other)
        return self._reading(other)

    @property
    def _is_count_due(self) -> bool:
        first = self._pieces[0]
        goes_on = first.position is not None and first.stage is not Stage.READ
        return goes_on or (self._plan.at_once and first.stage is Stage.READING)

    def _may_wait(self, piece: Piece) -> bool:
        """Whether more pages of this piece may wait to be written out."""
        used = self._connections.allowance.used
        if not self._begun:
            return used < AHEAD_OF_ITS_TURN
        return used < 1 or piece is self._pieces[0]

    def _reading(self, piece: Piece) -> Callable[[], None]:
        piece.stage = Stage.READING
        return partial(self._read, piece)

    def _buffer(self) -> PageBuffer:
        return PageBuffer(self._connections.allowance)

    # Tasks: they ask the site first and hold `changed` only for what they learned

    def _read(self, piece: Piece) -> None:
        """Ask for a piece's next page."""
        try:
            piece.pages = piece.pages or self._source.pages(piece.begin, piece.end)
            page = next(piece.pages)
            with self._changed:
                self._arrived(piece, page)
                self._changed.notify_all()
        except Exception as fault:  # noqa: BLE001 (it belongs to the consumer, who is told in turn)
            with self._changed:
                piece.fault = fault
                piece.stage = Stage.READ
                self._changed.notify_all()

    def _arrived(self, piece: Piece, page: Page) -> None:
        if self._stopped or self._begins_too_late(piece, page):
            return
        piece.buffer.put(piece.arrived(page, is_last=piece is self._pieces[-1]))
        if self.end is None:
            self.end = piece.end = page.as_of
        self._divide(piece)

    def _begins_too_late(self, piece: Piece, page: Page) -> bool:
        """Begin anew when the server's clock is behind what the plan was made for."""
        planned = self._plan.begin
        if planned is None or self._plan.corrected is None or self._as_of is not None:
            return False
        self._as_of = page.as_of
        begin = self._plan.corrected(page.as_of)
        if begin is None or begin >= planned:
            return False
        piece.begin = begin
        piece.pages = None
        piece.stage = Stage.READY
        return True

    def _count_all(self) -> None:
        """Ask how many rows the list has, and so settle how it is shared out."""
        count = self._try_to_count(self._plan.begin, None)
        with self._changed:
            self.count = count.rows if count else None
            if self._pieces:
                only = self._pieces[0]
                only.share.count = self.count
                only.share.settled = True
                self._divide(only)
            self._changed.notify_all()

    def _count(self, piece: Piece) -> None:
        """Ask how many rows a window has."""
        count = self._try_to_count(piece.begin, piece.end)
        with self._changed:
            piece.share.count = count.rows if count else None
            family = self._families.pop(id(piece))
            family.uncounted -= 1
            if not family.uncounted and not self._stopped:
                self._settle(family)
            self._changed.notify_all()

    def _try_to_count(self, begin: datetime | None, end: datetime | None) -> Count | None:
        """A count, None when there is none to be had: counts only balance the load."""
        try:
            return self._source.count(begin, end)
        except TapRecurlyError as fault:
            # What ails the list as well is told when its pages are asked for.
            logger.debug("Reading on without a count: %s", fault)
        except Exception as crash:  # noqa: BLE001 (a thread's fault must not leave the consumer waiting)
            self._crash = crash
        return None

    # Planning, with `changed` held

    def _divide(self, piece: Piece) -> None:
        """Cut a window that is too large to wait on disk as a whole; nobody has halved it yet."""
        start = piece.position or piece.begin
        share = piece.share
        if start is None or piece.end is None or share.count is None or len(share.pieces) > 1:
            return
        if piece.stage is Stage.READ or not share.settled:
            return
        left = share.count - piece.rows
        here, *others = cut(Window(start, piece.end, left), self._sizes.window)
        if others:
            piece.end = here.end
            share.settled = False
            place = self._pieces.index(piece) + 1
            self._pieces[place:place] = self._family(others, left, head=piece)

    def _family(self, windows: list[Window], left: int, head: Piece | None = None) -> list[Piece]:
        """Windows to be counted, which together hold so many rows."""
        pieces = [
            Piece(window.begin, window.end, Share(), self._buffer(), stage=Stage.UNCOUNTED)
            for window in windows
        ]
        family = _Family(pieces, left, head, uncounted=len(pieces))
        self._families.update({id(piece): family for piece in pieces})
        return pieces

    def _settle(self, family: _Family) -> None:
        """Put windows in place of those that were counted: small ones joined, large ones cut."""
        counts = [piece.share.count or 0 for piece in family.pieces]
        # Parts that have far more than the whole were not counted by their times.
        trusted = sum(counts) <= 2 * family.left and all(
            piece.share.count is not None for piece in family.pieces
        )
        windows = [
            Window(piece.begin, piece.end, piece.share.count if trusted else None)
            for piece in family.pieces
            if piece.end is not None
        ]
        start = self._pieces.index(family.pieces[0])
        self._pieces[start : start + len(family.pieces)] = [
            piece
            for window in merge(windows, self._sizes.window)
            for piece in self._settled(window)
        ]
        if family.head is not None:
            share = family.head.share
            share.count = share.rows + max(family.left - sum(counts), 0) if trusted else None
            share.settled = True
            self._divide(family.head)

    def _settled(self, window: Window) -> list[Piece]:
        parts = cut(window, self._sizes.window)
        if len(parts) > 1:
            return self._family(parts, window.count or 0)
        share = Share(window.count)
        return [Piece(window.begin, window.end, share, self._buffer(), expected=window.count)]


class Part:
    """A span of the list, as its rows come; to be used up before the next one is asked for."""

    def __init__(self, read: ListRead, piece: Piece) -> None:
        self._read = read
        self._piece = piece

    def __iter__(self) -> Iterator[bytes]:
        """Its rows as lines of JSON, some at a time."""
        while (lines := self._read.take(self._piece)) is not None:
            yield lines

    @property
    def end(self) -> datetime | None:
        """Up to when all is out, this part included, once it has been used up."""
        return self._read.reached(self._piece)
