"""How the process asks the system for memory."""

from __future__ import annotations

import ctypes

M_ARENA_MAX = -8
"""mallopt(3)."""


def share_one_arena() -> None:
    """Let all threads allocate from one place, where the C library is glibc.

    By default each thread has an arena of its own, and each keeps the room that the largest page
    once took. Threads that mostly wait for the network do not get into each other's way.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
