"""Requests that fail are sent again, after pauses that grow, and not for ever."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.klaviyo.endpoints import Answer, NoAnswer
from target_klaviyo.writing.dispatcher import Dispatcher
from target_klaviyo.writing.event_sink import SendEvents
from target_klaviyo.writing.stats import RunStats

if TYPE_CHECKING:
    from target_klaviyo.klaviyo.endpoints import Call


class FailingClient(Client):
    """A client whose every request comes to the same end; the answer comes at once.

    The first `taken` requests are taken, as Klaviyo would.
    """

    def __init__(self, answer: Answer | NoAnswer, taken: int) -> None:
        super().__init__(api_url="http://klaviyo.invalid", api_key="k", revision="r", timeout=1)
        self._answer = answer
        self._taken = taken
        self.calls = -taken

    def send(self, call: Call) -> Answer | NoAnswer:  # noqa: ARG002  (whatever is sent)
        """Fail."""
        self.calls += 1
        return self._answer if self.calls > 0 else Answer(202, {}, b"")


@dataclass
class Ended:
    """How a request ended that nothing helps."""

    calls: int
    pauses: list[float]
    sentence: str


def send_in_vain(answer: Answer | NoAnswer, taken: int = 0) -> Ended:
    """Send one request until the dispatcher gives up, on a clock that jumps to what is due."""
    now, pauses = 100.0, []
    client = FailingClient(answer, taken)
    stats = RunStats(10, Path("rejects"))
    dispatcher = Dispatcher(client, concurrency=1, stats=stats, clock=lambda: now)
    for _ in range(taken + 1):
        dispatcher.submit(SendEvents([]))
    sentence = ""
    while not sentence:
        dispatcher.dispatch()
        if dispatcher.in_flight:
            dispatcher.sleep_until(now + 30)
            try:
                list(dispatcher.outcomes())
            except KlaviyoError as error:
                sentence = str(error)
        else:
            pauses.append(dispatcher.next_due() - now)
            now = dispatcher.next_due()
    dispatcher.close()
    return Ended(client.calls, pauses, sentence)


def test_an_address_where_nothing_answers_is_given_up_soon() -> None:
    """A host never reached is more likely misspelt than down; the sentence names it."""
    ended = send_in_vain(NoAnswer("refused", connected=False))
    assert ended.calls == 4
    assert "cannot be reached at http://klaviyo.invalid (refused)" in ended.sentence


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(503, {}, b""), "HTTP status 503"),
        (Answer(200, {}, b"<html>"), "an answer that is not Klaviyo's (HTTP status 200, no"),
    ],
)
def test_trouble_behind_a_connection_is_outlasted_for_two_minutes(
    answer: Answer, said: str
) -> None:
    """A service in trouble gets more tries before the run ends, behind its last STATE."""
    ended = send_in_vain(answer, taken=1)
    assert ended.calls == 9
    assert sum(ended.pauses) == pytest.approx(123.5, abs=2)
    assert ended.pauses[0] == 0.5
    assert f"failed 9 times in a row, at last with: {said}" in ended.sentence


def test_trouble_at_first_contact_is_given_up_after_half_a_minute() -> None:
    """Where nothing has been taken yet, whoever waits is told what to look at."""
    ended = send_in_vain(Answer(500, {}, b""))
    assert ended.calls == 7
    assert sum(ended.pauses) == pytest.approx(31.5, abs=2)
    assert "HTTP status 500; nothing up to the last STATE is lost; check what" in ended.sentence


def test_a_retry_after_of_nothing_is_answered_with_growing_pauses() -> None:
    """Klaviyo that answers 429 with Retry-After: 0 for ten minutes does not end the run."""
    ended = send_in_vain(Answer(429, {"Retry-After": "0"}, b""))
    assert ended.calls == 100
    assert sum(ended.pauses) > 3600
    assert "asked 100 times in a row to slow down" in ended.sentence
