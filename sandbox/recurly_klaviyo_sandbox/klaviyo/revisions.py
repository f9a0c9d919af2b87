"""API revisions: stable a year, deprecated the next, retired after two (documented)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from recurly_klaviyo_sandbox.klaviyo.errors import Refusal

RETIRED_AFTER = timedelta(days=730)
_PUBLISHED = {
    "2022": "10-17 12-15",
    "2023": "01-24 02-22 06-15 07-15 08-15 09-15 10-15 12-15",
    "2024": "02-15 05-15 06-15 07-15 10-15",
    "2025": "01-15 04-15 07-15 10-15",
    "2026": "01-15 04-15 07-15 10-15",
}
PUBLISHED = frozenset(f"{year}-{day}" for year, days in _PUBLISHED.items() for day in days.split())
_FORM = re.compile(r"(\d{4}-\d{2}-\d{2})(\.pre)?")


def check(revision: str | None, now: datetime, *, fall_forward: bool) -> str:
    """The revision that answers; a missing, unknown or retired one is refused.

    Documented: the header is required and names a published revision. Reported: a retired one
    falls forward silently to the oldest still served, unless the client opts out. Assumed: 400,
    and 410 for a retired one, as retired endpoints answer.
    """
    if not revision:
        raise Refusal.one(400, "invalid", "Invalid input.", "The 'revision' header is required.")
    match = _FORM.fullmatch(revision)
    if match is None or match.group(1) not in PUBLISHED:
        detail = f"'{revision[:40]}' is not a valid revision."
        raise Refusal.one(400, "invalid", "Invalid input.", detail)
    if not _retired(match.group(1), now):
        return match.group(1)
    served = sorted(each for each in PUBLISHED if not _retired(each, now))
    if fall_forward and served:
        return served[0]
    raise Refusal.one(410, "gone", "Gone.", f"The revision {revision} has been retired.")


def _retired(revision: str, now: datetime) -> bool:
    published = datetime.fromisoformat(revision).replace(tzinfo=timezone.utc)
    return published + RETIRED_AFTER < now
