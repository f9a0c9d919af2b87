"""Memory stays flat, however long the input is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target_klaviyo.conftest import Samples, Site

EVENTS, PROFILES = 300_000, 100_000
MOST_MEGABYTES = 150


@pytest.fixture
def large_rows(tmp_path: Path, sample: Samples) -> Path:
    """25,000 events of 5 KB and as many profiles of 1 KB: more than can wait for Klaviyo."""
    path = tmp_path / "feed.singer"
    with path.open("wb") as file:
        file.write(sample.lines([sample.schema("events"), sample.schema("profiles")]))
        for number in range(25_000):
            text, person = {"Text": "x" * 5_000}, {"email": f"user{number}@shop.io"}
            event = sample.event(number, properties=text, profile=person)
            profile = sample.profile(number, properties={"Text": "y" * 1_000})
            rows = [sample.record("events", event), sample.record("profiles", profile)]
            file.write(sample.lines(rows))
    return path


@pytest.fixture
def feed(tmp_path: Path, sample: Samples) -> Path:
    """300,000 events and 100,000 profiles of as many people, mixed as a source would."""
    path = tmp_path / "feed.singer"
    with path.open("wb") as file:
        file.write(sample.lines([sample.schema("events"), sample.schema("profiles")]))
        for number in range(PROFILES):
            email = f"user{number}@shop.io"
            rows = [
                sample.record("events", sample.event(3 * number + turn, profile={"email": email}))
                for turn in range(EVENTS // PROFILES)
            ]
            rows.append(sample.record("profiles", sample.profile(number, first_name="Ada")))
            file.write(sample.lines(rows))
            if number % 1_000 == 999:
                file.write(sample.lines([sample.state(number)]))
    return path


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("latency", [0.0, 0.3])
def test_a_long_run_needs_little_memory(site: Site, feed: Path, latency: float) -> None:
    """300,000 events and 100,000 profiles stay below 150 MB, whether Klaviyo is quick or slow."""
    site.account.network.latency = latency
    site.recorder.keeps_bodies = False
    code, megabytes = site.measure(feed)
    assert code == 0
    assert len(site.account.profiles()) == PROFILES
    assert site.requests("event-bulk-create-jobs", 202) >= EVENTS / 1_000
    assert megabytes < MOST_MEGABYTES


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_large_rows_wait_outside_for_a_slow_klaviyo(site: Site, large_rows: Path) -> None:
    """When answers take three seconds, rows of kilobytes are read no faster than they leave."""
    site.account.network.latency = 3.0
    site.recorder.keeps_bodies = False
    code, megabytes = site.measure(large_rows)
    assert code == 0
    assert megabytes < MOST_MEGABYTES
