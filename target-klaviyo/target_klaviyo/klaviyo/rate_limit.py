"""Klaviyo's two fixed windows per endpoint, kept from this side (pure; clocks are passed in).

Klaviyo counts requests per endpoint in fixed windows of a second (burst) and a minute (steady)
that all private keys of an account share (docs/klaviyo.md: Limits). Where those windows begin is
unknown, and so is when a request arrives. But a request has arrived by the time it is answered. So
every request occupies a place from when it is sent until a whole window after its *answer*: then no
window of that length, wherever it begins, can ever hold more arrivals than allowed.

The limits are those that Klaviyo documents until `RateLimit-Limit` tells others. It comes with
every answer but a 429, so an answer without it says that nobody counts, until a 429 proves
otherwise. Use by others is told by `RateLimit-Remaining` and `RateLimit-Reset`. They speak of one
window, the one whose limit `RateLimit-Limit` names first: `10, 10;w=1, 150;w=60` is the burst
window's, `150, 10;w=1, 150;w=60` the steady one's. All times are seconds of one monotonic clock.
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
_FIRST_LIMIT = re.compile(r"\s*(\d{1,12})\s*(?:,|$)")
_CLOCK_DRIFT = 0.001  # the two machines' clocks may differ in speed, and round
_ROUNDING_SECONDS = 1.0  # RateLimit-Reset is in whole seconds, rounded we do not know how


class RateLimiter:
    """Says when the next request to one endpoint may go; one thread asks for all workers.

    `burst` and `steady` are requests a second and a minute, until the headers say otherwise.
    """

    def __init__(self, burst: int, steady: int) -> None:
        self._windows = {BURST_SECONDS: _Window(BURST_SECONDS, burst)}
        self._windows[STEADY_SECONDS] = _Window(STEADY_SECONDS, steady)
        self._unlimited = False
        self._refused = False
        self._in_flight = 0
        self._paused_until = -math.inf

    def delay(self, now: float) -> float:
        """Seconds until a request may go; infinite while only an answer can make room."""
        delays = [self._paused_until - now]
        for window in self._windows.values():
            delays.append(window.until_reset(now))
            if not self._unlimited:
                delays.append(window.until_place(now, self._in_flight))
        return max(0.0, *delays)

    @property
    def per_minute(self) -> float:
        """The steady budget, infinite when nobody counts."""
        return math.inf if self._unlimited else self._windows[STEADY_SECONDS].limit

    def record_sent(self) -> None:
        """A request has gone."""
        self._in_flight += 1
        for window in self._windows.values():
            window.left -= 1

    def record_answer(self, now: float, headers: Mapping[str, str] | None) -> None:
        """A request came back; headers are None when they tell nothing: a 429, or no answer.

        It still occupies its place in the windows, since it may have been counted.
        """
        self._in_flight -= 1
        for window in self._windows.values():
            window.occupy(now)
        if headers is not None:
            self._learn_limits(headers.get("RateLimit-Limit"))
            self._learn_use(now, headers)

    def pause(self, until: float) -> None:
        """Obey a 429: nothing goes before `until`, and somebody counts."""
        self._unlimited = False
        self._refused = True
        self._paused_until = max(self._paused_until, until)

    def _learn_limits(self, told: str | None) -> None:
        self._unlimited = told is None and not self._refused
        for limit, length in _WINDOW.findall(told or ""):
            seconds, requests = int(length), max(1, int(limit))
            if seconds in self._windows:
                self._windows[seconds].limit = requests
            else:
                self._windows[seconds] = _Window(seconds, requests)

    def _learn_use(self, now: float, headers: Mapping[str, str]) -> None:
        """What all users of the account have left in the window that the headers speak of."""
        try:
            remaining, reset = int(headers["RateLimit-Remaining"]), int(headers["RateLimit-Reset"])
        except (KeyError, ValueError):
            return
        window = self._window_told(headers.get("RateLimit-Limit", ""), reset)
        window.learn(now, remaining - self._in_flight, reset, alone=self._in_flight == 0)

    def _window_told(self, limits: str, reset: int) -> _Window:
        """The window of the limit named first; among equals, one that the reset lies in."""
        first = _FIRST_LIMIT.match(limits)
        found = [
            self._windows[int(length)]
            for limit, length in _WINDOW.findall(limits)
            if first and int(limit) == int(first[1])
        ]
        steady = self._windows[STEADY_SECONDS]
        return next((window for window in found if reset <= window.seconds), steady)


class _Window:
    """One window: how many answers of the last `seconds` still occupy a place, and what is told.

    Attributes:
        left: requests that may go until the reset, as far as an answer has told.
    """

    def __init__(self, seconds: int, limit: int) -> None:
        self.seconds = seconds
        self.limit = limit
        self.left = math.inf
        self._reset_at = -math.inf
        self._length = seconds * (1 + _CLOCK_DRIFT) + 0.01
        self._answers: deque[float] = deque()

    def occupy(self, now: float) -> None:
        """An answer came: its request occupies a place for a whole window from now."""
        self._answers.append(now)
        if now > self._reset_at + _ROUNDING_SECONDS:
            self.left = math.inf

    def until_place(self, now: float, in_flight: int) -> float:
        """Seconds until a place is free; infinite while only an answer can make one."""
        while self._answers and self._answers[0] + self._length <= now:
            self._answers.popleft()
        surplus = len(self._answers) + in_flight - self.limit
        if surplus < 0:
            return 0.0
        if surplus >= len(self._answers):
            return math.inf
        return self._answers[surplus] + self._length - now

    def until_reset(self, now: float) -> float:
        """Seconds until the window that others have used up is over."""
        return self._reset_at + _ROUNDING_SECONDS - now if self.left < 1 else 0.0

    def learn(self, now: float, left: float, reset: int, *, alone: bool) -> None:
        """Take what is told; the lowest of a window counts, unless nothing else was in flight."""
        reset_at = now + min(reset, self.seconds)
        another_window = reset_at > self._reset_at + _ROUNDING_SECONDS
        if another_window or alone or left < self.left:
            self.left = left
        if another_window:
            self._reset_at = reset_at
