"""The request budget, learned from Recurly's answers and shared by all threads.

Recurly counts requests per site over a sliding window of five minutes and says with every answer
how many are left (`X-RateLimit-Remaining`), of how many (`X-RateLimit-Limit`), and when the window
would be clear, that is when this very request will have left it (`X-RateLimit-Reset`)
(docs/recurly.md: Rate limits). The site's own systems draw on the same budget, so this tap never
takes `Remaining` below the share that `quota_percent` leaves to them.

How finely the window slides nobody says, and `Reset` is cut to the minute: requests may leave
when they are five minutes old, or only when `Reset` says. So one request of the share is always
spare. When all others are used up, the spare one is sent as a probe as soon as requests are five
minutes old. If they have left, reading goes on; if not, the probe has cost nothing but itself, and
the next one waits for `Reset`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from math import ceil, floor, inf
from typing import TYPE_CHECKING, NamedTuple

from tap_recurly.progress import RequestRate

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 300
FIVE_MINUTES_OLD_SECONDS = WINDOW_SECONDS + 1
"""One second late, for `Date` is cut to the second."""

MINUTE = 60
MAX_BACKOFF_SECONDS = 30.0
MIN_LOGGED_WAIT_SECONDS = 10


class RateHeaders(NamedTuple):
    """What an answer says about the budget; error answers may say nothing.

    `reset` and `server_time` (its `Date`) are epoch seconds, `retry_after` is in seconds.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    server_time: float | None = None
    retry_after: float | None = None


Ticket = int
"""When a request left, in the budget's own order of events."""


class _Counted(NamedTuple):
    """A request of ours in Recurly's window, in seconds of Recurly's clock.

    `reset` is when it has surely left: Recurly's word, or when it is five minutes old.
    """

    second: float
    reset: float


