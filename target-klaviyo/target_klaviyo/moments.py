"""Moments as Klaviyo and report documents write them: ISO 8601, without a zone UTC (pure)."""

from __future__ import annotations

from datetime import datetime, timezone


def parse_moment(text: str) -> datetime:
    """The moment, with its zone.

    Raises:
        ValueError: it is none.
    """
    # Python 3.10 does not know the Z.
    moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
