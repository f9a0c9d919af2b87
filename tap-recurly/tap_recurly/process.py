"""The process around a run: its memory, its reader, and its end.

However a run ends, threads may still wait for an answer of Recurly's. The interpreter's own way out
can meet a lock that such a thread held when it was stopped, and then waits for ever. So the process
leaves without it: whatever has to be written is written, and nothing has to be tidied up.
"""

from __future__ import annotations

import ctypes
import logging
import os
import select
import stat
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from tap_recurly.errors import OutputClosedError

M_ARENA_MAX = -8
"""mallopt(3)."""

_LEAVING = threading.Lock()


def limit_malloc_arenas() -> None:
    """Let all threads allocate from one place, where the C library is glibc.

    By default each thread has an arena of its own, and each keeps the room that the largest page
    once took. Threads that mostly wait for the network do not get into each other's way.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    mallopt = getattr(library, "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)


def leave(code: int, sentence: str | None = None) -> NoReturn:
    """End the process; the sentence is the last line on stderr.

    Threads that are under way have nothing more to say, and the first to leave has the last word.
    """
    _LEAVING.acquire()
    if sentence is not None:
        logging.disable()
        with suppress(OSError):
            sys.stderr.write(f"{sentence}\n")
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def leave_with_reader() -> None:
    """End the process as soon as nobody reads its output any more, whatever it waits for.

    Only a write would tell so otherwise, and the next one may be minutes away. This is for pipes;
    a file has no reader that could go.
    """
    output = sys.stdout.fileno()
    mode = os.fstat(output).st_mode
    if hasattr(select, "poll") and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        threading.Thread(
            target=_wait_for_end_of, args=(output,), name="reader", daemon=True
        ).start()


def _wait_for_end_of(output: int) -> None:
    reader = select.poll()
    # Of its own accord it tells errors only, and that nobody reads is one.
    reader.register(output, 0)
    reader.poll()
    leave(1, str(OutputClosedError()))
