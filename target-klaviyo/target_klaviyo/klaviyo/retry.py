"""How long to keep trying; one rule for all who ask.

Whatever passes (429, 5xx, timeouts, resets, the firewall) is met by waiting and sending the same
again.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.outcomes import RateLimited, Rejected, Retryable, Success

if TYPE_CHECKING:
    from target_klaviyo.klaviyo.endpoints import Endpoint
    from target_klaviyo.klaviyo.outcomes import Outcome

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
MAX_TRIES = 9  # pauses of 0.5 s doubled each time: two minutes of trouble are outlasted
MAX_TRIES_AT_FIRST = 7  # half a minute: where nothing went well yet, waiting may be in vain
MAX_TRIES_UNCONNECTED = 4  # a host never reached is more likely misspelt than down
MAX_RATE_LIMITED = 100
MAX_WAIT_SECONDS = 600.0  # Klaviyo's windows are a minute long; an hour is for another run

logger = logging.getLogger("target-klaviyo")


def pause_before(attempt: int) -> float:
    """Seconds to wait before try number `attempt` + 1."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)))


class RetryPolicy:
    """Says how long to wait before the same request goes again, or that enough is enough.

    Args:
        api_url: where the requests go.
        safe: what holds for the run when it ends for lack of patience.
        max_tries: how often a request is sent that meets trouble.
        longest_wait: seconds that all answers together may ask to wait.
    """

    def __init__(
        self,
        api_url: str,
        *,
        safe: str,
        max_tries: int = MAX_TRIES,
        longest_wait: float = math.inf,
    ) -> None:
        self._api_url = api_url
        self._safe = safe
        self._max_tries = max_tries
        self._wait_left = longest_wait
        self._connected = False
        self._met_klaviyo = False

    def record(self, outcome: Outcome) -> None:
        """Note what came of a request: once one was carried out or refused, this is Klaviyo."""
        self._met_klaviyo |= isinstance(outcome, Success | Rejected)
        self._connected |= not isinstance(outcome, Retryable)

    def backoff(self, endpoint: Endpoint, trouble: Retryable, tries: int) -> float:
        """Seconds to wait after a passing trouble, met for the `tries`-th time.

        Raises KlaviyoError when it does not pass.
        """
        self._connected |= trouble.connected
        if self._met_klaviyo:
            enough = MAX_TRIES
        else:
            enough = MAX_TRIES_AT_FIRST if self._connected else MAX_TRIES_UNCONNECTED
        max_tries = min(self._max_tries, enough)
        if tries >= max_tries:
            raise KlaviyoError(self._in_vain(endpoint, trouble, tries))
        asked = trouble.seconds or 0.0
        self._check_wait(endpoint, asked, f" ({trouble.why})")
        pause = max(asked, pause_before(tries))
        if trouble.connected:
            failed = f"A request to Klaviyo's {endpoint.name} endpoint failed"
        else:
            failed = f"Klaviyo cannot be reached at {self._api_url}"
        logger.warning(
            "%s (%s); trying again in %g s (try %d of %d).",
            failed,
            trouble.why,
            pause,
            tries + 1,
            max_tries,
        )
        return pause

    def _in_vain(self, endpoint: Endpoint, trouble: Retryable, tries: int) -> str:
        if not self._connected:
            return (
                f"Klaviyo cannot be reached at {self._api_url} ({trouble.why}); check the network "
                "and the setting 'api_url'."
            )
        failed = (
            f"Klaviyo's {endpoint.name} endpoint failed {tries} times in a row, at last with: "
            f"{trouble.why}; {self._safe}"
        )
        if self._met_klaviyo:
            return f"{failed}, so run again later."
        return (
            f"{failed}; check what answers at {self._api_url} (the setting 'api_url', a proxy in "
            "between, Klaviyo's status page), and run again."
        )

    def rate_limit_pause(
        self, endpoint: Endpoint, outcome: RateLimited, rate_limited: int
    ) -> float:
        """Seconds to wait after a 429, the `rate_limited`-th in a row.

        Raises KlaviyoError when there is no end to it.
        """
        if rate_limited >= MAX_RATE_LIMITED:
            raise KlaviyoError(
                f"Klaviyo's {endpoint.name} endpoint asked {rate_limited} times in a row to slow "
                "down; find out what else uses up the account's rate limit, and run again."
            )
        asked = outcome.seconds if outcome.seconds is not None else pause_before(rate_limited)
        self._check_wait(endpoint, asked, ", because the account's rate limit is used up")
        logger.warning("Klaviyo's %s endpoint asks to wait %g s.", endpoint.name, asked)
        return asked

    def _check_wait(self, endpoint: Endpoint, asked: float, why: str) -> None:
        """Raise KlaviyoError when so many seconds are more than is waited for."""
        self._wait_left -= asked
        if asked > MAX_WAIT_SECONDS or self._wait_left < 0:
            raise KlaviyoError(
                f"Klaviyo's {endpoint.name} endpoint asks to wait {asked:g} s{why}; {self._safe}, "
                "so run again then."
            )
