"""Months, which are not all alike."""

from __future__ import annotations

import calendar
from datetime import datetime, timezone


def day_of_month(time: int) -> int:
    """The day of the month, in UTC."""
    return datetime.fromtimestamp(time, timezone.utc).day


def months_later(time: int, months: int, day: int) -> int:
    """The same time of day on that day of a later month, or on the month's last day."""
    begin = datetime.fromtimestamp(time, timezone.utc)
    years, month = divmod(begin.month - 1 + months, 12)
    year = begin.year + years
    last = calendar.monthrange(year, month + 1)[1]
    moved = begin.replace(year=year, month=month + 1, day=min(day, last))
    return int(moved.timestamp())
