"""Days in time zones, and what the zones explain."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.audit.timezones import (
    SLOT_SECONDS,
    Amount,
    bucket_day,
    by_day,
    day_of,
    days,
    klaviyo_name,
    midnight,
    ranges,
    runs,
    zone_that_agrees,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo")


@given(st.integers(631_152_000, 2_000_000_000), st.sampled_from(ZONES))
def test_a_slot_lies_in_one_day(moment: int, name: str) -> None:
    """The first and the last second of a quarter of an hour belong to the same day."""
    zone = ZoneInfo(name)
    start = moment // SLOT_SECONDS * SLOT_SECONDS
    assert day_of(start, zone) == day_of(start + SLOT_SECONDS - 1, zone)


@given(st.dates(date(1990, 1, 2), date(2037, 1, 1)), st.sampled_from(ZONES))
def test_midnight_is_where_a_day_begins(day: date, name: str) -> None:
    """The second before midnight belongs to the day before, clock changes at midnight included."""
    zone = ZoneInfo(name)
    assert day_of(midnight(day, zone), zone) == day
    assert day_of(midnight(day, zone) - 1, zone) < day


@given(
    st.dictionaries(st.integers(1_700_000, 1_800_000), st.integers(1, 9)),
    st.sampled_from(ZONES),
)
def test_slots_gathered_into_days_lose_nothing(slots: dict[int, int], name: str) -> None:
    """Whatever the zone, the days hold all events, each on its own day."""
    zone = ZoneInfo(name)
    found = by_day(((slot, Amount(count)) for slot, count in sorted(slots.items())), zone)
    assert sum(amount.count for amount in found.values()) == sum(slots.values())
    for slot in slots:
        assert day_of(slot * SLOT_SECONDS, zone) in found


@given(st.dates(date(1995, 1, 1), date(2030, 1, 1)), st.integers(0, 3_000))
def test_ranges_cover_all_days_and_stay_below_a_year(first: date, length: int) -> None:
    """Ranges meet without gap or overlap, and none is longer than Klaviyo answers."""
    last = first + timedelta(days=length)
    found = list(ranges(first, last))
    covered = [day for start, end in found for day in days(start, end - timedelta(days=1))]
    assert covered == list(days(first, last))
    assert all(end - start < timedelta(days=365) for start, end in found)


def test_runs_gather_neighbouring_days() -> None:
    """Unbroken days are asked for at once."""
    first = date(2026, 3, 1)
    chosen = [first, first + timedelta(days=1), first + timedelta(days=5)]
    assert list(runs(chosen)) == [
        (first, first + timedelta(days=2)),
        (first + timedelta(days=5), first + timedelta(days=6)),
    ]
    assert list(runs([])) == []


@pytest.mark.parametrize(
    ("label", "day"),
    [
        ("2026-03-29T00:00:00+01:00", date(2026, 3, 29)),
        ("2026-03-28T23:00:00+00:00", date(2026, 3, 29)),
        ("2026-03-29T22:00:00Z", date(2026, 3, 30)),
        ("2026-03-29T00:00:00", date(2026, 3, 29)),
        ("2026-03-29T00:00:00+00:00", date(2026, 3, 29)),
        ("2026-03-29", date(2026, 3, 29)),
    ],
)
def test_a_bucket_is_known_by_any_label(label: str, day: date) -> None:
    """Local midnight, the same moment in UTC, and the bare day all name the same bucket."""
    assert bucket_day(label, STOCKHOLM) == day


def test_zones_klaviyo_does_not_know_go_by_their_older_names() -> None:
    """Klaviyo's reference names Europe/Kyiv among those it refuses."""
    assert klaviyo_name("Europe/Kyiv") == "Europe/Kiev"
    assert klaviyo_name("Europe/Stockholm") == "Europe/Stockholm"


