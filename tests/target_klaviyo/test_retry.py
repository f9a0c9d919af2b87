"""One rule, for reading and for writing, on what passes."""

from __future__ import annotations

import pytest

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.endpoints import ACCOUNTS, Answer
from target_klaviyo.klaviyo.outcomes import RateLimited, Retryable
from target_klaviyo.klaviyo.retry import RetryPolicy

URL = "http://127.0.0.1:9"


@pytest.fixture
def retry_policy() -> RetryPolicy:
    """Of somebody who only reads."""
    return RetryPolicy(URL, safe="nothing was changed")


def test_an_address_never_reached_is_named(
    retry_policy: RetryPolicy, caplog: pytest.LogCaptureFixture
) -> None:
    """Not the endpoint has failed then: the sentence says what cannot be reached, and where."""
    trouble = Retryable("Connection refused", connected=False)
    assert [retry_policy.backoff(ACCOUNTS, trouble, tries) for tries in (1, 2, 3)] == [0.5, 1, 2]
    assert caplog.messages[0] == (
        f"Klaviyo cannot be reached at {URL} (Connection refused); trying again in 0.5 s."
    )
    with pytest.raises(KlaviyoError) as told:
        retry_policy.backoff(ACCOUNTS, trouble, 4)
    assert str(told.value) == (
        f"Klaviyo cannot be reached at {URL} (Connection refused); check the network and the "
        "setting 'api_url'."
    )


def test_trouble_behind_a_connection_names_the_endpoint(
    retry_policy: RetryPolicy, caplog: pytest.LogCaptureFixture
) -> None:
    """Once Klaviyo has answered, the address is right and gets more patience."""
    retry_policy.record(Answer(503, {}, b""))
    retry_policy.backoff(ACCOUNTS, Retryable("HTTP status 503"), 1)
    assert caplog.messages == [
        (
            "A request to Klaviyo's account endpoint failed (HTTP status 503); sending it again in "
            "0.5 s."
        )
    ]
    refused = Retryable("Connection refused", connected=False)
    assert retry_policy.backoff(ACCOUNTS, refused, 8) == 60
    with pytest.raises(KlaviyoError) as told:
        retry_policy.backoff(ACCOUNTS, Retryable("HTTP status 503"), 9)
    assert str(told.value) == (
        "Klaviyo's account endpoint failed 9 times in a row, at last with: HTTP status 503; "
        "nothing was changed, so run again later."
    )


def test_slow_downs_have_an_end(retry_policy: RetryPolicy) -> None:
    """Retry-After is waited for, a missing one guessed, and not for ever."""
    assert retry_policy.rate_limit_pause(ACCOUNTS, RateLimited(7), 1) == 7
    pauses = [retry_policy.rate_limit_pause(ACCOUNTS, RateLimited(None), n) for n in range(1, 12)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    with pytest.raises(KlaviyoError, match="100 times in a row to slow down"):
        retry_policy.rate_limit_pause(ACCOUNTS, RateLimited(7), 100)


def test_who_has_little_patience_says_so_soon() -> None:
    """Somebody who waits for a check is told after few tries, and not made to sit out a 429."""
    hasty = RetryPolicy(URL, safe="nothing was changed", max_tries=3, longest_wait=5)
    assert [hasty.backoff(ACCOUNTS, Retryable("x"), tries) for tries in (1, 2)] == [0.5, 1]
    with pytest.raises(KlaviyoError, match="failed 3 times in a row"):
        hasty.backoff(ACCOUNTS, Retryable("x"), 3)
    assert hasty.rate_limit_pause(ACCOUNTS, RateLimited(4), 1) == 4
    with pytest.raises(KlaviyoError, match="asks to wait 4 s, because the account's rate limit"):
        hasty.rate_limit_pause(ACCOUNTS, RateLimited(4), 2)
