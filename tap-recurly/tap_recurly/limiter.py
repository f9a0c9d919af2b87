"""The request budget, learned from Recurly's answers and shared by all threads.

Recurly counts requests per site over a sliding window of five minutes and says with every answer
how many are left: `X-RateLimit-Limit` (the window's total) and `X-RateLimit-Remaining`. The site's
own systems draw on the same budget, so this tap never takes `Remaining` below the share that
`quota_percent` leaves to them. Nothing else is assumed: whether the window slides by the second
or by the minute shows in the answers.

When the share is used up, capacity comes back as old requests leave the window. At each moment
when some of our own could have left, one single request, the probe, asks; its answer says how far
the tap may go on. A few requests of the share are kept for probes, so that even they leave the
others' share alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 300
MINUTE = 60
MOST_PROBES_KEPT = 10
LONGEST_BACKOFF_SECONDS = 30.0


class RateHeaders(NamedTuple):
    """What an answer says about the budget; error answers may say nothing.

    `server_time` is its `Date` in epoch seconds, `retry_after` is in seconds.
    """

    limit: int | None = None
    remaining: int | None = None
    server_time: float | None = None
    retry_after: float | None = None


@dataclass(frozen=True)
class Ticket:
    """One request under way; `sent_at` is in the budget's own order of events."""

    sent_at: int


