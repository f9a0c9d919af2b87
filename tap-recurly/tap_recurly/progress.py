"""What a long read says of itself every few seconds (pure; the clock is passed in)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_SECONDS = 5.0
MINUTE = 60
HOUR = 3600


class RequestRate(NamedTuple):
    """Requests sent so far, and how many a minute the budget allows; None when it is unknown."""

    requests: int
    per_minute: int | None


class Progress:
    """Reports on one list, every few seconds and not more, by any clock that tells seconds."""

    def __init__(self, what: str, pace: Callable[[], RequestRate], now: float) -> None:
        self._what = what
        self._pace = pace
        self._first: float | None = None
        self._reported = now
        self._requests = pace().requests

    def report(self, now: float, done: int, total: int | None) -> str | None:
        """A sentence when one is due: rows done, requests a minute, time left.

        To be called with every row: the time left is that which the rows took since the first.
        """
        if self._first is None:
            self._first = now
        if now - self._reported < INTERVAL_SECONDS:
            return None
        pace = self._pace()
        per_minute = (pace.requests - self._requests) * MINUTE / (now - self._reported)
        self._requests = pace.requests
        self._reported = now
        budget = "" if pace.per_minute is None else f" of {pace.per_minute:,} allowed"
        return (
            f"{self._what} {_done(done, total)}, {per_minute:,.0f} requests a minute{budget}"
            f"{_left(now - self._first, done, total)}."
        )


def _done(done: int, total: int | None) -> str:
    if total is None or total < done:
        return f"{done:,}"
    return f"{done:,} of {total:,} ({100 * done // total} %)"


def _left(elapsed: float, done: int, total: int | None) -> str:
    """An estimate by the pace so far."""
    if total is None or total < done or elapsed < INTERVAL_SECONDS:
        return ""
    seconds = elapsed * (total - done) / done
    if seconds < MINUTE:
        return f", about {seconds:.0f} s left"
    if seconds < HOUR:
        return f", about {seconds / MINUTE:.0f} min left"
    return f", about {seconds / HOUR:.1f} h left"
