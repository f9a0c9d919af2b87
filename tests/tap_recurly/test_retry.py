"""Trouble is shared: while nothing is answered, all connections together ask like one."""

from __future__ import annotations

import threading
import time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tap_recurly.config import Settings
from tap_recurly.errors import UnreachableError
from tap_recurly.http.client import RecurlyClient
from tap_recurly.http.queries import ASCENDING
from tap_recurly.http.rate_limit import ClosedError
from tap_recurly.http.retry import CircuitBreaker, CircuitOpenError, RetryPolicy
from tap_recurly.http.transport import RetryableError

if TYPE_CHECKING:
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

CONNECTIONS = 8
TRIES = 4
APART_SECONDS = 0.1
FAULT = RetryableError("status 503")


class HandClock:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now


@pytest.fixture
def clock() -> HandClock:
    """A clock at 0."""
    return HandClock()


@pytest.fixture
def breaker(clock: HandClock) -> CircuitBreaker:
    """A site that has just answered."""
    made = CircuitBreaker(RetryPolicy(max_tries=TRIES), clock)
    assert made.wait_for_permit().is_probe, "nobody knows yet whether the site answers"
    made.record_success()
    return made


def test_failure_among_answers_holds_up_nobody(breaker: CircuitBreaker) -> None:
    """While others are answered, the next request leaves at once."""
    failing, good = breaker.wait_for_permit(), breaker.wait_for_permit()
    assert breaker.record_failure(failing, FAULT, TRIES) == 1
    breaker.record_success()
    assert good == breaker.wait_for_permit(failing)


def test_failures_at_one_time_are_one(breaker: CircuitBreaker, clock: HandClock) -> None:
    """What was under way when the site went down counts once; after that every try counts."""
    under_way = [breaker.wait_for_permit() for _ in range(CONNECTIONS)]
    assert [breaker.record_failure(permit, FAULT, TRIES) for permit in under_way] == [
        1
    ] * CONNECTIONS
    clock.now += 1.5
    permit = breaker.wait_for_permit()
    assert permit.is_probe
    assert breaker.record_failure(permit, FAULT, TRIES) == 2


@pytest.mark.parametrize("wish", [0, 30])
def test_next_try_waits(breaker: CircuitBreaker, clock: HandClock, wish: float) -> None:
    """In doubt nobody leaves within a second of the last failure, nor before Recurly wishes it."""
    breaker.record_failure(
        breaker.wait_for_permit(), RetryableError("status 503", retry_after=wish), TRIES
    )
    clock.now += max(wish, 1) - 0.01
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(breaker.wait_for_permit)
        with pytest.raises(futures.TimeoutError):
            waiting.result(timeout=0.02)
        clock.now += 0.02
        assert waiting.result(timeout=30).is_probe


def test_all_give_up_together(breaker: CircuitBreaker, clock: HandClock) -> None:
    """When all tries have failed, who failed before does not go on alone; newcomers may try."""
    before = breaker.wait_for_permit()
    permit = before
    for failures in range(1, TRIES + 1):
        assert breaker.record_failure(permit, FAULT, TRIES) == failures
        clock.now += 60
        if failures < TRIES:
            permit = breaker.wait_for_permit(permit)
    with pytest.raises(CircuitOpenError, match="503"):
        breaker.wait_for_permit(before)
    assert breaker.wait_for_permit().is_probe


def test_closed_client_keeps_nobody_waiting(breaker: CircuitBreaker) -> None:
    """Whoever waits for a site that does not answer is told at once that nobody does any more."""
    permit = breaker.wait_for_permit()
    breaker.record_failure(permit, FAULT, TRIES)
    breaker.shut_down()
    with pytest.raises(ClosedError):
        breaker.wait_for_permit(permit)


@pytest.mark.parametrize(
    "answer",
    [(503, {}, b""), (0, {}, b""), (200, {}, b"<html>Log in</html>")],
    ids=["503", "reset", "HTML"],
)
@pytest.mark.parametrize("answered_before", [True, False])
@pytest.mark.parametrize("counts", [True, False])
def test_eight_connections_ask_like_one(
    site: HandmadeSite, answer: Answer, *, answered_before: bool, counts: bool
) -> None:
    """A site that fails is asked at intervals, and given up after one request's tries.

    That it still counts rows makes no difference.
    """
    site.fill("/plans", 3)
    settings = Settings.from_config({"api_key": "a-private-key", "api_url": site.url})
    retry = RetryPolicy(max_tries=TRIES, min_backoff_seconds=0, min_interval_seconds=APART_SECONDS)
    client = RecurlyClient(settings, retry=retry)
    if answered_before:
        list(client.rows("/plans", ASCENDING))
    asked: list[float] = []

    def down(method: str, *_: object) -> Answer | None:
        if method == "HEAD":
            return None
        asked.append(time.monotonic())
        return answer

    site.before = down
    at_once = threading.Barrier(CONNECTIONS)

    def read() -> None:
        if counts:
            client.count("/plans", ASCENDING)
        at_once.wait()
        with pytest.raises(UnreachableError):
            list(client.rows("/plans", ASCENDING))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(read) for _ in range(CONNECTIONS)]:
            done.result()
    client.close()
    under_way = CONNECTIONS if answered_before else 1
    # A thread that comes late, after the others have given up, tries for itself.
    assert len(asked) <= under_way + 2 * TRIES
    tries = asked[under_way:]
    seconds = max(len(tries) - 1, 0) * APART_SECONDS
    assert not tries or tries[-1] - tries[0] >= 0.8 * seconds
