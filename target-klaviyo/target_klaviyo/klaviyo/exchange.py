"""Exchanges with Klaviyo: sent under its budgets, until the answer is decisive.

`Exchange` holds the rules: when a request may go, what its answer means, how long until the same
goes again. Whoever sends keeps to them: `Api` asks one question after the other, the writer's
dispatcher has several requests in flight.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.json_api import next_cursor
from target_klaviyo.klaviyo.outcomes import (
    RateLimited,
    Rejected,
    Success,
    classify,
    limits_told,
)
from target_klaviyo.klaviyo.rate_limit import RateLimiter
from target_klaviyo.text import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.klaviyo.endpoints import Answer, Call, Endpoint, NoAnswer
    from target_klaviyo.klaviyo.outcomes import Decisive, Outcome, Retryable
    from target_klaviyo.klaviyo.retry import RetryPolicy

Item = TypeVar("Item")

_MISSHAPEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What reading a document raises that has another shape than it should."""


@dataclass
class Attempts:
    """How often one request has met a passing trouble, and how often a 429."""

    failed: int = 0
    rate_limited: int = 0


class Exchange:
    """Budgets, outcomes and retries of all requests of a run; one thread uses it.

    Attributes:
        requests: how many were sent so far, by endpoint.
    """

    def __init__(self, retry_policy: RetryPolicy, clock: Callable[[], float]) -> None:
        self._retry_policy = retry_policy
        self._clock = clock
        self._rate_limiters: dict[Endpoint, RateLimiter] = {}
        self.requests: Counter[Endpoint] = Counter()

    def delay(self, endpoint: Endpoint) -> float:
        """Seconds until a request may go; infinite while only an answer can make room."""
        return self._rate_limiter(endpoint).delay(self._clock())

    def begin(self, endpoint: Endpoint) -> None:
        """A request goes now."""
        self._rate_limiter(endpoint).record_sent()
        self.requests[endpoint] += 1

    def receive(self, endpoint: Endpoint, answer: Answer | NoAnswer) -> Outcome:
        """What an answer means; raises KlaviyoError when no request of this run can succeed."""
        outcome = classify(answer, endpoint)
        self._retry_policy.record(outcome)
        told = limits_told(answer, outcome)
        self._rate_limiter(endpoint).record_answer(self._clock(), told)
        return outcome

    def retry_delay(
        self, endpoint: Endpoint, outcome: Retryable | RateLimited, attempts: Attempts
    ) -> float:
        """Seconds until the same goes again; raises KlaviyoError when the trouble does not pass."""
        if isinstance(outcome, RateLimited):
            attempts.rate_limited += 1
            asked = self._retry_policy.rate_limit_pause(endpoint, outcome, attempts.rate_limited)
            self._rate_limiter(endpoint).pause(self._clock() + asked)
            return 0.0  # the pause is the endpoint's, for all that goes there
        attempts.failed += 1
        return self._retry_policy.backoff(endpoint, outcome, attempts.failed)

    def per_minute(self, endpoint: Endpoint) -> float:
        """The endpoint's budget, infinite when nobody counts."""
        return self._rate_limiter(endpoint).per_minute

    def _rate_limiter(self, endpoint: Endpoint) -> RateLimiter:
        found = self._rate_limiters.get(endpoint)
        if found is None:
            found = self._rate_limiters[endpoint] = RateLimiter(endpoint.burst, endpoint.steady)
        return found


class Api:
    """Asks Klaviyo, one question after the other.

    Whatever it is asked raises KlaviyoError when Klaviyo cannot be reached, refuses the question or
    answers otherwise than its reference says, and RunInterrupted when a signal comes while waiting.

    Args:
        client: sends a request.
        wait: lets seconds pass; raises RunInterrupted when a signal ends the wait.
        clock: seconds of a monotonic clock.
        retry_policy: how long to keep trying.
    """

    def __init__(
        self,
        client: Client,
        *,
        wait: Callable[[float], None],
        clock: Callable[[], float] = monotonic,
        retry_policy: RetryPolicy,
    ) -> None:
        self._client = client
        self._wait = wait
        self._exchange = Exchange(retry_policy, clock)

    @property
    def requests(self) -> int:
        """How many were sent so far."""
        return self._exchange.requests.total()

    def pages(
        self,
        question: Callable[[str | None], Call],
        read: Callable[[Any], Iterable[Item]],
    ) -> Iterator[Item]:
        """What stands on all pages.

        Args:
            question: the call for the page that begins at a cursor, the first at None.
            read: reads a document.
        """
        cursor: str | None = None
        seen: set[str | None] = set()
        while cursor not in seen:
            seen.add(cursor)
            call = question(cursor)
            document = self.ask(call)
            try:
                found, cursor = list(read(document)), next_cursor(document)
            except _MISSHAPEN as error:
                raise KlaviyoError(
                    f"What Klaviyo's {call.endpoint.name} endpoint answers cannot be read "
                    f"({type(error).__name__}); check the setting 'revision', or upgrade "
                    "target-klaviyo."
                ) from error
            yield from found
            if cursor is None:
                return

    def ask(self, call: Call) -> Any:
        """The document that answers a question."""
        outcome = self.outcome(call)
        if isinstance(outcome, Success):
            return outcome.document
        raise KlaviyoError(_refusal(call.endpoint, outcome))

    def outcome(self, call: Call) -> Decisive:
        """What the answer to a question means, once troubles have passed."""
        attempts = Attempts()
        while True:
            outcome = self.first_outcome(call)
            if isinstance(outcome, Success | Rejected):
                return outcome
            self._wait(self._exchange.retry_delay(call.endpoint, outcome, attempts))

    def first_outcome(self, call: Call) -> Outcome:
        """What the answer means when the question is sent once, whatever comes."""
        while seconds := self._exchange.delay(call.endpoint):
            self._wait(seconds)
        self._wait(0)
        self._exchange.begin(call.endpoint)
        return self._exchange.receive(call.endpoint, self._client.send(call))


def _refusal(endpoint: Endpoint, rejection: Rejected) -> str:
    said = redact(rejection.errors[0].reason[:300]).rstrip(".")
    return (
        f"Klaviyo does not answer a question to its {endpoint.name} endpoint ({said}); check the "
        "setting 'revision', or upgrade target-klaviyo."
    )
