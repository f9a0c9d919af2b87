"""Pages between the threads that read them and the one that writes them out.

As long as the writer keeps up, pages pass through memory. Beyond a few megabytes, shared by all
buffers, they wait in an unnamed temporary file, which disappears with the buffer.
"""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections import deque
from typing import IO

MAX_IN_MEMORY_BYTES = 4 << 20
"""Pages that may wait in memory for the writer."""

MAX_WAITING_BYTES = 256 << 20
"""Pages that may wait, there or on disk, before only what is written out next is read on."""


class Allowance:
    """What may wait in memory, and what waits there or on disk; in bytes, for many threads."""

    def __init__(self, memory: int = MAX_IN_MEMORY_BYTES, limit: int = MAX_WAITING_BYTES) -> None:
        self._memory = memory
        self._limit = limit
        self._lock = threading.Lock()
        self.waiting = 0

    @property
    def used(self) -> float:
        """How much of the room is used; 1 is all, and there may be somewhat more."""
        return self.waiting / self._limit

    def allot(self, size: int) -> bool:
        """Count bytes that begin to wait; says whether they may do so in memory."""
        with self._lock:
            self.waiting += size
            fits = size <= self._memory
            self._memory -= size if fits else 0
            return fits

    def release(self, size: int, *, memory: bool) -> None:
        """Count bytes that wait no longer."""
        with self._lock:
            self.waiting -= size
            self._memory += size if memory else 0


class PageBuffer:
    """Pages in order, each to be taken once; its users see to it that they take turns."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._pages: deque[bytes | tuple[int, int]] = deque()
        self._file: IO[bytes] | None = None
        self._end = 0
        self._discarded = False

    def __bool__(self) -> bool:
        """Whether there is a page to take."""
        return bool(self._pages)

    def put(self, page: bytes) -> None:
        """Add a page; once the buffer is discarded pages go nowhere."""
        if not self._discarded:
            in_memory = self._allowance.allot(len(page))
            self._pages.append(page if in_memory else self._on_disk(page))

    def take(self) -> bytes:
        """Take the next page out."""
        page = self._pages.popleft()
        if isinstance(page, bytes):
            self._allowance.release(len(page), memory=True)
            return page
        start, size = page
        self._allowance.release(size, memory=False)
        file = self._opened()
        file.seek(start)
        return file.read(size)

    def discard(self) -> None:
        """Forget everything."""
        self._discarded = True
        for page in self._pages:
            in_memory = isinstance(page, bytes)
            self._allowance.release(len(page) if in_memory else page[1], memory=in_memory)
        self._pages.clear()
        if self._file is not None:
            self._file.close()

    def _on_disk(self, page: bytes) -> tuple[int, int]:
        file = self._opened()
        file.seek(self._end)
        file.write(page)
        start = self._end
        self._end += len(page)
        return start, len(page)

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by discard)
            # When a run stops early nobody discards what was read ahead.
            weakref.finalize(self, self._file.close)
        return self._file
