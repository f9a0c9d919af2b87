"""How long to keep trying; one rule for all who ask.

Whatever passes (429, 5xx, timeouts, resets, the firewall) is met by waiting and sending the same
again.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.endpoints import Answer

if TYPE_CHECKING:
    from target_klaviyo.klaviyo.endpoints import Endpoint, NoAnswer
    from target_klaviyo.klaviyo.outcomes import RateLimited, Retryable

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
MAX_TRIES = 9  # pauses of 0.5 s doubled each time: two minutes of trouble are outlasted
MAX_TRIES_UNCONNECTED = 4  # a host never reached is more likely misspelt than down
MAX_RATE_LIMITED = 100

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
        longest_wait: seconds that all 429s together may ask to wait.
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

    def record(self, answer: Answer | NoAnswer) -> None:
        """Note that an answer came: then the address is right."""
        self._connected = self._connected or isinstance(answer, Answer)

    def backoff(self, endpoint: Endpoint, trouble: Retryable, tries: int) -> float:
        """Seconds to wait after a passing trouble, met for the `tries`-th time.

        Raises KlaviyoError when it does not pass.
        """
        unconnected = not trouble.connected and not self._connected
        if unconnected and tries >= min(MAX_TRIES_UNCONNECTED, self._max_tries):
            raise KlaviyoError(
                f"Klaviyo cannot be reached at {self._api_url} ({trouble.why}); check the network "
                "and the setting 'api_url'."
            )
        if tries >= self._max_tries:
            raise KlaviyoError(
                f"Klaviyo's {endpoint.name} endpoint failed {tries} times in a row, at last with: "
                f"{trouble.why}; {self._safe}, so run again later."
            )
        pause = pause_before(tries)
        if trouble.connected:
            logger.warning(
                "A request to Klaviyo's %s endpoint failed (%s); sending it again in %g s.",
                endpoint.name,
                trouble.why,
                pause,
            )
        else:
            logger.warning(
                "Klaviyo cannot be reached at %s (%s); trying again in %g s.",
                self._api_url,
                trouble.why,
                pause,
            )
        return pause

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
        self._wait_left -= asked
        if self._wait_left < 0:
            raise KlaviyoError(
                f"Klaviyo's {endpoint.name} endpoint asks to wait {asked:g} s, because the "
                f"account's rate limit is used up; {self._safe}, so run again then."
            )
        logger.warning("Klaviyo's %s endpoint asks to wait %g s.", endpoint.name, asked)
        return asked
