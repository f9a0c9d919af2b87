"""What of the settings concerns an audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True)
class AuditOptions:
    """What to compare, and how.

    Attributes:
        first: first day to compare, in the account's zone; None: that of the first event.
        last: last day to compare; None: today, or that of the last event.
        source_timezone: IANA name of the zone in which the source's reports count days.
        settle: how long Klaviyo may take to show an event.
        profiles: how many profiles to compare; -1 means all.
        audit_key: name of the event property by which events are known again.
        keep_payloads: keep what is needed to send rows again.
    """

    first: date | None = None
    last: date | None = None
    source_timezone: str | None = None
    settle: timedelta = timedelta(minutes=10)
    profiles: int = 5_000
    audit_key: str = "Recurly ID"
    keep_payloads: bool = False
