"""The request budget, learned from Recurly's answers and shared by all threads.

Recurly counts requests per site over a sliding window of five minutes and says with every answer
how many are left (`X-RateLimit-Remaining`), of how many (`X-RateLimit-Limit`), and when the window
would be clear, that is when this very request will have left it (`X-RateLimit-Reset`). The site's
own systems draw on the same budget, so this tap never takes `Remaining` below the share that
`quota_percent` leaves to them.

When the tap's share is used up, it waits until some of its own requests have surely left the
window and then sends one single request, the probe, whose answer says how far to go on. When it
is the others who have used up more than theirs, it asks once a minute.

How finely the window slides is not documented, and `Reset` is cut to the minute. So the last
request of the first share is kept for a trial: sent when the oldest is five minutes old, it tells
whether requests leave on time or only when `Reset` says.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from math import ceil, floor, inf
from typing import TYPE_CHECKING, NamedTuple

from tap_recurly.progress import RequestRate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 300
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


class Trial(NamedTuple):
    """A request sent to see whether others have left the window when they are five minutes old.

    `remaining` is the last word before it, `reset` is when Recurly says that they leave.
    """

    remaining: int
    reset: float


@dataclass(frozen=True)
class Ticket:
    """One request under way; `sent_at` is in the budget's own order of events."""

    sent_at: int
    trial: Trial | None = None


class _Moment(NamedTuple):
    """A second of Recurly's clock in which it counted requests of ours.

    `reset` is its word on when the window would be clear; without one, when they surely are five
    minutes old.
    """

    second: float
    reset: float

    @property
    def free_at(self) -> float:
        """When they have left, if they do so on time; `Date` is cut to the second."""
        return min(self.reset, self.second + WINDOW_SECONDS + 1)


