"""A large account: few requests, little memory."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = 100_000
METRICS = 5


def _feed(path: Path, sample: Any) -> None:
    """100,000 events of 20,000 people over a year, and their profiles."""
    chance = random.Random(1)  # noqa: S311  (the same feed in every run)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    with path.open("wb") as file:
        file.write(sample.lines([sample.schema("events"), sample.schema("profiles")]))
        for number in range(EVENTS):
            age = timedelta(seconds=chance.randrange(3_600, 365 * 86_400))
            row = {
                "metric": f"Metric {number % METRICS}",
                "unique_id": f"recurly-txn-{number}",
                "time": (now - age).isoformat(),
                "profile": {"email": f"user{number % 20_000}@shop.io"},
                "properties": {"Recurly ID": f"id{number}", "Plan Codes": ["gold", "silver"]},
                "value": 10 + number % 90,
                "value_currency": "USD",
            }
            file.write(sample.lines([sample.record("events", row)]))
        for number in range(20_000):
            profile = sample.profile(number)
            file.write(sample.lines([sample.record("profiles", profile)]))


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_events_cost_few_requests_and_little_memory(
    site: Any, tmp_path: Path
) -> None:
    """A request per 1,000 events or 100 profiles, below 150 MB, even when all is missing."""
    feed = tmp_path / "feed.singer"
    _feed(feed, site.sample)

    code, memory = site.measure(feed, mode="audit")
    assert code == 1
    assert memory < 150

    assert site.measure(feed)[0] == 0
    before, pages = site.requests(), site.requests("/api/events")
    code, memory = site.measure(feed, mode="audit", source_timezone="America/New_York")
    assert code == 0
    assert site.requests("/api/events") - pages == EVENTS / 1_000
    assert site.requests("/api/profiles") == 2 * 5_000 / 100
    assert site.requests() - before <= 100 + 50 + 2
    assert memory < 150

    gone = [f"recurly-txn-{number}" for number in range(0, EVENTS, 3)]
    site.account.delete_events(gone)
    code, memory = site.measure(feed, mode="repair")
    assert code == 0
    assert memory < 150