class Budget:
    """What may be sent now; pure bookkeeping on any clock in seconds.

    Not thread-safe: `RateLimiter` is the door for threads.
    """

    def __init__(self, quota_percent: int) -> None:
        self._quota_percent = quota_percent
        self.sent = 0
        self.limit: int | None = None
        self._remaining: int | None = None
        self._events = 0
        self._learned_at = 0
        self._in_flight = 0
        self._any_answer = False
        self._server_ahead = -inf
        self._server_second = 0.0
        self._counted: deque[_Counted] = deque()
        self._stayed_until = -inf
        self._throttles = 0
        self._throttled_since: float | None = None
        self._resume_at = 0.0

    @property
    def reserve(self) -> int:
        """Requests of each window that belong to the site's other systems."""
        return ceil((self.limit or 0) * (100 - self._quota_percent) / 100)

    @property
    def is_throttled(self) -> bool:
        """Whether the last answer was a 429."""
        return self._throttled_since is not None

    def throttled_for(self, now: float) -> float:
        """Seconds for which every request has been answered with 429."""
        return 0.0 if self._throttled_since is None else now - self._throttled_since

    def delay(self, now: float) -> float:
        """Seconds until a request may be sent; 0 is now, infinity is after the next answer."""
        if now < self._resume_at:
            return self._resume_at - now
        if self.is_throttled or not self._any_answer:
            # Nobody knows what is left, so requests go one by one.
            return inf if self._in_flight else 0.0
        if self._remaining is None or self._remaining - self._in_flight > self.reserve + 1:
            return 0.0
        return inf if self._in_flight else max(self._next_probe(self._remaining) - now, 0.0)

    def send(self) -> Ticket:
        """Count a request that leaves."""
        self._events += 1
        self._in_flight += 1
        self.sent += 1
        return self._events

    def failed(self, now: float) -> None:
        """Note that a request got no answer; Recurly may have counted it."""
        self._in_flight -= 1
        self._count(floor(now + self._ahead), None)
        if self._remaining is not None:
            self._remaining -= 1

    def succeeded(self, ticket: Ticket, now: float, headers: RateHeaders) -> None:
        """Learn from any answer that is not a 429."""
        self._learn(ticket, now, headers)
        self._throttles = 0
        self._throttled_since = None

    def throttled(self, ticket: Ticket, now: float, headers: RateHeaders) -> None:
        """Learn from a 429: everyone waits as told, else a second, two, four and so on."""
        self._learn(ticket, now, headers)
        if self._remaining is not None:
            self._remaining = min(self._remaining, 0)
        if self._throttled_since is None:
            self._throttled_since = now
        if now >= self._resume_at:
            # Those that were under way together are refused together, which counts once.
            self._throttles += 1
        wait = headers.retry_after
        if wait is None:
            wait = min(2.0 ** (self._throttles - 1), MAX_BACKOFF_SECONDS)
        self._resume_at = max(self._resume_at, now + max(wait, 1.0))

    def _learn(self, ticket: Ticket, now: float, headers: RateHeaders) -> None:
        """Take in what an answer says, of whatever status."""
        self._in_flight -= 1
        self._any_answer = True
        self._events += 1
        second = headers.server_time
        if second is None:
            second = floor(now + self._ahead)
        else:
            # `Date` is cut to the second: the server's clock is at least this far ahead of ours.
            self._server_ahead = max(self._server_ahead, second - now)
        self._server_second = second
        remaining, known = headers.remaining, self._remaining
        if remaining is None:
            self._remaining = None if known is None else known - 1
        else:
            self.limit = headers.limit or max(self.limit or 0, remaining)
            if known is not None and remaining < known:
                # Nothing left in exchange for this request: what was five minutes old has stayed.
                self._stayed_until = max(self._stayed_until, second - WINDOW_SECONDS)
            # Answers overtake each other: one to a request sent before the last lesson may tell of
            # an earlier moment, and then the smaller number is the later truth.
            if known is None or remaining < known or ticket > self._learned_at:
                self._remaining = remaining
                self._learned_at = self._events
        self._count(second, headers.reset)

    def _count(self, second: float, reset: float | None) -> None:
        """Remember a request of ours for as long as Recurly may count it."""
        while self._counted and self._counted[0].reset <= second:
            self._counted.popleft()
        if reset is None or reset <= second:
            reset = second + FIVE_MINUTES_OLD_SECONDS
        self._counted.append(_Counted(second, reset))
        if self.limit is not None and self._remaining is not None:
            # Where Recurly counts fewer than we do, the oldest have left before their time.
            while len(self._counted) > max(self.limit - self._remaining, 1):
                self._counted.popleft()

    def _next_probe(self, remaining: int) -> float:
        """The next moment at which asking makes sense, on our own clock.

        That is when as many of our requests have left the window as it takes for one more to stay
        within our share. While others hold a part of it, nobody knows when, so once a minute too.
        """
        must_leave = self.reserve + 2 - remaining
        share = (self.limit or 0) - self.reserve
        moments = []
        if len(self._counted) < max(must_leave, share - 1):
            moments.append((self._server_second // MINUTE + 1) * MINUTE)
        if len(self._counted) >= must_leave:
            awaited = self._counted[must_leave - 1]
            early = awaited.second + FIVE_MINUTES_OLD_SECONDS
            may_probe_early = remaining > self.reserve and awaited.second > self._stayed_until
            moments.append(min(early, awaited.reset) if may_probe_early else awaited.reset)
        return min(moments) - self._ahead

    @property
    def _ahead(self) -> float:
        """Seconds by which the server's clock is ahead of ours, at least."""
        return self._server_ahead if self._server_ahead > -inf else 0.0


class ClosedError(Exception):
    """Nobody wants an answer any more; it ends threads and is never shown."""


class RateLimiter:
    """The budget's door for threads: `acquire` blocks until a request may leave."""

    def __init__(self, quota_percent: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = Budget(quota_percent)
        self._clock = clock
        self._changed = threading.Condition()
        self._logged_at = -inf
        self._closed = threading.Event()

    @property
    def closed(self) -> bool:
        """Whether no more requests are let through."""
        return self._closed.is_set()

    def close(self) -> None:
        """Let no more requests through; who waits is told at once."""
        with self._changed:
            self._closed.set()
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait, at most until the limiter is closed."""
        self._closed.wait(seconds)

    def acquire(self) -> Ticket:
        """Wait for a place in the budget and take it.

        Raises:
            ClosedError: If the limiter is closed before there is one.
        """
        with self._changed:
            while not self.closed and (delay := self.budget.delay(self._clock())) > 0:
                self._log_wait(delay)
                self._changed.wait(None if delay == inf else delay)
            if self.closed:
                raise ClosedError
            return self.budget.send()

    def request_rate(self) -> RequestRate:
        """Requests sent so far, and how many a minute this tap's share allows."""
        limit, reserve = self.budget.limit, self.budget.reserve
        per_minute = None if limit is None else (limit - reserve) * MINUTE // WINDOW_SECONDS
        return RequestRate(self.budget.sent, per_minute)

    def failed(self) -> None:
        """Give the place back after a request without an answer."""
        with self._changed:
            self.budget.failed(self._clock())
            self._changed.notify_all()

    def succeeded(self, ticket: Ticket, headers: RateHeaders) -> None:
        """Give the place back and learn from the answer."""
        with self._changed:
            self.budget.succeeded(ticket, self._clock(), headers)
            self._changed.notify_all()

    def throttled(self, ticket: Ticket, headers: RateHeaders) -> float:
        """Give the place back after a 429; say for how many seconds all have been refused."""
        with self._changed:
            now = self._clock()
            self.budget.throttled(ticket, now, headers)
            self._changed.notify_all()
            return self.budget.throttled_for(now)

    def _log_wait(self, delay: float) -> None:
        now = self._clock()
        if MIN_LOGGED_WAIT_SECONDS < delay < inf and now - self._logged_at >= MINUTE:
            self._logged_at = now
            why = (
                "Recurly refuses requests as too many"
                if self.budget.is_throttled
                else "The share of the site's request budget is used up"
            )
            logger.info("%s; going on in %d s.", why, delay)
