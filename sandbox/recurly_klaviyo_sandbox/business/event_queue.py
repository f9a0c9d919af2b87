"""What is going to happen, in order of time."""

from __future__ import annotations

import heapq
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date


class EventQueue:
    """A queue of events by the second they are due.

    Events of one second happen in the order they were entered. The order of all events therefore
    depends on nothing but what was entered: working the queue off in one go or in many small
    steps yields the same world. They happen only at multiples of `grain` seconds, which puts many
    on one second.
    """

    def __init__(self, start: int, grain: int = 1) -> None:
        self.now = start
        self._grain = grain
        self._entered = 0
        self._queue: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []

    def at(self, time: float, event: Callable[..., None], *args: object) -> None:
        """Enter an event; one due in the past happens now."""
        due = max(-(-int(time) // self._grain) * self._grain, self.now)
        heapq.heappush(self._queue, (due, self._entered, event, args))
        self._entered += 1

    def after(self, seconds: float, event: Callable[..., None], *args: object) -> None:
        """Enter an event so many seconds from now."""
        self.at(self.now + seconds, event, *args)

    def run_until(self, time: int) -> None:
        """Do everything that is due up to `time`, that second included."""
        while self._queue and self._queue[0][0] <= time:
            self.now, _, event, args = heapq.heappop(self._queue)
            event(*args)
        self.now = max(self.now, time)

    def today(self) -> date:
        """The date it is, in UTC."""
        return datetime.fromtimestamp(self.now, timezone.utc).date()
