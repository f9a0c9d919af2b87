"""The budget against a model of Recurly's limiter, on a simulated clock."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tap_recurly.http.rate_limit import Budget, RateHeaders, Ticket

WINDOW = 300


@dataclass
class ModelLimiter:
    """Recurly's limiter: a window of five minutes, sliding by `grain` seconds.

    Of a minute's bucket the requests leave together: when the first of them is five minutes old,
    or, where it lingers, when the last is.
    """

    limit: int
    grain: int
    counted: list[float] = field(default_factory=list)
    refusals: int = 0
    lowest: int = 10**9
    says_reset: bool = True
    lingers: bool = False

    @property
    def buckets(self) -> int:
        """Buckets in the window."""
        return WINDOW // self.grain + self.lingers

    @property
    def longest(self) -> int:
        """Seconds for which a request may be counted."""
        return self.buckets * self.grain

    def remaining(self, now: float) -> int:
        """Requests left in the window that ends now."""
        if self.grain == 1:
            start = now - WINDOW
        else:
            start = (now // self.grain - self.buckets + 1) * self.grain
        self.counted = [moment for moment in self.counted if moment >= start]
        return self.limit - len(self.counted)

    def take(self, now: float) -> tuple[bool, RateHeaders]:
        """Count a request of the tap or refuse it."""
        accepted = self.remaining(now) > 0
        if accepted:
            self.counted.append(now)
        else:
            self.refusals += 1
        left = self.remaining(now)
        self.lowest = min(self.lowest, left)
        clear = now + WINDOW if self.grain == 1 else (now // 60 + self.buckets) * 60
        reset = -(-clear // 60) * 60 if self.says_reset else None  # aligned to the minute
        return accepted, RateHeaders(self.limit, left, reset, float(int(now)))


@dataclass
class Scenario:
    """How the tap runs: how long, over how many connections, and who else is there."""

    seconds: float
    connections: int
    latency: float
    start: float
    others: list[float] = field(default_factory=list)


def simulate(budget: Budget, limiter: ModelLimiter, scenario: Scenario) -> list[float]:
    """Run as many requests as the budget lets through, answers overtaking each other."""
    now = scenario.start
    connections, latency = scenario.connections, scenario.latency
    pending: list[tuple[float, int, Ticket, bool, RateHeaders]] = []
    arriving: list[tuple[float, int, Ticket]] = []
    strangers = sorted(scenario.others, reverse=True)
    sent: list[float] = []
    sequence = 0
    while now < scenario.start + scenario.seconds:
        while arriving and arriving[0][0] <= now:
            moment, number, ticket = heapq.heappop(arriving)
            accepted, headers = limiter.take(moment)
            # Odd requests are answered three times as soon as even ones.
            back = moment + latency * (0.5 if number % 2 else 1.5)
            heapq.heappush(pending, (back, number, ticket, accepted, headers))
        while pending and pending[0][0] <= now:
            _, _, ticket, accepted, headers = heapq.heappop(pending)
            (budget.succeeded if accepted else budget.throttled)(ticket, now, headers)
        while strangers and strangers[-1] <= now:
            limiter.counted.append(strangers.pop())
        delay = budget.delay(now)
        if len(arriving) + len(pending) < connections and delay == 0:
            sent.append(now)
            # Two of three overtake the third on the way there.
            there = now + latency * (0.5 if sequence % 3 else 1.0)
            heapq.heappush(arriving, (there, sequence, budget.send()))
            sequence += 1
            continue
        moments = [heap[0][0] for heap in (arriving, pending) if heap]
        moments += [strangers[-1]] if strangers else []
        if len(arriving) + len(pending) < connections and delay < inf:
            moments.append(now + delay)
        assert moments, "the tap waits for nothing"
        now = max(min(moments), now + 1e-6)
    return sent


LIMITERS = st.one_of(
    st.builds(
        ModelLimiter,
        limit=st.sampled_from([60, 100, 400, 2_000]),
        grain=st.sampled_from([1, 60]),
        says_reset=st.booleans(),
        counted=st.builds(list),
    ),
    st.builds(
        ModelLimiter,
        limit=st.sampled_from([60, 100, 400, 2_000]),
        grain=st.just(60),
        lingers=st.sampled_from([True]),
        counted=st.builds(list),
    ),
)
"""Windows of every grain, and those that linger, which only Recurly's own word can tell."""


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    scenario=st.builds(
        Scenario,
        seconds=st.just(6.0 * WINDOW),
        connections=st.integers(1, 16),
        latency=st.floats(0.01, 1.0),
        start=st.floats(1_000_000, 1_000_300),
    ),
    limiter=LIMITERS,
    quota=st.sampled_from([50, 80, 100]),
)
@example(  # The first requests leave at the minute, forty seconds before they are five minutes old.
    scenario=Scenario(4.0 * WINDOW, connections=8, latency=0.875, start=1_000_000.0),
    limiter=ModelLimiter(limit=2_000, grain=60, says_reset=False),
    quota=80,
)
@example(  # The first request leaves three seconds late, too little to tell by.
    scenario=Scenario(6.0 * WINDOW, connections=1, latency=1.0, start=1_000_257.0),
    limiter=ModelLimiter(limit=60, grain=60, lingers=True),
    quota=100,
)
def test_alone_the_tap_uses_its_share_and_no_more(
    scenario: Scenario, limiter: ModelLimiter, quota: int
) -> None:
    """Alone, the tap never meets a 429 nor the others' share, and uses 90 % of its own."""
    sent = simulate(Budget(quota), limiter, scenario)
    share = limiter.limit * quota // 100
    fastest = scenario.connections / (scenario.latency * 2.5)
    assert limiter.refusals == 0
    assert limiter.lowest >= limiter.limit - share
    assert len(sent) >= 0.9 * min(share / limiter.longest, fastest) * scenario.seconds


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(
    grain=st.sampled_from([1, 60]),
    bursts=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 400)), max_size=4),
)
def test_others_find_their_share(grain: int, bursts: list[tuple[int, int]]) -> None:
    """While others use the site too, the tap goes below their share only to ask, once a minute."""
    start = 1_000_020.0
    others = [start + moment + i * 0.01 for moment, number in bursts for i in range(number)]
    limiter = ModelLimiter(2_000, grain)
    below: list[float] = []
    take = limiter.take

    def watched(now: float) -> tuple[bool, RateHeaders]:
        accepted, headers = take(now)
        if headers.remaining is not None and headers.remaining < 400:
            below.append(now)
        return accepted, headers

    limiter.take = watched  # type: ignore[method-assign]  # (the model's own seam for watching)
    scenario = Scenario(600, connections=8, latency=0.2, start=start, others=others)
    simulate(Budget(80), limiter, scenario)
    minutes = {int(moment // 60) for moment in below}
    # What was under way when others took their part cannot be called back.
    assert len(below) <= len(minutes) * 2 + 8 * len(bursts)


@pytest.mark.parametrize("retry_after", [None, 2.0])
def test_refused_requests_do_not_spin(retry_after: float | None) -> None:
    """While every request is refused, at most one a second is sent."""
    budget = Budget(80)
    now = 0.0
    sent = 0
    while now < 120:
        delay = budget.delay(now)
        if delay:
            now += delay
            continue
        ticket = budget.send()
        sent += 1
        now += 0.001
        budget.throttled(ticket, now, RateHeaders(retry_after=retry_after))
    assert sent <= (12 if retry_after is None else 61)


def test_without_headers_nothing_is_held_back() -> None:
    """A server that says nothing about a limit is read as fast as it answers."""
    budget = Budget(80)
    for second in range(1_000):
        assert budget.delay(float(second)) == 0
        budget.succeeded(budget.send(), float(second), RateHeaders())


def test_first_request_goes_alone() -> None:
    """Until the first answer has told the budget, one request is under way."""
    budget = Budget(80)
    ticket = budget.send()
    assert budget.delay(0.0) == inf
    budget.succeeded(ticket, 0.1, RateHeaders(limit=2_000, remaining=1_999, server_time=0.0))
    assert budget.delay(0.1) == 0
