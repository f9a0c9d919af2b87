"""Pacing: no window of Klaviyo's is ever overdrawn, and hardly a request is left unused."""

from __future__ import annotations

import heapq
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_klaviyo.klaviyo.rate_limit import RateLimiter

BURST, STEADY = 10, 150


class FixedWindows:
    """Klaviyo's side: two fixed windows that begin at moments of their own.

    `tells` are the windows that its answers speak of, in turn.
    """

    def __init__(self, phase: float, tells: tuple[int, ...] = (60,)) -> None:
        self._phase = phase
        self._used: dict[tuple[int, int], int] = {}
        self._tells = itertools.cycle(tells)

    def arrive(self, now: float) -> dict[str, str] | None:
        """Headers of the answer, None for a 429."""
        full = False
        for length, limit in ((1, BURST), (60, STEADY)):
            window = (length, int((now + self._phase) // length))
            self._used[window] = self._used.get(window, 0) + 1
            full = full or self._used[window] > limit
        if full:
            return None
        length = next(self._tells)
        limit = {1: BURST, 60: STEADY}[length]
        number = int((now + self._phase) // length)
        return {
            "RateLimit-Limit": f"{limit}, {BURST};w=1, {STEADY};w=60",
            "RateLimit-Remaining": str(limit - self._used[length, number]),
            "RateLimit-Reset": str(math.floor((number + 1) * length - self._phase - now)),
        }


def simulate(
    rate_limiter: RateLimiter,
    server: FixedWindows,
    seconds: float,
    latencies: list[tuple[float, float]],
) -> int:
    """Requests answered in that time by four workers; a 429 is an error.

    A latency is (way there, way back).
    """
    now, sent, answered, in_flight = 0.0, 0, 0, 0
    arrivals: list[tuple[float, int, float]] = []
    answers: list[tuple[float, int, dict[str, str]]] = []
    while now < seconds:
        while in_flight < 4 and not rate_limiter.delay(now):
            rate_limiter.record_sent()
            there, back = latencies[sent % len(latencies)]
            heapq.heappush(arrivals, (now + there, sent, back))
            sent += 1
            in_flight += 1
        moments = [queue[0][0] for queue in (arrivals, answers) if queue]
        if in_flight < 4:
            moments.append(now + max(rate_limiter.delay(now), 1e-6))
        now = min(moments)
        while arrivals and arrivals[0][0] <= now:
            moment, number, back = heapq.heappop(arrivals)
            headers = server.arrive(moment)
            assert headers is not None, "Klaviyo answered 429"
            heapq.heappush(answers, (moment + back, number, headers))
        while answers and answers[0][0] <= now:
            rate_limiter.record_answer(now, heapq.heappop(answers)[2])
            in_flight -= 1
            answered += 1
    return answered


@settings(max_examples=30, deadline=None)
@given(
    phase=st.floats(0, 60),
    latencies=st.lists(st.tuples(st.floats(0.001, 2), st.floats(0.001, 2)), min_size=1, max_size=9),
    tells=st.sampled_from([(1,), (60,), (1, 60), (60, 1, 1)]),
)
def test_klaviyo_is_never_made_to_refuse(
    phase: float, latencies: list[tuple[float, float]], tells: tuple[int, ...]
) -> None:
    """Wherever the windows begin, whichever is told of, however latencies vary: never a 429."""
    simulate(RateLimiter(BURST, STEADY), FixedWindows(phase, tells), 200, latencies)


@pytest.mark.parametrize("tells", [(1,), (60,), (1, 60)], ids=["burst", "steady", "in turn"])
@pytest.mark.parametrize("phase", [0.0, 0.3, 17.0, 44.4, 59.9])
def test_the_budget_is_used(phase: float, tells: tuple[int, ...]) -> None:
    """At 300 ms latency at least 95 % of 150 requests a minute are answered, sustained."""
    server = FixedWindows(phase, tells)
    answered = simulate(RateLimiter(BURST, STEADY), server, 600, [(0.15, 0.15)])
    assert answered >= 0.95 * 150 * 10


def told(limit: int, remaining: int, reset: int) -> dict[str, str]:
    """Headers that speak of the window of that limit."""
    return {
        "RateLimit-Limit": f"{limit}, {BURST};w=1, {STEADY};w=60",
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": str(reset),
    }


def test_what_is_left_of_one_window_is_never_held_against_the_other() -> None:
    """An answer about the burst window neither opens nor closes the steady one, and vice versa."""
    rate_limiter = RateLimiter(BURST, STEADY)
    for headers in (told(STEADY, 0, 30), told(BURST, 9, 0), told(BURST, 0, 0)):
        rate_limiter.record_sent()
        rate_limiter.record_answer(100.0, headers)
        assert 30 <= rate_limiter.delay(100.0) <= 31
    another = RateLimiter(BURST, STEADY)
    for headers in (told(BURST, 0, 0), told(STEADY, 100, 59)):
        another.record_sent()
        another.record_answer(100.0, headers)
        assert 0 < another.delay(100.0) <= 1


def test_of_windows_with_one_limit_the_reset_tells_which_is_meant() -> None:
    """A reset of half a minute cannot be that of a second."""
    rate_limiter = RateLimiter(3, 3)
    headers = {"RateLimit-Limit": "3, 3;w=1, 3;w=60", "RateLimit-Remaining": "0"}
    rate_limiter.record_sent()
    rate_limiter.record_answer(100.0, {**headers, "RateLimit-Reset": "30"})
    assert 30 <= rate_limiter.delay(100.0) <= 31


def test_what_others_use_is_left_to_them() -> None:
    """When the headers say that nothing remains, nothing goes until the window is over."""
    rate_limiter = RateLimiter(BURST, STEADY)
    rate_limiter.record_sent()
    rate_limiter.record_answer(
        100.0,
        {
            "RateLimit-Limit": "150, 10;w=1, 150;w=60",
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": "30",
        },
    )
    assert 30 <= rate_limiter.delay(100.0) <= 31
    assert rate_limiter.delay(131.1) == 0


def test_retry_after_is_obeyed_to_the_second() -> None:
    """After a 429 nothing goes before its time, and something goes right at it."""
    rate_limiter = RateLimiter(BURST, STEADY)
    rate_limiter.record_sent()
    rate_limiter.record_answer(5.0, None)
    rate_limiter.pause(5.0 + 7)
    assert rate_limiter.delay(11.9) == pytest.approx(0.1)
    assert rate_limiter.delay(12.0) == 0


def test_without_limits_in_the_headers_there_are_none_until_a_refusal() -> None:
    """Who tells no limits has none; once it has refused, the documented ones are kept."""
    rate_limiter = RateLimiter(BURST, STEADY)
    for _ in range(1000):
        rate_limiter.record_sent()
        rate_limiter.record_answer(0.0, {})
        assert rate_limiter.delay(0.0) == 0
    rate_limiter.record_sent()
    rate_limiter.record_answer(1.0, None)
    rate_limiter.pause(2.0)
    assert 58 <= rate_limiter.delay(2.0) <= 59
    for _ in range(BURST):
        assert rate_limiter.delay(62.0) == 0
        rate_limiter.record_sent()
        rate_limiter.record_answer(62.0, {})
    assert rate_limiter.delay(62.0) > 0


def test_limits_that_are_told_replace_the_documented_ones() -> None:
    """Other limits than the documented ones are taken at their word, until others are told."""
    rate_limiter = RateLimiter(1, 15)
    rate_limiter.record_sent()
    rate_limiter.record_answer(0.0, {"RateLimit-Limit": "1000000, 1000000;w=1, 60000000;w=60"})
    for _ in range(1000):
        rate_limiter.record_sent()
        rate_limiter.record_answer(0.0, None)
        assert rate_limiter.delay(0.0) == 0
    rate_limiter.record_sent()
    rate_limiter.record_answer(0.0, {"RateLimit-Limit": "3, 3;w=1, 60;w=60"})
    assert rate_limiter.per_minute == 60
    assert rate_limiter.delay(0.0) > 0


@pytest.mark.parametrize(
    "limits", ["", "10", "0;w=1", "x;w=60", "9" * 5000 + ";w=60", "7;w=" + "9" * 99]
)
def test_limits_that_cannot_be_read_stop_nothing(limits: str) -> None:
    """Whatever stands in the header, a request goes in time."""
    rate_limiter = RateLimiter(BURST, STEADY)
    rate_limiter.record_sent()
    rate_limiter.record_answer(0.0, {"RateLimit-Limit": limits})
    assert rate_limiter.delay(0.0) <= 61


def test_no_reset_is_waited_for_longer_than_its_window() -> None:
    """RateLimit-Reset is of the steady window: a date in its place is not waited for."""
    rate_limiter = RateLimiter(BURST, STEADY)
    rate_limiter.record_sent()
    rate_limiter.record_answer(0.0, {"RateLimit-Remaining": "0", "RateLimit-Reset": "1789000000"})
    assert rate_limiter.delay(0.0) <= 61
