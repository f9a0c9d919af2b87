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
    start: float = -math.inf
    used: int = 0


@dataclass
class _Windows:
    burst: _Window = field(default_factory=_Window)
    steady: _Window = field(default_factory=_Window)


@dataclass
class RateLimiter:
    """Counts requests on real time: a business clock that jumps must not refill budgets.

    `real_time` gives seconds since 1970.
    """

    real_time: Callable[[], float]
    options: Options
    _windows: dict[str, _Windows] = field(default_factory=dict)

    def admit(self, endpoint: str, budget: Budget) -> tuple[int | None, dict[str, str]]:
        """Count one request: (seconds to wait or None, headers of the answer).

        Recorded: a refused request gets `Retry-After` and nothing else, all others the three
        RateLimit headers, of which Remaining and Reset speak of the window that Limit names
        first: the burst window. In 2023 it was the steady one, as the documentation still says.
        Assumed: refused requests do not count.
        """
        now = self.real_time()
        windows = self._windows.setdefault(endpoint, _Windows())
        self._roll(windows.burst, SECOND, now)
        self._roll(windows.steady, MINUTE, now)
        waits = [
            window.start + length - now
            for window, length, limit in (
                (windows.burst, SECOND, budget.burst),
                (windows.steady, MINUTE, budget.steady),
            )
            if window.used >= limit
        ]
        if waits:
            return max(1, math.ceil(max(waits))), {}
        windows.burst.used += 1
        windows.steady.used += 1
        steady = self.options.first_window == "steady" or (
            self.options.first_window == "alternating" and windows.steady.used % 2 == 0
        )
        window, length, limit = (
            (windows.steady, MINUTE, budget.steady)
            if steady
            else (windows.burst, SECOND, budget.burst)
        )
        return None, {
            "RateLimit-Limit": f"{limit}, {budget.burst};w=1, {budget.steady};w=60",
            "RateLimit-Remaining": str(limit - window.used),
            "RateLimit-Reset": str(int(window.start + length - now)),
        }

    def _roll(self, window: _Window, length: float, now: float) -> None:
        if now >= window.start + length:
            window.used = 0
            window.start = now - now % length  # assumed: with the clock's second and minute