class Budget:
    """What may be sent now; pure bookkeeping on any clock in seconds.

    Not thread-safe: `RateLimiter` is the door for threads.
    """

    def __init__(self, quota_percent: int) -> None:
        self._quota_percent = quota_percent
        self.limit: int | None = None
        self._remaining: int | None = None
        self._learned_at = 0
        self._learned_time = 0.0
        self._events = 0
        self._in_flight = 0
        self._answered = False
        self._server_ahead = -inf
        self._own_seconds: deque[int] = deque()
        self._refusals = 0
        self._refused_since: float | None = None
        self._resume_at = 0.0

    @property
    def reserve(self) -> int:
        """Requests of each window that belong to the site's other systems."""
        return ceil((self.limit or 0) * (100 - self._quota_percent) / 100)

    def delay(self, now: float) -> float:
        """Seconds until a request may be sent; 0 is now, infinity is after the next answer."""
        if now < self._resume_at:
            return self._resume_at - now
        if self._refusals or not self._answered:
            return inf if self._in_flight else 0.0
        if self._remaining is None or self._remaining - self._in_flight > self._floor:
            return 0.0
        if self._in_flight:
            return inf
        return max(self._next_probe() - now, 0.0)

    def refused_for(self, now: float) -> float:
        """Seconds for which every request has been refused as too many."""
        return 0.0 if self._refused_since is None else now - self._refused_since

    def send(self, now: float) -> Ticket:
        """Count a request that leaves now."""
        self._events += 1
        self._in_flight += 1
        second = floor(now)
        if not self._own_seconds or self._own_seconds[-1] != second:
            self._own_seconds.append(second)
        return Ticket(self._events)

    def lost(self, _ticket: Ticket) -> None:
        """Note that a request got no answer; Recurly may have counted it."""
        self._in_flight -= 1
        if self._remaining is not None:
            self._remaining -= 1

    def answered(self, ticket: Ticket, now: float, headers: RateHeaders) -> None:
        """Learn from any answer that is not a 429."""
        self._in_flight -= 1
        self._answered = True
        self._refusals = 0
        self._refused_since = None
        self._learn(ticket, now, headers)

    def refused(self, ticket: Ticket, now: float, headers: RateHeaders) -> None:
        """Learn from a 429: everyone waits as told, else a second, two, four and so on."""
        self._in_flight -= 1
        self._answered = True
        self._learn(ticket, now, headers)
        if self._remaining is not None:
            self._remaining = min(self._remaining, 0)
        if self._refused_since is None:
            self._refused_since = now
        if now >= self._resume_at:
            self._refusals += 1
        wait = headers.retry_after
        if wait is None:
            wait = min(2.0 ** (self._refusals - 1), LONGEST_BACKOFF_SECONDS)
        self._resume_at = max(self._resume_at, now + max(wait, 1.0))

    @property
    def _floor(self) -> int:
        own = (self.limit or 0) - self.reserve
        return self.reserve + min(MOST_PROBES_KEPT, own // 20)

    def _learn(self, ticket: Ticket, now: float, headers: RateHeaders) -> None:
        self._events += 1
        if headers.server_time is not None:
            # `Date` is cut to the second: the server's clock is at least this far ahead of ours.
            self._server_ahead = max(self._server_ahead, headers.server_time - now)
        remaining = headers.remaining
        if remaining is None:
            if self._remaining is not None:
                self._remaining -= 1
            return
        self.limit = headers.limit or max(self.limit or 0, remaining)
        fresh = self._remaining is None or ticket.sent_at > self._learned_at
        # Answers overtake each other: one to a request sent before the last lesson may tell of an
        # earlier moment, and then the smaller number is the later truth.
        if fresh or (self._remaining is not None and remaining < self._remaining):
            self._remaining = remaining
            self._learned_at = self._events
            self._learned_time = now

    def _next_probe(self) -> float:
        """The next moment at which asking makes sense, on our own clock.

        While the probes' own share lasts, that is whenever our oldest requests may have left the
        window; beyond it only when they surely have. Without any of our own in the window it is
        the others who used it up: then once a minute, for that is how capacity returns.
        """
        while self._own_seconds and self._surely_free(self._own_seconds[0]) <= self._learned_time:
            self._own_seconds.popleft()
        careful = self._remaining is not None and self._remaining <= self.reserve
        moments = [
            moment
            for second in self._own_seconds
            for moment in ((self._surely_free(second),) if careful else self._perhaps_free(second))
            if moment > self._learned_time
        ]
        return min(moments, default=self._minute_after(self._learned_time, 1))

    def _perhaps_free(self, second: int) -> tuple[float, ...]:
        """When a request sent then leaves the window, by each way of counting."""
        return (
            self._minute_after(second, WINDOW_SECONDS // MINUTE),
            second + WINDOW_SECONDS + 1.0,
            self._surely_free(second),
        )

    def _surely_free(self, second: int) -> float:
        return self._minute_after(second + 1.0, WINDOW_SECONDS // MINUTE + 1)

    def _minute_after(self, moment: float, minutes: int) -> float:
        """The server's full minute, so many after the one `moment` lies in, on our own clock."""
        ahead = self._server_ahead if self._server_ahead > -inf else 0.0
        return (floor((moment + ahead) / MINUTE) + minutes) * MINUTE - ahead


class RateLimiter:
    """The budget's door for threads: `acquire` blocks until a request may leave."""

    def __init__(self, quota_percent: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = Budget(quota_percent)
        self._clock = clock
        self._changed = threading.Condition()
        self._announced = -inf

    def acquire(self) -> Ticket:
        """Wait for a place in the budget and take it."""
        with self._changed:
            while (delay := self.budget.delay(self._clock())) > 0:
                self._announce(delay)
                self._changed.wait(None if delay == inf else delay)
            return self.budget.send(self._clock())

    def lost(self, ticket: Ticket) -> None:
        """Give the place back after a request without an answer."""
        with self._changed:
            self.budget.lost(ticket)
            self._changed.notify_all()

    def answered(self, ticket: Ticket, headers: RateHeaders) -> None:
        """Give the place back and learn from the answer."""
        with self._changed:
            self.budget.answered(ticket, self._clock(), headers)
            self._changed.notify_all()

    def refused(self, ticket: Ticket, headers: RateHeaders) -> float:
        """Give the place back after a 429; say for how many seconds all have been refused."""
        with self._changed:
            now = self._clock()
            self.budget.refused(ticket, now, headers)
            self._changed.notify_all()
            return self.budget.refused_for(now)

    def _announce(self, delay: float) -> None:
        now = self._clock()
        if MOST_PROBES_KEPT < delay < inf and now - self._announced >= MINUTE:
            self._announced = now
            logger.info(
                "The share of the site's request budget is used up; going on in %d s.", delay
            )
