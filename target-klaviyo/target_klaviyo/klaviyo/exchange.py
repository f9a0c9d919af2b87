"""Asks Klaviyo, one question after the other, within its budgets, until it answers."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.json_api import next_cursor
from target_klaviyo.klaviyo.outcomes import RateLimited, Rejected, Retryable, Success, classify
from target_klaviyo.klaviyo.rate_limit import RateLimiter
from target_klaviyo.klaviyo.retry import RetryPolicy, limits_told
from target_klaviyo.text import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.klaviyo.endpoints import Call, Endpoint
    from target_klaviyo.klaviyo.outcomes import Outcome

Item = TypeVar("Item")

_MISSHAPEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What reading a document raises whose shape is another than documented."""


class Api:
    """Sends questions and returns documents.

    Args:
        client: sends a request.
        wait: lets seconds pass; raises RunInterrupted when a signal ends the wait.
        clock: seconds of a monotonic clock.
        retry_policy: how long to keep trying; by default as long as a run does.

    Attributes:
        requests: how many were sent so far.
    """

    def __init__(
        self,
        client: Client,
        *,
        wait: Callable[[float], None],
        clock: Callable[[], float] = monotonic,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._client = client
        self._wait = wait
        self._clock = clock
        self._rate_limiters: dict[Endpoint, RateLimiter] = {}
        self._retry_policy = retry_policy or RetryPolicy(client.api_url, safe="nothing was changed")
        self.requests = 0

    def pages(
        self,
        question: Callable[[str | None], Call],
        read: Callable[[Any], Iterable[Item]],
        following: Callable[[Any], str | None] = next_cursor,
    ) -> Iterator[Item]:
        """What stands on all pages.

        Args:
            question: the call for the page that begins at a cursor, the first at None.
            read: reads a document.
            following: the next cursor, from a document.

        Raises:
            KlaviyoError: Klaviyo cannot be reached, refuses the question, or answers otherwise
                than its reference says.
            RunInterrupted: a signal came while waiting.
        """
        cursor: str | None = None
        seen: set[str | None] = set()
        while cursor not in seen:
            seen.add(cursor)
            call = question(cursor)
            document = self.ask(call)
            try:
                found, cursor = list(read(document)), following(document)
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
        """The document that answers a question.

        Raises:
            KlaviyoError: Klaviyo cannot be reached, or refuses the question.
            RunInterrupted: a signal came while waiting.
        """
        outcome = self.outcome(call)
        if isinstance(outcome, Success):
            return outcome.document
        raise KlaviyoError(_refusal(call.endpoint, outcome))

    def outcome(self, call: Call) -> Outcome:
        """What the answer to a question means, once troubles have passed.

        Raises:
            KlaviyoError: no question can be answered.
            RunInterrupted: a signal came while waiting.
        """
        tries = rate_limited = 0
        while True:
            outcome = self.first_outcome(call)
            if isinstance(outcome, RateLimited):
                rate_limited += 1
                asked = self._retry_policy.rate_limit_pause(call.endpoint, outcome, rate_limited)
                self._rate_limiters[call.endpoint].pause(self._clock() + asked)
            elif isinstance(outcome, Retryable):
                tries += 1
                self._wait(self._retry_policy.backoff(call.endpoint, outcome, tries))
            else:
                return outcome

    def first_outcome(self, call: Call, *, wants_document: bool = True) -> Outcome:
        """What the answer means when the question is sent once, whatever comes.

        Raises:
            KlaviyoError: no question can be answered.
            RunInterrupted: a signal came while waiting.
        """
        rate_limiter = self._rate_limiters.setdefault(
            call.endpoint, RateLimiter(call.endpoint.burst, call.endpoint.steady)
        )
        while seconds := rate_limiter.delay(self._clock()):
            self._wait(seconds)
        self._wait(0)
        rate_limiter.record_sent()
        self.requests += 1
        answer = self._client.send(call)
        rate_limiter.record_answer(self._clock(), limits_told(answer))
        self._retry_policy.record(answer)
        return classify(answer, call.endpoint, wants_document=wants_document)


def _refusal(endpoint: Endpoint, outcome: Outcome) -> str:
    said = ""
    if isinstance(outcome, Rejected) and outcome.errors:
        said = redact(outcome.errors[0].reason[:300])
    return (
        f"Klaviyo does not answer a question to its {endpoint.name} endpoint "
        f"({said.rstrip('.') or 'not found'}); check the setting 'revision', or upgrade "
        "target-klaviyo."
    )
