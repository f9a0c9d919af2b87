"""Concurrent reading of one list in frozen windows, handed on in order.

Worker threads count and read windows ahead of the consumer, a bounded number of them; their pages
wait as raw JSON, the first megabyte of each window in memory and the rest in an unnamed temporary
file. So memory holds pages in flight, however large the list and however slow the consumer.
"""

from __future__ import annotations

import queue
import tempfile
import threading
from concurrent.futures import Future
from enum import Enum, auto
from os import SEEK_END
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeVar

from tap_recurly.windows import Window, cut, merge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

Item = TypeVar("Item")
Result = TypeVar("Result")

PAGES_IN_MEMORY_BYTES = 1 << 20


class Source(Protocol):
    """A list that can be counted and read between two moments, both included."""

    def count(self, begin: datetime | None, end: datetime | None) -> int | None:
        """How many rows there are, None when the server does not say."""

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[bytes]:
        """The rows in ascending order: one JSON array after the other."""


class _Stage(Enum):
    UNCOUNTED = auto()
    COUNTING = auto()
    READY = auto()
    READING = auto()


class _Piece:
    """A window on its way from plan to pages."""

    def __init__(self, window: Window, family: _Family | None = None) -> None:
        self.window = window
        self.family = family
        self.stage = _Stage.UNCOUNTED if family else _Stage.READY
        self.pages = _Pages()


class _Family:
    """The pieces one window was cut into, settled together once all are counted."""

    def __init__(self, windows: list[Window]) -> None:
        self.pieces = [_Piece(window, self) for window in windows]
        self.uncounted = len(windows)


class WindowedRead:
    """Reads a window with `connections` threads and yields its pages in order of time.

    Iterating gives `(window, pages)` pairs, adjacent windows sharing their boundary; `pages` must
    be used up before the next pair is asked for. A fault in a window surfaces in its turn, after
    everything before it has been handed on.
    """

    def __init__(self, source: Source, window: Window, *, size: int, connections: int) -> None:
        self._source = source
        self._size = size
        self._connections = connections
        self._changed = threading.Condition()
        self._stopped = False
        self._crash: Exception | None = None
        self._pieces = self._prepare(window)

    def __iter__(self) -> Iterator[tuple[Window, Iterator[bytes]]]:
        """Read all of it; leaving early stops the threads after their present request."""
        for number in range(self._connections):
            spawn(self._work, f"reader-{number}")
        try:
            while (piece := self._first()) is not None:
                yield piece.window, iter(piece.pages)
                with self._changed:
                    self._pieces.pop(0).pages.discard()
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._stopped = True
                for piece in self._pieces:
                    piece.pages.discard()
                self._changed.notify_all()

    def _first(self) -> _Piece | None:
        with self._changed:
            while self._pieces and self._pieces[0].stage is not _Stage.READING:
                if self._crash is not None:
                    raise self._crash
                self._changed.wait()
            return self._pieces[0] if self._pieces else None

    def _work(self) -> None:
        try:
            while (piece := self._next_task()) is not None:
                if piece.stage is _Stage.COUNTING:
                    self._count(piece)
                else:
                    self._read(piece)
        except Exception as crash:  # noqa: BLE001 (a thread's fault must not leave the consumer waiting)
            with self._changed:
                self._crash = crash
                self._changed.notify_all()

    def _next_task(self) -> _Piece | None:
        """Claim the earliest piece there is something to do for; None when nothing will come."""
        with self._changed:
            while not self._stopped and self._pieces:
                ahead = 0
                for piece in self._pieces:
                    if piece.stage is _Stage.UNCOUNTED:
                        piece.stage = _Stage.COUNTING
                        return piece
                    if piece.stage is _Stage.READY:
                        piece.stage = _Stage.READING
                        self._changed.notify_all()
                        return piece
                    ahead += piece.stage is _Stage.READING
                    if ahead >= 2 * self._connections:
                        break
                self._changed.wait()
            return None

    def _count(self, piece: _Piece) -> None:
        window = piece.window
        try:
            count = self._source.count(window.begin, window.end)
        except Exception as fault:  # noqa: BLE001 (it belongs to the consumer, who is told in turn)
            piece.pages.close(fault)
            count = None
        with self._changed:
            piece.window = Window(window.begin, window.end, count)
            family = piece.family
            if family is not None:
                family.uncounted -= 1
                if not family.uncounted:
                    self._settle(family)
            self._changed.notify_all()

    def _settle(self, family: _Family) -> None:
        faulty = [piece for piece in family.pieces if piece.pages.closed]
        if faulty:
            settled = family.pieces
            for piece in settled:
                piece.family = None
                piece.stage = _Stage.READING if piece.pages.closed else _Stage.READY
        else:
            merged = merge((piece.window for piece in family.pieces), self._size)
            settled = [piece for window in merged for piece in self._prepare(window)]
        start = self._pieces.index(family.pieces[0])
        self._pieces[start : start + len(family.pieces)] = settled

    def _prepare(self, window: Window) -> list[_Piece]:
        windows = cut(window, self._size)
        return [_Piece(window)] if len(windows) == 1 else _Family(windows).pieces

    def _read(self, piece: _Piece) -> None:
        try:
            for page in self._source.pages(piece.window.begin, piece.window.end):
                if self._stopped:
                    return
                piece.pages.append(page)
        except Exception as fault:  # noqa: BLE001 (it belongs to the consumer, who is told in turn)
            piece.pages.close(fault)
        else:
            piece.pages.close()


