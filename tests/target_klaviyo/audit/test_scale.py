"""A large account: few requests, little memory."""

from __future__ import annotations

import random
import re
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

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


def _run(site: Any, feed: Path, **settings: Any) -> tuple[int, float]:
    """(exit code, peak memory in MB) of the command over the feed."""
    with feed.open("rb") as source:
        process = site.start(stdin=source, **settings)
        peak = 0.0
        while process.poll() is None:
            # The kernel's own high-water mark; that of wait4 would include this very process.
            status = Path(f"/proc/{process.pid}/status").read_text()
            mark = re.search(r"VmHWM:\s+(\d+) kB", status)
            peak = max(peak, int(mark[1]) / 1024 if mark else 0.0)
            time.sleep(0.05)
        process.communicate()
    return process.returncode, peak


@pytest.mark.campaign
def test_a_hundred_thousand_events_cost_few_requests_and_little_memory(
    site: Any, tmp_path: Path
) -> None:
    """Fewer than 200 requests when all is well, below 200 MB, even when every event is missing."""
    feed = tmp_path / "feed.singer"
    _feed(feed, site.sample)

    code, memory = _run(site, feed, mode="audit")
    assert code == 1
    assert memory < 200

    assert _run(site, feed)[0] == 0
    before = site.requests()
    code, memory = _run(site, feed, mode="audit", source_timezone="America/New_York")
    assert code == 0
    assert site.requests() - before < 200
    assert memory < 200

    gone = [f"recurly-txn-{number}" for number in range(0, EVENTS, 3)]
    site.account.delete_events(gone)
    code, memory = _run(site, feed, mode="repair")
    assert code == 0
    assert memory < 200
