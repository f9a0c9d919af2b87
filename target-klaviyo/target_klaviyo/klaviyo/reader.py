"""Asks Klaviyo, one question after the other, within its budgets, until it answers."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.documents import next_cursor
from target_klaviyo.klaviyo.limiter import Limiter
from target_klaviyo.klaviyo.patience import Patience, limits_told
from target_klaviyo.klaviyo.verdicts import Done, Refused, SlowDown, TryAgain, judge
from target_klaviyo.wording import discreet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.klaviyo.endpoints import Call, Endpoint
    from target_klaviyo.klaviyo.verdicts import Verdict

Item = TypeVar("Item")

_MISSHAPEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What reading a document raises whose shape is another than documented."""


class Reader:
    """Sends questions and returns documents.

    Args:
        client: sends a request.
        wait: lets seconds pass; raises RunInterrupted when a signal ends the wait.
        clock: seconds of a monotonic clock.
        patience: how long to keep trying; by default as long as a run does.

    Attributes:
        requests: how many were sent so far.
    """

    def __init__(
        self,
        client: Client,
        *,
        wait: Callable[[float], None],
        clock: Callable[[], float] = monotonic,
        patience: Patience | None = None,
    ) -> None:
        self._client = client
        self._wait = wait
        self._clock = clock
        self._limiters: dict[Endpoint, Limiter] = {}
        self._patience = patience or Patience(client.api_url, safe="nothing was changed")
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
        verdict = self.verdict(call)
        if isinstance(verdict, Done):
            return verdict.document
        raise KlaviyoError(_refusal(call.endpoint, verdict))

    def verdict(self, call: Call) -> Verdict:
        """What the answer to a question means, once troubles have passed.

        Raises:
            KlaviyoError: no question can be answered.
            RunInterrupted: a signal came while waiting.
        """
        tries = slow_downs = 0
        while True:
            verdict = self.first_verdict(call)
            if isinstance(verdict, SlowDown):
                slow_downs += 1
                asked = self._patience.after_slow_down(call.endpoint, verdict, slow_downs)
                self._limiters[call.endpoint].pause(self._clock() + asked)
            elif isinstance(verdict, TryAgain):
                tries += 1
                self._wait(self._patience.after_trouble(call.endpoint, verdict, tries))
            else:
                return verdict

    def first_verdict(self, call: Call, *, wants_document: bool = True) -> Verdict:
        """What the answer means when the question is sent once, whatever comes.

        Raises:
            KlaviyoError: no question can be answered.
            RunInterrupted: a signal came while waiting.
        """
        limiter = self._limiters.setdefault(
            call.endpoint, Limiter(call.endpoint.burst, call.endpoint.steady)
        )
        while seconds := limiter.wait(self._clock()):
            self._wait(seconds)
        self._wait(0)
        limiter.sent()
        self.requests += 1
        answer = self._client.send(call)
        limiter.answered(self._clock(), limits_told(answer))
        self._patience.hear(answer)
        return judge(answer, call.endpoint, wants_document=wants_document)


def _refusal(endpoint: Endpoint, verdict: Verdict) -> str:
    said = ""
    if isinstance(verdict, Refused) and verdict.errors:
        said = discreet(verdict.errors[0].reason[:300])
    return (
        f"Klaviyo does not answer a question to its {endpoint.name} endpoint "
        f"({said.rstrip('.') or 'not found'}); check the setting 'revision', or upgrade "
        "target-klaviyo."
    )