class _Pages:
    """Pages from a reading thread to the consumer, kept in order until discarded."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._file: IO[bytes] | None = None
        self._sizes: list[int] = []
        self._fault: Exception | None = None
        self._discarded = False
        self.closed = False

    def append(self, page: bytes) -> None:
        with self._changed:
            if self._discarded:
                return
            if self._file is None:
                self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 (closed by discard)
                    max_size=PAGES_IN_MEMORY_BYTES
                )
            self._file.seek(0, SEEK_END)
            self._file.write(page)
            self._sizes.append(len(page))
            self._changed.notify_all()

    def close(self, fault: Exception | None = None) -> None:
        with self._changed:
            self.closed = True
            self._fault = fault
            self._changed.notify_all()

    def discard(self) -> None:
        with self._changed:
            self._discarded = True
            if self._file is not None:
                self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        offset = 0
        number = 0
        while (size := self._size_of(number)) is not None:
            page = self._page(offset, size)
            offset += size
            number += 1
            yield page

    def _page(self, offset: int, size: int) -> bytes:
        with self._changed:
            if self._file is None:
                return b""
            self._file.seek(offset)
            return self._file.read(size)

    def _size_of(self, number: int) -> int | None:
        with self._changed:
            while number >= len(self._sizes) and not self.closed:
                self._changed.wait()
            if number < len(self._sizes):
                return self._sizes[number]
            if self._fault is not None:
                raise self._fault
            return None


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], *, connections: int
) -> Iterator[Result]:
    """Apply a function that waits for the network to many items at once; results come in order.

    At most twice as many items as there are connections are taken ahead of the consumer.
    """
    tasks: queue.SimpleQueue[tuple[Future[Result], Item] | None] = queue.SimpleQueue()
    waiting: list[Future[Result]] = []

    def work() -> None:
        while (task := tasks.get()) is not None:
            future, item = task
            try:
                future.set_result(function(item))
            except Exception as fault:  # noqa: BLE001 (it is raised again where the result is asked for)
                future.set_exception(fault)

    threads = 0
    try:
        for item in items:
            future: Future[Result] = Future()
            tasks.put((future, item))
            waiting.append(future)
            if threads < connections:
                spawn(work, f"caller-{threads}")
                threads += 1
            if len(waiting) >= 2 * connections:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    finally:
        for _ in range(threads):
            tasks.put(None)


def spawn(work: Callable[[], Any], name: str) -> None:
    """Start a thread that never keeps the process alive, even while it waits for an answer."""
    threading.Thread(target=work, name=name, daemon=True).start()
