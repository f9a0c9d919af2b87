"""Moments as Recurly and the bookmarks write them: whole seconds, UTC (pure)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

SECOND = timedelta(seconds=1)

BEGINNING = datetime.min.replace(tzinfo=timezone.utc)
"""Nothing lies before."""

SECONDS_SHOWN = len("2024-01-31T23:59:59")


def parse_time(text: str) -> datetime:
    """A moment from an ISO 8601 text in whole seconds, UTC when it names no zone, as in Recurly.

    Raises:
        ValueError: If the text is none.
    """
    moment = datetime.fromisoformat(_without_fraction(text).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    try:
        return moment.astimezone(timezone.utc).replace(microsecond=0)
    except OverflowError as fault:
        raise ValueError(f"{text} lies outside of the years 1 to 9999 in UTC") from fault


def _without_fraction(text: str) -> str:
    """The same time in whole seconds; Python 3.10 reads fractions of 3 or 6 digits only."""
    whole, dot, fraction = text.partition(".")
    return whole + fraction.lstrip("0123456789") if dot else text


def time_or_none(value: Any) -> datetime | None:
    """A moment from what should be an ISO 8601 text, None when it is something else."""
    try:
        return parse_time(value) if isinstance(value, str) else None
    except ValueError:
        return None


def format_time(moment: datetime) -> str:
    """A moment as Recurly and the bookmarks write it: `2024-01-31T23:59:59Z`."""
    shown = moment.astimezone(timezone.utc).isoformat(timespec="seconds")
    return shown.replace("+00:00", "Z")
