"""Whether this machine's clock agrees with Klaviyo's; it decides which events trigger flows."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

TOLERATED = timedelta(minutes=5)

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))

logger = logging.getLogger("target-klaviyo")


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class ClockComparison:
    """Compares the two clocks once, at the first answer that tells the time; threads share it.

    A difference is a warning and no error, since a proxy or a mock may send any date.

    Args:
        now: the machine's clock.
    """

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._made = threading.Lock()  # never released

    def note_date(self, text: str) -> None:
        """The header `Date` of an answer that has just come; empty when it has none."""
        if self._made.locked():
            return
        date = _moment(text)
        if date is None or not self._made.acquire(blocking=False):
            return
        ahead = self._now() - date
        if abs(ahead) > TOLERATED:
            logger.warning("%s", difference(ahead))


def difference(ahead: timedelta) -> str:
    """What it means that the machine's clock is so far ahead, or behind when negative (pure)."""
    if ahead > timedelta(0):
        way, events = "ahead of", "younger than 'live_window_days' says are history and trigger no"
    else:
        way, events = "behind", "older than 'live_window_days' says are news and trigger"
    return (
        f"This machine's clock is about {_roughly(abs(ahead))} {way} Klaviyo's: events that much "
        f"{events} flows, and what is judged by today's date is judged by a wrong one; set the "
        "clock, and run again."
    )


def _roughly(span: timedelta) -> str:
    seconds = span.total_seconds()
    noun, size = next(unit for unit in _UNITS if seconds >= 2 * unit[1])
    return counted(round(seconds / size), noun)


def _moment(text: str) -> datetime | None:
    """An HTTP date, in UTC where it names no zone; None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
