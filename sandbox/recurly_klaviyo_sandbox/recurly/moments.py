"""Times and amounts as Recurly writes them: whole seconds in UTC, JSON numbers."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import lru_cache

_DAY = 86_400


def to_micros(moment: datetime | str | int) -> int:
    """Epoch microseconds of a moment, of an ISO 8601 text (no zone: UTC), or as they are."""
    if isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        moment = parse(moment)
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000 + moment.microsecond


def parse(text: str) -> datetime:
    """A moment from ISO 8601.

    Raises:
        ValueError: When the text is none.
    """
    moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def shown(epoch: int | None) -> str | None:
    """An epoch second as Recurly writes it."""
    if epoch is None:
        return None
    day, second = divmod(epoch, _DAY)
    hour, second = divmod(second, 3600)
    minute, second = divmod(second, 60)
    return f"{_date(day)}T{hour:02}:{minute:02}:{second:02}Z"


def money(cents: int) -> float:
    """Cents as the JSON number Recurly sends."""
    return cents / 100


@lru_cache(maxsize=10_000)
def _date(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * _DAY))