def test_a_zone_that_would_agree_is_found() -> None:
    """Counts by New York's days are recognised as such, across both changes of the clock."""
    moments = range(1_772_000_000, 1_794_000_000, 17 * SLOT_SECONDS)
    slots = [(moment // SLOT_SECONDS, Amount(1)) for moment in moments]
    found = {day: amount.count for day, amount in by_day(slots, NEW_YORK).items()}
    assert zone_that_agrees([slots], [found], []) == "America/New_York"
    assert zone_that_agrees([slots], [{date(2026, 1, 1): 5}], []) is None


def _around_clock_changes(shop: Any) -> None:
    """Events from before the American change of the clock to after the European one."""
    chance = random.Random(7)  # noqa: S311  (the same events in every run)
    start = datetime(2026, 3, 1, tzinfo=timezone.utc)
    proto = shop.events[0]
    shop.events = [
        {
            **proto,
            "unique_id": f"r{number}",
            "time": (start + timedelta(seconds=chance.randrange(40 * 86_400))).isoformat(),
            "properties": {"Recurly ID": f"k{number}"},
        }
        for number in range(320)
    ]


def _counts(rows: list[dict[str, Any]], zone: ZoneInfo) -> Counter[str]:
    """Rows by day of a zone."""
    return Counter(
        datetime.fromisoformat(row["time"]).astimezone(zone).date().isoformat() for row in rows
    )


def _nonzero(days: dict[str, dict[str, Any]], column: str) -> dict[str, int]:
    return {day: each[column] for day, each in days.items() if each[column]}


def test_other_days_of_the_source_are_put_down_to_the_zones(shop: Any) -> None:
    """New York against Stockholm: equal totals, differing days, and the zones named as cause."""
    _around_clock_changes(shop)
    shop.sync()

    verdict = shop.audit(source_timezone="America/New_York")

    zones = verdict.report["time_zones"]
    metric = verdict.report["metrics"][0]
    assert verdict.agrees
    assert metric["expected"] == metric["found"] == 320
    assert zones["are_the_cause"]
    assert zones["differing_days"] > 0
    said = " ".join(zones["sentences"])
    assert "Europe/Stockholm" in said
    assert "America/New_York" in said
    assert "the time zones are the cause" in said
    assert "in either, every day agrees" in said
    both = {each["day"]: each for each in metric["days_both_ways"]}
    assert _nonzero(both, "source_report") == _counts(shop.events, NEW_YORK)
    assert _nonzero(both, "klaviyo_feed") == _counts(shop.events, STOCKHOLM)
    assert all(each["source_report"] == each["klaviyo_in_source_zone"] for each in both.values())


def test_local_times_taken_for_utc_are_recognised(shop: Any) -> None:
    """Events stored at New York's wall time name New York, though nobody mentioned it."""
    _around_clock_changes(shop)
    right = [dict(row) for row in shop.events]
    for row in shop.events:
        local = datetime.fromisoformat(row["time"]).astimezone(NEW_YORK)
        row["time"] = local.replace(tzinfo=timezone.utc).isoformat()
    shop.sync()
    shop.events = right

    verdict = shop.audit()

    assert not verdict.agrees
    assert verdict.report["totals"]["moved"] > 0
    assert verdict.report["totals"]["missing"] == verdict.report["totals"]["unexpected"] == 0
    assert verdict.report["time_zones"]["suggested"] == "America/New_York"
    assert "taken for UTC" in " ".join(verdict.report["time_zones"]["sentences"])


def test_local_times_taken_for_the_accounts_are_recognised(shop: Any) -> None:
    """Days that agree with New York's are said to, with the zone they were taken for."""
    _around_clock_changes(shop)
    right = [dict(row) for row in shop.events]
    for row in shop.events:
        local = datetime.fromisoformat(row["time"]).astimezone(NEW_YORK)
        row["time"] = local.replace(tzinfo=STOCKHOLM).isoformat()
    shop.sync()
    shop.events = right

    verdict = shop.audit()

    assert verdict.report["time_zones"]["suggested"] == "America/New_York"
    assert "taken for times in Europe/Stockholm" in " ".join(
        verdict.report["time_zones"]["sentences"]
    )


def _with_explained_absences(shop: Any) -> None:
    """Every second event goes where Klaviyo drops it."""
    for row in shop.events[::2]:
        row["profile"] = {"email": "someone@example.com"}


def test_explained_absences_are_no_matter_of_zones(shop: Any) -> None:
    """One zone on both sides explains nothing, however many events Klaviyo drops."""
    _around_clock_changes(shop)
    _with_explained_absences(shop)
    shop.sync()

    verdict = shop.audit(source_timezone="Europe/Stockholm")

    zones = verdict.report["time_zones"]
    assert verdict.agrees
    assert verdict.report["totals"]["dropped"] == 160
    assert (zones["differing_days"], zones["are_the_cause"]) == (0, False)
    assert "time zones" not in verdict.sentence


def test_zones_in_which_every_day_counts_alike_are_not_the_cause(shop: Any) -> None:
    """Another zone is none of the cause while all that arrived has one day in both."""
    shop.events = [
        {**row, "time": f"2026-03-0{number}T17:00:00Z", "profile": {"email": mail}}
        for number, (row, mail) in enumerate(
            zip(shop.events, ["ada@shop.io", "bob@example.com", "eve@shop.io"], strict=False), 1
        )
    ]
    shop.sync()

    verdict = shop.audit(source_timezone="America/New_York")

    zones = verdict.report["time_zones"]
    assert verdict.agrees
    assert (zones["differing_days"], zones["are_the_cause"]) == (0, False)
    assert "No count of a day differs for it." in zones["sentences"]


def test_zones_are_the_cause_beside_explained_absences(shop: Any) -> None:
    """What Klaviyo drops is left out of account: the rest agrees in either zone."""
    _around_clock_changes(shop)
    _with_explained_absences(shop)
    shop.sync()

    verdict = shop.audit(source_timezone="America/New_York")

    zones = verdict.report["time_zones"]
    assert verdict.agrees
    assert zones["differing_days"] > 0
    assert zones["are_the_cause"]
    assert "in either, every day agrees but for that" in " ".join(zones["sentences"])
