"""Requests that fail are sent again, after pauses that grow, and not for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.klaviyo.outcomes import Retryable
from target_klaviyo.writing.dispatcher import Dispatcher
from target_klaviyo.writing.requests import SendEvents
from target_klaviyo.writing.stats import RunStats

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """A dispatcher whose clock stands still."""
    client = Client(api_url="http://klaviyo.invalid", api_key="k", revision="r", timeout=1)
    made = Dispatcher(client, concurrency=1, stats=RunStats(10), clock=lambda: 100.0)
    yield made
    made.close()


def tries_until_given_up(dispatcher: Dispatcher, trouble: Retryable) -> tuple[int, str]:
    """How often a request is tried that meets the same trouble each time, and the error then."""
    task = SendEvents([])
    try:
        while task.tries < 100:
            dispatcher.try_again(task, trouble)
    except KlaviyoError as error:
        return task.tries, str(error)
    raise AssertionError


def test_an_address_where_nothing_answers_is_given_up_soon(dispatcher: Dispatcher) -> None:
    """A host never reached is more likely misspelt than down; the sentence names it."""
    tries, sentence = tries_until_given_up(dispatcher, Retryable("refused", connected=False))
    assert tries == 4
    assert "cannot be reached at http://klaviyo.invalid (refused)" in sentence


def test_trouble_behind_a_connection_is_outlasted_for_two_minutes(dispatcher: Dispatcher) -> None:
    """A service in trouble gets more tries before the run ends, behind its last STATE."""
    tries, sentence = tries_until_given_up(dispatcher, Retryable("HTTP status 503"))
    assert tries == 9
    assert "failed 9 times in a row, at last with: HTTP status 503" in sentence


def test_the_first_pause_is_short(dispatcher: Dispatcher) -> None:
    """Half a second after the first failure the request goes again."""
    dispatcher.try_again(SendEvents([]), Retryable("HTTP status 503"))
    assert dispatcher.next_due() == 100.5
