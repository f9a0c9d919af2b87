"""Asks Klaviyo, one question after the other, within its budgets, until it answers."""

from __future__ import annotations

import logging
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.documents import next_cursor
from target_klaviyo.klaviyo.endpoints import Endpoint, Reply
from target_klaviyo.klaviyo.limiter import Limiter
from target_klaviyo.klaviyo.verdicts import (
    MAX_SLOW_DOWNS,
    MAX_TRIES,
    MAX_TRIES_UNCONNECTED,
    Done,
    Refused,
    SlowDown,
    TryAgain,
    judge,
    pause_before,
    unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.klaviyo.endpoints import Call, NoReply
    from target_klaviyo.klaviyo.verdicts import Verdict

log = logging.getLogger("target-klaviyo")


class Reader:
    """Sends questions and returns documents.

    Args:
        client: sends a request.
        wait: lets seconds pass; raises RunInterrupted when a signal ends the wait.
        clock: seconds of a monotonic clock.

    Attributes:
        requests: how many were sent so far.
    """

    def __init__(
        self,
        client: Client,
        *,
        wait: Callable[[float], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._client = client
        self._wait = wait
        self._clock = clock
        self._limiters: dict[Endpoint, Limiter] = {}
        self._connected = False
        self.requests = 0

    def pages(
        self,
        question: Callable[[str | None], Call],
        following: Callable[[Any], str | None] = next_cursor,
    ) -> Iterator[Any]:
        """The documents of all pages.

        Args:
            question: the call for the page that begins at a cursor, the first at None.
            following: the next cursor, from a document.
        """
        cursor: str | None = None
        seen: set[str | None] = set()
        while cursor not in seen:
            seen.add(cursor)
            document = self.ask(question(cursor))
            yield document
            cursor = following(document)
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
                self._slow_down(call.endpoint, verdict, slow_downs)
            elif isinstance(verdict, TryAgain):
                tries += 1
                self._pause(call.endpoint, verdict, tries)
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
        limiter.answered(self._clock(), _limits(answer))
        self._connected = self._connected or isinstance(answer, Reply)
        return judge(answer, call.endpoint, wants_document=wants_document)

    def _slow_down(self, endpoint: Endpoint, verdict: SlowDown, slow_downs: int) -> None:
        if slow_downs >= MAX_SLOW_DOWNS:
            raise KlaviyoError(
                f"Klaviyo's {endpoint.name} asked {slow_downs} times in a row to slow down; find "
                "out what else uses up the account's rate limit, and run again."
            )
        asked = verdict.seconds if verdict.seconds is not None else pause_before(slow_downs)
        log.warning("Klaviyo's %s asks to wait %g s.", endpoint.name, asked)
        self._limiters[endpoint].pause(self._clock() + asked)

    def _pause(self, endpoint: Endpoint, trouble: TryAgain, tries: int) -> None:
        if not trouble.connected and not self._connected and tries >= MAX_TRIES_UNCONNECTED:
            raise unreachable(self._client.api_url, trouble.why)
        if tries >= MAX_TRIES:
            raise KlaviyoError(
                f"Klaviyo's {endpoint.name} failed {tries} times in a row, at last with: "
                f"{trouble.why}; nothing was changed, so run again later."
            )
        pause = pause_before(tries)
        log.warning(
            "Klaviyo's %s failed (%s); asking again in %g s.", endpoint.name, trouble.why, pause
        )
        self._wait(pause)


def _limits(answer: Reply | NoReply) -> Any:
    """Headers of an answer that tells limits, or by their absence that there are none.

    Klaviyo sends them with every answer but a 429 (documented); a 403 or a 5xx may come from a
    gateway before it.
    """
    if isinstance(answer, Reply) and answer.status < HTTPStatus.TOO_MANY_REQUESTS:
        return None if answer.status == HTTPStatus.FORBIDDEN else answer.headers
    return None


def _refusal(endpoint: Endpoint, verdict: Verdict) -> str:
    said = verdict.errors[0].reason if isinstance(verdict, Refused) and verdict.errors else ""
    return (
        f"Klaviyo does not answer a question to its {endpoint.name}: "
        f"{said.rstrip('.') or 'not found'}; check the setting revision, or upgrade target-klaviyo."
    )
