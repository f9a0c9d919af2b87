"""Sends tasks under Klaviyo's budgets until each has a decisive answer.

Whatever passes (429, 5xx, timeouts, resets, the firewall) is handled here: by waiting and sending
the same again, which is safe since events carry a unique_id and imports are idempotent.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from target_klaviyo.klaviyo.endpoints import (
    BULK_EVENTS,
    BULK_PROFILES,
    IMPORT_ERRORS,
    IMPORT_JOB,
    PROFILE_IMPORT,
    Endpoint,
)
from target_klaviyo.klaviyo.limiter import Limiter
from target_klaviyo.klaviyo.patience import Patience, limits_told
from target_klaviyo.klaviyo.verdicts import SlowDown, TryAgain, Verdict, judge
from target_klaviyo.writing.pool import Pool
from target_klaviyo.writing.progress import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.klaviyo.endpoints import Answer, NoAnswer
    from target_klaviyo.writing.tally import Tally
    from target_klaviyo.writing.tasks import Task

ENDPOINTS_BY_URGENCY = (IMPORT_JOB, IMPORT_ERRORS, PROFILE_IMPORT, BULK_PROFILES, BULK_EVENTS)


class Dispatcher:
    """Queues, budgets and the pool; one thread uses it.

    Args:
        client: sends a request.
        concurrency: requests in flight at most.
        tally: counts requests.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self, client: Client, *, concurrency: int, tally: Tally, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._tally = tally
        self._clock = clock
        self._limiters = {each: Limiter(each.burst, each.steady) for each in ENDPOINTS_BY_URGENCY}
        self._ready: dict[Endpoint, deque[Task]] = {each: deque() for each in ENDPOINTS_BY_URGENCY}
        self._delayed: list[tuple[float, int, Task]] = []
        self._order = itertools.count()
        self._pool: Pool[Task, Answer | NoAnswer] = Pool(
            concurrency, lambda task: client.send(task.call())
        )
        self._patience = Patience(client.api_url, safe="nothing up to the last STATE is lost")
        self._requests: Counter[Endpoint] = Counter()

    def submit(self, task: Task) -> None:
        """Queue a task behind others of its endpoint."""
        self._ready[task.endpoint].append(task)

    def submit_first(self, task: Task) -> None:
        """Queue a task before others of its endpoint: what was sent before goes again first."""
        self._ready[task.endpoint].appendleft(task)

    def submit_later(self, task: Task, seconds: float) -> None:
        """Queue a task in a while."""
        heapq.heappush(self._delayed, (self._clock() + seconds, next(self._order), task))

    def backlog(self, endpoint: Endpoint) -> int:
        """Tasks that wait for a place or a budget."""
        return len(self._ready[endpoint])

    @property
    def in_flight(self) -> int:
        """Requests not answered yet."""
        return self._pool.busy

    @property
    def paces(self) -> dict[str, Pace]:
        """Requests so far and budgets of the endpoints in use, by name."""
        return {
            each.name: Pace(self._requests[each], self._limiters[each].per_minute)
            for each in ENDPOINTS_BY_URGENCY
            if self._requests[each]
        }

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do, now or later."""
        return not (self._pool.busy or self._delayed or any(self._ready.values()))

    def decided(self) -> Iterator[tuple[Task, Verdict]]:
        """Tasks whose answer has come and is decisive.

        Raises:
            KlaviyoError: no request of this run can succeed, or a trouble does not pass.
        """
        for task, answer in self._pool.results():
            now = self._clock()
            self._limiters[task.endpoint].answered(now, limits_told(answer))
            self._patience.hear(answer)
            verdict = judge(answer, task.endpoint, wants_document=task.wants_document)
            if isinstance(verdict, SlowDown):
                self._slow_down(task, verdict, now)
            elif isinstance(verdict, TryAgain):
                self.try_again(task, verdict)
            else:
                yield task, verdict

    def dispatch(self) -> None:
        """Send what may be sent now."""
        now = self._clock()
        while self._delayed and self._delayed[0][0] <= now:
            self.submit_first(heapq.heappop(self._delayed)[2])
        for endpoint, queue in self._ready.items():
            limiter = self._limiters[endpoint]
            while queue and self._pool.idle and not limiter.wait(now):
                limiter.sent()
                self._tally.requests += 1
                self._requests[endpoint] += 1
                self._pool.start(queue.popleft())

    def next_due(self) -> float:
        """When `dispatch` may have something to do; infinite while only an answer can tell."""
        due = self._delayed[0][0] if self._delayed else math.inf
        if self._pool.idle:
            now = self._clock()
            for endpoint, queue in self._ready.items():
                if queue:
                    due = min(due, now + self._limiters[endpoint].wait(now))
        return due

    def sleep_until(self, moment: float, source: Any = None) -> bool:
        """Sleep until then, until an answer comes, or `source` can be read (returned)."""
        seconds = None if moment == math.inf else max(0.0, moment - self._clock())
        return self._pool.sleep(seconds, source)

    def wake(self) -> None:
        """End a sleep; safe in a signal handler."""
        self._pool.wake()

    def close(self) -> None:
        """Close connections and threads; nothing may be in flight."""
        self._pool.close()
        self._client.close()

    def try_again(self, task: Task, trouble: TryAgain) -> None:
        """Send a task again after a pause, unless that has been tried often enough.

        Raises:
            KlaviyoError: the trouble does not pass.
        """
        task.tries += 1
        pause = self._patience.after_trouble(task.endpoint, trouble, task.tries)
        self._tally.resent += 1
        self.submit_later(task, pause)

    def _slow_down(self, task: Task, verdict: SlowDown, now: float) -> None:
        task.slow_downs += 1
        asked = self._patience.after_slow_down(task.endpoint, verdict, task.slow_downs)
        self._tally.slowed_down += 1
        self._limiters[task.endpoint].pause(now + asked)
        self.submit_first(task)
