"""Klaviyo's two fixed windows per endpoint, kept from this side (pure; clocks are passed in).

Klaviyo counts requests per endpoint in fixed windows of a second (burst) and a minute (steady)
that all private keys of an account share. Where those windows begin is unknown, and so is when a
request arrives. But a request has arrived by the time it is answered. So every request occupies a
place from when it is sent until a whole window after its *answer*: then no window of that length,
wherever it begins, can ever hold more arrivals than allowed.

The limits are those that Klaviyo documents until `RateLimit-Limit` tells others. It comes with
every answer but a 429 (documented), so an answer without it says that nobody counts, until a 429
proves otherwise. Use by others is told by `RateLimit-Remaining` and `RateLimit-Reset`. All times
are seconds of one monotonic clock.
"""

from __future__ import annotations

import math
import re
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BURST_SECONDS = 1
STEADY_SECONDS = 60

_WINDOW = re.compile(r"(\d{1,12})\s*;\s*w=(\d{1,6})(?!\d)")
_CLOCK_DRIFT = 0.001  # the two machines' clocks may differ in speed, and round
_ROUNDING_SECONDS = 1.0  # RateLimit-Reset is in whole seconds, rounded we do not know how


class RateLimiter:
    """Says when the next request to one endpoint may go.

    One thread asks for all workers, so it needs no lock.

    Args:
        burst: requests a second, until the headers say otherwise.
        steady: requests a minute, until the headers say otherwise.
    """

    def __init__(self, burst: int, steady: int) -> None:
        self._windows = {BURST_SECONDS: _Window(BURST_SECONDS, burst)}
        self._windows[STEADY_SECONDS] = _Window(STEADY_SECONDS, steady)
        self._unlimited = False
        self._refused = False
        self._in_flight = 0
        self._paused_until = -math.inf
        self._reset_at = -math.inf
        self._left = math.inf

    def delay(self, now: float) -> float:
        """Seconds until a request may go; infinite while only an answer can make room."""
        waits = [self._paused_until - now]
        if not self._unlimited:
            waits += [window.delay(now, self._in_flight) for window in self._windows.values()]
        if self._left < 1:
            waits.append(self._reset_at + _ROUNDING_SECONDS - now)
        return max(0.0, *waits)

    @property
    def per_minute(self) -> float:
        """The steady budget, infinite when nobody counts."""
        return math.inf if self._unlimited else self._windows[STEADY_SECONDS].limit

    def record_sent(self) -> None:
        """A request has gone."""
        self._in_flight += 1
        self._left -= 1

    def record_answer(self, now: float, headers: Mapping[str, str] | None) -> None:
        """A request came back; headers are None when they tell nothing: a 429, or no answer.

        It still occupies its place in the windows, since it may have been counted.
        """
        self._in_flight -= 1
        for window in self._windows.values():
            window.record_answer(now)
        if now > self._reset_at + _ROUNDING_SECONDS:
            self._left = math.inf
        if headers is not None:
            self._learn(headers)
            self._hear_of_others(now, headers)

    def pause(self, until: float) -> None:
        """Obey a 429: nothing goes before `until`, and somebody counts."""
        self._unlimited = False
        self._refused = True
        self._paused_until = max(self._paused_until, until)

    def _learn(self, headers: Mapping[str, str]) -> None:
        self._unlimited = "RateLimit-Limit" not in headers and not self._refused
        for limit, length in _WINDOW.findall(headers.get("RateLimit-Limit", "")):
            seconds, requests = int(length), max(1, int(limit))
            if seconds in self._windows:
                self._windows[seconds].limit = requests
            else:
                self._windows[seconds] = _Window(seconds, requests)

    def _hear_of_others(self, now: float, headers: Mapping[str, str]) -> None:
        try:
            remaining = int(headers["RateLimit-Remaining"])
            reset_at = now + min(int(headers["RateLimit-Reset"]), STEADY_SECONDS)
        except (KeyError, ValueError):
            return
        left = remaining - self._in_flight
        another_window = reset_at > self._reset_at + _ROUNDING_SECONDS
        if another_window or self._in_flight == 0 or left < self._left:
            self._left = left
        if another_window:
            self._reset_at = reset_at


class _Window:
    """One window: how many answers of the last `seconds` still occupy a place."""

    def __init__(self, seconds: int, limit: int) -> None:
        self._length = seconds * (1 + _CLOCK_DRIFT) + 0.01
        self.limit = limit
        self._answers: deque[float] = deque()

    def record_answer(self, now: float) -> None:
        self._answers.append(now)

    def delay(self, now: float, in_flight: int) -> float:
        while self._answers and self._answers[0] + self._length <= now:
            self._answers.popleft()
        surplus = len(self._answers) + in_flight - self.limit
        if surplus < 0:
            return 0.0
        if surplus >= len(self._answers):
            return math.inf
        return self._answers[surplus] + self._length - now
