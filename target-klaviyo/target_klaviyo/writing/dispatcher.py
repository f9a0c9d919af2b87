"""Sends the writer's requests, several at a time, until each has a decisive answer.

Sending the same again is safe, since events carry a unique_id and imports are idempotent.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter, deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from target_klaviyo.klaviyo.endpoints import (
    BULK_EVENTS,
    BULK_PROFILES,
    IMPORT_ERRORS,
    IMPORT_JOB,
    PROFILE_IMPORT,
    PROFILE_MERGE,
    PROFILE_UPDATE,
    PROFILES,
    Endpoint,
)
from target_klaviyo.klaviyo.exchange import Exchange
from target_klaviyo.klaviyo.outcomes import RateLimited, Rejected, Success
from target_klaviyo.klaviyo.retry import RetryPolicy
from target_klaviyo.writing.pool import Pool
from target_klaviyo.writing.stats import RequestRate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.klaviyo.outcomes import Decisive
    from target_klaviyo.writing.pool import Request
    from target_klaviyo.writing.stats import RunStats

ENDPOINTS_BY_URGENCY = (
    IMPORT_JOB,
    IMPORT_ERRORS,
    PROFILE_MERGE,
    PROFILE_UPDATE,
    PROFILE_IMPORT,
    BULK_PROFILES,
    PROFILES,
    BULK_EVENTS,
)


class Dispatcher:
    """Queues and the pool of `concurrency` threads; one thread uses it.

    Attributes:
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        client: Client,
        *,
        concurrency: int,
        stats: RunStats,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._client = client
        self._stats = stats
        self.clock = clock
        policy = RetryPolicy(client.api_url, safe="nothing up to the last STATE is lost")
        self._exchange = Exchange(policy, clock)
        self._ready: dict[Endpoint, deque[Request]] = {
            each: deque() for each in ENDPOINTS_BY_URGENCY
        }
        self._delayed: list[tuple[float, int, Request]] = []
        self._order = itertools.count()
        self._in_flight: Counter[Endpoint] = Counter()
        self._pool = Pool(concurrency, lambda request: client.send(request.call()))

    def submit(self, request: Request) -> None:
        """Queue a request behind others of its endpoint."""
        self._ready[request.endpoint].append(request)

    def submit_first(self, request: Request) -> None:
        """Queue a request before others of its endpoint: what was sent before goes again first."""
        self._ready[request.endpoint].appendleft(request)

    def submit_later(self, request: Request, seconds: float) -> None:
        """Queue a request in a while."""
        heapq.heappush(self._delayed, (self.clock() + seconds, next(self._order), request))

    def backlog(self, endpoint: Endpoint) -> int:
        """Requests that wait for a place or a budget."""
        return len(self._ready[endpoint])

    def under_way(self, endpoint: Endpoint) -> int:
        """Requests that wait for a place or a budget, or for their answer."""
        return self.backlog(endpoint) + self._in_flight[endpoint]

    @property
    def in_flight(self) -> int:
        """Requests not answered yet."""
        return self._pool.busy

    @property
    def request_rates(self) -> dict[str, RequestRate]:
        """Requests so far and budgets of the endpoints in use, by name."""
        return {
            endpoint.name: RequestRate(sent, self._exchange.per_minute(endpoint))
            for endpoint, sent in self._exchange.requests.items()
        }

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do, now or later."""
        return not (self._pool.busy or self._delayed or any(self._ready.values()))

    def outcomes(self) -> Iterator[tuple[Request, Decisive]]:
        """Requests whose answer has come and is decisive; others are queued to be sent again.

        Raises KlaviyoError when no request of this run can succeed, or a trouble does not pass.
        """
        for request, answer in self._pool.results():
            self._in_flight[request.endpoint] -= 1
            outcome = self._exchange.receive(request.endpoint, answer)
            if isinstance(outcome, Success | Rejected):
                yield request, outcome
                continue
            pause = self._exchange.retry_delay(request.endpoint, outcome, request.attempts)
            if isinstance(outcome, RateLimited):
                self._stats.rate_limited += 1
            else:
                self._stats.resent += 1
            self.submit_later(request, pause)

    def dispatch(self) -> None:
        """Send what may be sent now."""
        now = self.clock()
        while self._delayed and self._delayed[0][0] <= now:
            self.submit_first(heapq.heappop(self._delayed)[2])
        for endpoint, queue in self._ready.items():
            while queue and self._has_place(endpoint) and not self._exchange.delay(endpoint):
                self._exchange.begin(endpoint)
                self._in_flight[endpoint] += 1
                self._stats.requests += 1
                self._pool.start(queue.popleft())

    def next_due(self) -> float:
        """When `dispatch` may have something to do; infinite while only an answer can tell."""
        due = self._delayed[0][0] if self._delayed else math.inf
        if self._pool.free:
            delays = [
                self._exchange.delay(each)
                for each, queue in self._ready.items()
                if queue and self._has_place(each)
            ]
            due = min(due, self.clock() + min(delays, default=math.inf))
        return due

    def _has_place(self, endpoint: Endpoint) -> bool:
        """Whether a thread is free for it; look-ups, which are many, always leave one to others."""
        others_need_one = endpoint is PROFILES and self._pool.size > 1
        if others_need_one and self._in_flight[PROFILES] >= self._pool.size - 1:
            return False
        return self._pool.free > 0

    def sleep_until(self, due: float, source: Any = None) -> bool:
        """Sleep until then, until an answer comes, or `source` can be read (returned)."""
        seconds = None if due == math.inf else max(0.0, due - self.clock())
        return self._pool.sleep(seconds, source)

    def wake(self) -> None:
        """End a sleep; safe in a signal handler."""
        self._pool.wake()

    def close(self) -> None:
        """Close connections and threads; nothing may be in flight."""
        self._pool.close()
        self._client.close()
