"""A signal, and waiting that ends when it comes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from target_klaviyo.errors import RunInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable


class Shutdown:
    """A signal that came, or the absence of one; waiting for time to pass ends with it.

    Args:
        sleep: lets seconds pass; by default real ones, which a signal cuts short.
    """

    def __init__(self, sleep: Callable[[float], object] | None = None) -> None:
        self._came = threading.Event()
        self._sleep = sleep or self._came.wait
        self._signum = 0

    def request(self, signum: int) -> None:
        """A signal came; safe in its handler."""
        self._signum = signum
        self._came.set()

    def raise_if_requested(self) -> None:
        """Raise RunInterrupted when a signal came."""
        if self._came.is_set():
            raise RunInterrupted(self._signum)

    def wait(self, seconds: float) -> None:
        """Let time pass, unless a signal comes.

        Raises:
            RunInterrupted: one came.
        """
        self._sleep(seconds)
        self.raise_if_requested()
