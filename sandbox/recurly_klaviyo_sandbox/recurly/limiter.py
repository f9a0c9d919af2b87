"""Recurly's rate limit: so many requests in a sliding window of five minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.clock import Clock

WINDOW_MINUTES = 5


class Limiter:
    """Counts requests in minute buckets; the window is the current minute and the four before.

    Documented: production sites may make 1,000 GET requests a minute and sandbox sites 400 of any
    kind, counted over five minutes, so that a burst is fine after a quiet spell.
    """

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._buckets: dict[int, int] = {}
        self.per_minute = per_minute

    @property
    def budget(self) -> int:
        """Requests per window."""
        return self.per_minute * WINDOW_MINUTES

    def admit(self, *, counts: bool = True) -> bool:
        """Whether a request may pass; if so it is counted. Refused ones are not."""
        if self._used() >= self.budget:
            return False
        if counts:
            self.spend(1)
        return True

    def spend(self, requests: int) -> None:
        """Use up budget, as the merchant's own systems do too, which share the site's limit."""
        minute = self._minute()
        self._buckets[minute] = self._buckets.get(minute, 0) + requests

    def headers(self) -> dict[str, str]:
        """The three headers: budget, what is left, and the second the window would be all clear."""
        return {
            "X-RateLimit-Limit": str(self.budget),
            "X-RateLimit-Remaining": str(max(self.budget - self._used(), 0)),
            "X-RateLimit-Reset": str((self._minute() + WINDOW_MINUTES) * 60),
        }

    def seconds_until_capacity(self) -> int:
        """How long until the oldest counted minute leaves the window."""
        self._used()
        oldest = min(self._buckets, default=self._minute())
        return max(int((oldest + WINDOW_MINUTES) * 60 - self._clock.now().timestamp()), 0) + 1

    def _minute(self) -> int:
        return int(self._clock.now().timestamp()) // 60

    def _used(self) -> int:
        begin = self._minute() - WINDOW_MINUTES
        self._buckets = {minute: n for minute, n in self._buckets.items() if minute > begin}
        return sum(self._buckets.values())
