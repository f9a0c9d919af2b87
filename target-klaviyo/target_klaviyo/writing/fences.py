"""Fences: when a STATE may be printed (pure).

A STATE stands for all rows before it. Rows are counted by epoch; every couple of seconds a fence
closes the epoch and remembers the newest STATE. That STATE is covered once no row of its epoch, or
of an earlier one, is outstanding: each is stored, a duplicate, or in the rejects file.
"""

from __future__ import annotations

from collections import deque
from typing import Any

SECONDS_BETWEEN_FENCES = 2.0


class Fences:
    """Counts outstanding rows by epoch, and knows the newest STATE they cover."""

    def __init__(self) -> None:
        self.epoch = 0
        self._outstanding = {0: 0}
        self._oldest = 0
        self._closed: deque[tuple[int, Any]] = deque()
        self._waiting: list[Any] = []
        self._last_fence = -SECONDS_BETWEEN_FENCES

    def admit(self) -> int:
        """Count a row in; returns its epoch, to be given back to `release`."""
        self._outstanding[self.epoch] += 1
        return self.epoch

    def release(self, epoch: int) -> None:
        """A row is stored, known to be a duplicate, or rejected."""
        self._outstanding[epoch] -= 1

    @property
    def outstanding(self) -> int:
        """Rows not yet settled."""
        return sum(self._outstanding.values())

    @property
    def fenced(self) -> tuple[int, float] | None:
        """The last epoch that a STATE waits for, and when its fence was set."""
        return (self._closed[-1][0], self._last_fence) if self._closed else None

    @property
    def next_fence(self) -> float | None:
        """When the next fence is due, if a STATE waits for one."""
        return self._last_fence + SECONDS_BETWEEN_FENCES if self._waiting else None

    def state(self, value: Any) -> None:
        """A STATE came; it replaces one that has no fence yet."""
        self._waiting = [value]

    def fence(self, now: float, *, force: bool = False) -> None:
        """Close the epoch when a STATE waits and the last fence is long enough ago."""
        if not self._waiting or not (force or now - self._last_fence >= SECONDS_BETWEEN_FENCES):
            return
        self._last_fence = now
        self._closed.append((self.epoch, self._waiting.pop()))
        self.epoch += 1
        self._outstanding[self.epoch] = 0

    def covered(self) -> list[Any]:
        """The newest STATE that has become covered, in a list; empty when none has."""
        found: list[Any] = []
        while self._oldest < self.epoch and not self._outstanding[self._oldest]:
            del self._outstanding[self._oldest]
            self._oldest += 1
        while self._closed and self._closed[0][0] < self._oldest:
            found = [self._closed.popleft()[1]]
        return found
