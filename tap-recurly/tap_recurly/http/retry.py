"""What all connections know of a site that does not answer as it should.

When a request fails, nobody knows whether it alone is the trouble or the whole site. Until one is
answered again, requests leave one by one, in the order in which they came, at growing intervals:
eight connections knock no more often than one. As long as others are answered, a failure holds up
nobody. When as many in a row have failed as one request is tried, all that wait give up together.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections import deque
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from tap_recurly.http.rate_limit import ClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_recurly.http.transport import RetryableError


@dataclass(frozen=True)
class RetryPolicy:
    """How often and after how long a failed request is sent again; the pause doubles.

    No request is sent again before `min_interval_seconds`, and while nothing is answered the
    requests of all connections leave at least so far apart.
    """

    tries: int = 6
    first_contact_tries: int = 3
    first_pause_seconds: float = 0.5
    max_pause_seconds: float = 20.0
    min_interval_seconds: float = 1.0

    def pause(self, failures: int) -> float:
        """Seconds to wait, spread a little so that threads do not knock all at once."""
        pause = min(self.first_pause_seconds * 2 ** (failures - 1), self.max_pause_seconds)
        spread = pause * random.uniform(0.8, 1.2)  # noqa: S311 (spreads load, keeps no secret)
        return float(max(spread, self.min_interval_seconds))


class Turn(NamedTuple):
    """Leave to send a request; `alone` when it is to show whether the site answers again."""

    alone: bool
    surrenders: int


class CircuitOpenError(Exception):
    """The whole site has failed for too long; `fault` is what the last request met."""

    def __init__(self, fault: RetryableError) -> None:
        super().__init__(str(fault))
        self.fault = fault


class CircuitBreaker:
    """Whether the site answers, shared by the threads of a client.

    Before the first answer nobody knows, so the first request goes alone.
    """

    def __init__(self, retry: RetryPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._retry = retry
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._doubted = True
        self._failures = 0
        self._next_at = -inf
        self._surrenders = 0
        self._fault: RetryableError | None = None
        self._closed = False

    def close(self) -> None:
        """Let nobody through any more; who waits is told at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def turn(self, last: Turn | None = None) -> Turn:
        """Wait until a request may leave.

        Args:
            last: The turn at which the same request has failed before.

        Raises:
            CircuitOpenError: If all give up meanwhile, or have since the last turn.
            ClosedError: If the client is closed meanwhile.
        """
        if not self._doubted:
            return Turn(alone=False, surrenders=self._surrenders)
        with self._changed:
            surrenders = last.surrenders if last else self._surrenders
            place = object()
            self._waiting.append(place)
            try:
                self._check(surrenders)
                while (delay := self._delay(place)) > 0:
                    self._changed.wait(None if delay == inf else delay)
                    self._check(surrenders)
                alone = self._doubted
                if alone:
                    self._next_at = self._clock() + self._interval
                return Turn(alone, self._surrenders)
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()

    def answered(self) -> None:
        """Note a usable answer: everyone may go on."""
        if self._doubted:
            with self._changed:
                self._doubted = False
                self._failures = 0
                self._changed.notify_all()

    def failed(self, turn: Turn, fault: RetryableError, tries: int) -> int:
        """Note a failure; says how many there have been in a row, those at one time being one.

        When they are as many as the tries that one request has, all that wait give up.
        """
        with self._changed:
            self._fault = fault
            if turn.alone or not self._doubted:
                self._doubted = True
                self._failures += 1
                pause = max(self._interval, fault.retry_after)
                self._next_at = max(self._next_at, self._clock() + pause)
            failures = self._failures
            if failures >= tries:
                # Who comes from now on asks for something else, which may do better.
                self._surrenders += 1
                self._failures = 1
                self._next_at = self._clock() + self._interval
                self._changed.notify_all()
            return failures

    @property
    def _interval(self) -> float:
        return (
            self._retry.pause(self._failures)
            if self._failures
            else self._retry.min_interval_seconds
        )

    def _delay(self, place: object) -> float:
        if not self._doubted or self._closed:
            return 0.0
        return max(self._next_at - self._clock(), 0.0) if self._waiting[0] is place else inf

    def _check(self, surrenders: int) -> None:
        if self._closed:
            raise ClosedError
        if self._doubted and self._fault is not None and surrenders != self._surrenders:
            raise CircuitOpenError(self._fault)


MIN_PAGE_SIZE = 25
"""Below this a smaller page does not help a list that times out."""

LIMIT = re.compile(r"(?<=[?&]limit=)\d+")


class PageSizes:
    """The sizes to which pages have been halved, by list; shared by the threads of a client.

    What one connection has learned the others need not pay for with timeouts of their own.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def fitted(self, endpoint: str, url: str) -> str:
        """The same URL with a `limit` no larger than the list is known to bear."""
        size = self._sizes.get(endpoint)
        return url if size is None else with_limit(url, size)

    def halve(self, endpoint: str, url: str) -> None:
        """Remember that pages as large as this URL's are too heavy to arrive in time."""
        if found := LIMIT.search(url):
            half = int(found[0]) // 2
            if half >= MIN_PAGE_SIZE:
                self._sizes[endpoint] = min(half, self._sizes.get(endpoint, half))


def with_limit(url: str, most: int) -> str:
    """The same URL with a `limit` of no more than this, if it has one.

    All else stays as it was written: a cursor is Recurly's own affair.
    """
    return LIMIT.sub(lambda limit: str(min(int(limit[0]), most)), url)