class Budget:
    """What may be sent now; pure bookkeeping on any clock in seconds.

    Not thread-safe: `RateLimiter` is the door for threads.
    """

    def __init__(self, quota_percent: int) -> None:
        self._quota_percent = quota_percent
        self.sent = 0
        self.limit: int | None = None
        self._remaining: int | None = None
        self._learned_at = 0
        self._learned_second = 0.0
        self._events = 0
        self._in_flight = 0
        self._answered = False
        self._server_ahead = -inf
        self._spent: Counter[_Moment] = Counter()
        self._awaited: _Moment | None = None
        self._leave_on_time: bool | None = None
        self._refusals = 0
        self._throttled_since: float | None = None
        self._resume_at = 0.0

    @property
    def reserve(self) -> int:
        """Requests of each window that belong to the site's other systems."""
        return ceil((self.limit or 0) * (100 - self._quota_percent) / 100)

    @property
    def _kept(self) -> int:
        """The reserve, and one request for a trial as long as that has not been made."""
        return self.reserve + (self._leave_on_time is None)

    def delay(self, now: float) -> float:
        """Seconds until a request may be sent; 0 is now, infinity is after the next answer."""
        if now < self._resume_at:
            return self._resume_at - now
        if self._refusals or not self._answered:
            return inf if self._in_flight else 0.0
        if self._remaining is None or self._remaining - self._in_flight > self._kept:
            return 0.0
        if self._in_flight:
            return inf
        self._forget_what_has_left()
        # That may have told what the last request was kept for.
        return 0.0 if self._remaining > self._kept else max(self._next_probe() - now, 0.0)

    @property
    def is_throttled(self) -> bool:
        """Whether the last answer was a 429."""
        return self._throttled_since is not None

    def throttled_for(self, now: float) -> float:
        """Seconds for which every request has been refused as too many."""
        return 0.0 if self._throttled_since is None else now - self._throttled_since

    def send(self) -> Ticket:
        """Count a request that leaves."""
        self._events += 1
        self.sent += 1
        trial = None if self._leave_on_time is not None else self._trial()
        self._in_flight += 1
        return Ticket(self._events, trial)

    def _trial(self) -> Trial | None:
        if self._in_flight or self._remaining is None or self._remaining > self._kept:
            return None
        return None if self._awaited is None else Trial(self._remaining, self._awaited.reset)

    def failed(self, now: float) -> None:
        """Note that a request got no answer; Recurly may have counted it."""
        self._in_flight -= 1
        self._spend(floor(self._on_server(now)), None)
        if self._remaining is not None:
            self._remaining -= 1

    def succeeded(self, ticket: Ticket, now: float, headers: RateHeaders) -> None:
        """Learn from any answer that is not a 429."""
        self._in_flight -= 1
        self._answered = True
        self._refusals = 0
        self._throttled_since = None
        self._learn(ticket, now, headers)

    def throttled(self, ticket: Ticket, now: float, headers: RateHeaders) -> None:
        """Learn from a 429: everyone waits as told, else a second, two, four and so on."""
        self._in_flight -= 1
        self._answered = True
        self._learn(ticket, now, headers)
        if self._remaining is not None:
            self._remaining = min(self._remaining, 0)
        if self._throttled_since is None:
            self._throttled_since = now
        if now >= self._resume_at:
            self._refusals += 1
        wait = headers.retry_after
        if wait is None:
            wait = min(2.0 ** (self._refusals - 1), MAX_BACKOFF_SECONDS)
        self._resume_at = max(self._resume_at, now + max(wait, 1.0))

    def _learn(self, ticket: Ticket, now: float, headers: RateHeaders) -> None:
        self._events += 1
        second = headers.server_time
        if second is None:
            second = floor(self._on_server(now))
        else:
            # `Date` is cut to the second: the server's clock is at least this far ahead of ours.
            self._server_ahead = max(self._server_ahead, second - now)
        self._spend(second, headers.reset)
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
            self._learned_second = second
        if ticket.trial is not None and second < ticket.trial.reset:
            self._leave_on_time = remaining >= ticket.trial.remaining

    def _spend(self, second: float, reset: float | None) -> None:
        """Remember a request of ours for as long as Recurly may count it."""
        if reset is None or reset <= second:
            reset = second + WINDOW_SECONDS + 1
        moment = _Moment(second, reset)
        if moment not in self._spent:
            self._keep(moment for moment in self._spent if self._may_count(moment))
        self._spent[moment] += 1

    def _may_count(self, moment: _Moment) -> bool:
        """Whether requests may still have been in the window at the last lesson."""
        free_at = moment.free_at if self._leave_on_time else moment.reset
        return free_at > self._learned_second

    def _keep(self, moments: Iterable[_Moment]) -> None:
        self._spent = Counter({moment: self._spent[moment] for moment in moments})

    def _next_probe(self) -> float:
        """The next moment at which asking makes sense, on our own clock.

        That is when as many of our requests have left the window as it takes for one more to stay
        within our share; while others hold a part of it, nobody knows when, so once a minute too.
        """
        ours = self._spent.total()
        must_leave = self._kept + 1 - (self._remaining or 0)
        moments = []
        if ours < max(must_leave, (self.limit or 0) - self._kept):
            moments.append((self._learned_second // MINUTE + 1) * MINUTE)
        self._awaited = next(islice(self._spent.elements(), must_leave - 1, None), None)
        if self._awaited is not None:
            late = self._leave_on_time is False
            moments.append(self._awaited.reset if late else self._awaited.free_at)
        return min(moments) - self._ahead

    def _forget_what_has_left(self) -> None:
        """Keep of our requests those that the last lesson may have counted, the oldest first.

        A window that slides by the minute lets requests go up to a minute before or after they are
        five minutes old, and Recurly's word on when may be rounded up. That it counted fewer in all
        than we have sent shows how many have left before that; the oldest go first.
        """
        self._keep(moment for moment in sorted(self._spent) if self._may_count(moment))
        left_early = self._spent.total() - self._counted
        if left_early > 0:
            self._leave_on_time = True
        for moment in list(self._spent):
            left = min(left_early, self._spent[moment])
            if left <= 0:
                break
            self._spent[moment] -= left
            left_early -= left
        self._spent = +self._spent

    @property
    def _counted(self) -> int:
        """How many requests were in the window by the last lesson, ours and others'."""
        return (self.limit or 0) - (self._remaining or 0)

    @property
    def _ahead(self) -> float:
        return self._server_ahead if self._server_ahead > -inf else 0.0

    def _on_server(self, now: float) -> float:
        """A moment of our clock on the server's, as late as is certain."""
        return now + self._ahead


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
