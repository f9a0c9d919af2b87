"""Rate limits: two fixed windows per endpoint, shared by all keys of the account (documented)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_klaviyo_sandbox.klaviyo.options import Options

SECOND, MINUTE = 1.0, 60.0


class Budget(NamedTuple):
    """Requests per second and per minute."""

    burst: int
    steady: int


@dataclass
class _Window:
    length: float
    limit: int
    end: float = -math.inf
    used: int = 0

    def roll(self, now: float) -> None:
        """Begin anew once the time is over."""
        if now >= self.end:
            self.used = 0
            self.end = now - now % self.length + self.length  # assumed: with the clock's minute


@dataclass
class RateLimiter:
    """Counts requests on real time: a business clock that jumps must not refill budgets.

    `real_time` gives seconds since 1970.
    """

    real_time: Callable[[], float]
    options: Options
    _windows: dict[str, tuple[_Window, _Window]] = field(default_factory=dict)

    def admit(self, endpoint: str, budget: Budget) -> tuple[int | None, dict[str, str]]:
        """Count one request: (seconds to wait or None, headers of the answer).

        Recorded: a refused request gets `Retry-After` and nothing else, all others the three
        RateLimit headers, of which Remaining and Reset speak of the window that Limit names
        first: the burst window. In 2023 it was the steady one, as the documentation still says.
        Assumed: refused requests do not count.
        """
        now = self.real_time()
        new = _Window(SECOND, budget.burst), _Window(MINUTE, budget.steady)
        windows = burst, steady = self._windows.setdefault(endpoint, new)
        for window in windows:
            window.roll(now)
        waits = [window.end - now for window in windows if window.used >= window.limit]
        if waits:
            return max(1, math.ceil(max(waits))), {}
        for window in windows:
            window.used += 1
        way = self.options.first_window
        alternate = way == "alternating" and steady.used % 2 == 0
        first = steady if way == "steady" or alternate else burst
        return None, {
            "RateLimit-Limit": f"{first.limit}, {budget.burst};w=1, {budget.steady};w=60",
            "RateLimit-Remaining": str(first.limit - first.used),
            "RateLimit-Reset": str(int(first.end - now)),
        }
