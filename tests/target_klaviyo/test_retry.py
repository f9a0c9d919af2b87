"""One rule, for reading and for writing, on what passes."""

from __future__ import annotations

import pytest

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.endpoints import ACCOUNTS
from target_klaviyo.klaviyo.outcomes import RateLimited, Retryable, Success
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
        f"Klaviyo cannot be reached at {URL} (Connection refused); trying again in 0.5 s "
        "(try 2 of 4)."
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
    """Once Klaviyo has done what was asked, the address is right and gets more patience."""
    retry_policy.record(Success(None))
    retry_policy.backoff(ACCOUNTS, Retryable("HTTP status 503"), 1)
    assert caplog.messages == [
        (
            "A request to Klaviyo's account endpoint failed (HTTP status 503); trying again in "
            "0.5 s (try 2 of 9)."
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


def test_where_nothing_went_well_yet_half_a_minute_is_enough(retry_policy: RetryPolicy) -> None:
    """At first contact a constant error is more likely a wrong address than a passing trouble."""
    trouble = Retryable("HTTP status 500")
    retry_policy.record(trouble)
    retry_policy.record(RateLimited(1))
    assert sum(retry_policy.backoff(ACCOUNTS, trouble, tries) for tries in range(1, 7)) == 31.5
    with pytest.raises(KlaviyoError) as told:
        retry_policy.backoff(ACCOUNTS, trouble, 7)
    assert str(told.value) == (
        "Klaviyo's account endpoint failed 7 times in a row, at last with: HTTP status 500; "
        f"nothing was changed; check what answers at {URL} (the setting 'api_url', a proxy in "
        "between, Klaviyo's status page), and run again."
    )


@pytest.mark.parametrize("seconds", [45.0, 600.0])
def test_trouble_that_asks_for_time_gets_it(retry_policy: RetryPolicy, seconds: float) -> None:
    """A 503 with Retry-After is not asked again before."""
    trouble = Retryable("HTTP status 503", seconds=seconds)
    assert retry_policy.backoff(ACCOUNTS, trouble, 1) == seconds


def test_nobody_sits_out_an_hour(retry_policy: RetryPolicy) -> None:
    """Whoever asks for more than ten minutes ends the run, with the time to come back."""
    with pytest.raises(KlaviyoError) as told:
        retry_policy.backoff(ACCOUNTS, Retryable("HTTP status 503", seconds=3600), 1)
    assert str(told.value) == (
        "Klaviyo's account endpoint asks to wait 3600 s (HTTP status 503); nothing was changed, so "
        "run again then."
    )
    with pytest.raises(KlaviyoError) as told:
        retry_policy.rate_limit_pause(ACCOUNTS, RateLimited(3600), 1)
    assert str(told.value) == (
        "Klaviyo's account endpoint asks to wait 3600 s, because the account's rate limit is used "
        "up; nothing was changed, so run again then."
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
