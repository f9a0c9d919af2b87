"""Trying again: how often and when, and what all connections know of a site that fails.

When a request fails, nobody knows whether it alone is the trouble or the whole site. So the first
failure opens the circuit halfway: until one request is answered again, requests leave one by one at
growing intervals; eight connections ask no more often than one.
As long as others are answered, a failure holds up nobody. When as many in a row have failed as one
request is tried, the breaker trips: all that wait are told to give up.
"""

from __future__ import annotations

import random
import re
import sys
import threading
import time
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

    max_tries: int = 6
    max_tries_unreached: int = 3
    max_tries_head: int = 2
    min_backoff_seconds: float = 0.5
    max_backoff_seconds: float = 20.0
    min_interval_seconds: float = 1.0

    def backoff(self, failures: int) -> float:
        """Seconds to wait, spread a little so that threads do not ask all at once."""
        pause = min(self.min_backoff_seconds * 2 ** (failures - 1), self.max_backoff_seconds)
        spread = pause * random.uniform(0.8, 1.2)  # noqa: S311 (spreads load, keeps no secret)
        return float(max(spread, self.min_interval_seconds))


class Permit(NamedTuple):
    """Leave to send a request; a probe shows whether the site answers again.

    `trips` is how often the breaker had tripped by then.
    """

    is_probe: bool
    trips: int


class CircuitOpenError(Exception):
    """The whole site has failed for too long; `last_error` is what the last request met."""

    def __init__(self, last_error: RetryableError) -> None:
        super().__init__(str(last_error))
        self.last_error = last_error


class CircuitBreaker:
    """Whether the site answers, shared by the threads of a client.

    Before the first answer nobody knows, so the first request is a probe.
    """

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._changed = threading.Condition()
        self._half_open = True
        self._failures = 0
        self._next_probe_at = -inf
        self._trips = 0
        self._last_error: RetryableError | None = None
        self._shut_down = False

    def shut_down(self) -> None:
        """Let nobody through any more; who waits is told at once."""
        with self._changed:
            self._shut_down = True
            self._changed.notify_all()

    def wait_for_permit(self, last: Permit | None = None) -> Permit:
        """Wait until a request may leave, which has failed with its last permit if it had one.

        Raises:
            CircuitOpenError: If the breaker trips meanwhile, or has since the last permit.
            ClosedError: If the client is closed meanwhile.
        """
        with self._changed:
            trips = last.trips if last else self._trips
            while self._half_open and not self._shut_down:
                if self._last_error is not None and trips != self._trips:
                    raise CircuitOpenError(self._last_error)
                delay = self._next_probe_at - self._clock()
                if delay <= 0:
                    self._next_probe_at = self._clock() + self._interval
                    break
                self._changed.wait(delay)
            if self._shut_down:
                raise ClosedError
            return Permit(self._half_open, self._trips)

    def record_success(self) -> None:
        """Close the circuit after a usable answer: everyone may go on."""
        if self._half_open:
            with self._changed:
                self._half_open = False
                self._failures = 0
                self._changed.notify_all()

    def record_failure(self, permit: Permit, error: RetryableError, max_tries: int) -> int:
        """Note a failure; says how many there have been in a row, those at one time being one.

        When they are as many as the tries that one request has, the breaker trips.
        """
        with self._changed:
            self._last_error = error
            if permit.is_probe or not self._half_open:
                self._half_open = True
                self._failures += 1
                pause = max(self._interval, error.retry_after)
                self._next_probe_at = max(self._next_probe_at, self._clock() + pause)
            failures = self._failures
            if failures >= max_tries:
                # Who comes from now on asks for something else, which may do better.
                self._trips += 1
                self._failures = 1
                self._next_probe_at = self._clock() + self._interval
                self._changed.notify_all()
            return failures

    @property
    def _interval(self) -> float:
        if not self._failures:
            return self._policy.min_interval_seconds
        return self._policy.backoff(self._failures)


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
        # All else stays as it was written: a cursor is Recurly's own affair.
        most = self._sizes.get(endpoint, sys.maxsize)
        return LIMIT.sub(lambda limit: str(min(int(limit[0]), most)), url)

    def halve(self, endpoint: str, url: str) -> None:
        """Remember that pages as large as this URL's are too heavy to arrive in time."""
        if found := LIMIT.search(url):
            half = int(found[0]) // 2
            if half >= MIN_PAGE_SIZE:
                self._sizes[endpoint] = min(half, self._sizes.get(endpoint, half))
