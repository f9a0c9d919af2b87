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

from target_klaviyo.audit.expected import ExpectedRows
from target_klaviyo.audit.metrics import counts_by_day
from target_klaviyo.audit.store import open_store
from target_klaviyo.audit.zones import Days, day_of, midnight, misread_zone

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo")


@given(st.dates(date(1990, 1, 2), date(2037, 1, 1)), st.sampled_from(ZONES))
def test_midnight_is_where_a_day_begins(day: date, name: str) -> None:
    """The second before midnight belongs to the day before, clock changes at midnight included."""
    zone = ZoneInfo(name)
    assert day_of(midnight(day, zone), zone) == day
    assert day_of(midnight(day, zone) - 1, zone) < day


@given(st.dates(date(1990, 1, 2), date(2037, 1, 1)), st.sampled_from(ZONES), st.sampled_from(ZONES))
def test_the_days_of_another_zone_hold_those_of_the_first(day: date, one: str, other: str) -> None:
    """Every moment of a day lies in them, and one of them has the day's name."""
    days = Days(ZoneInfo(one), day, day)
    others = days.in_zone(ZoneInfo(other))
    assert others.span["start"] <= days.span["start"] < days.span["end"] <= others.span["end"]
    assert others.first <= day <= others.last


@given(st.lists(st.integers(1_600_000_000, 1_602_000_000), max_size=20), st.sampled_from(ZONES))
def test_counts_by_day_lose_nothing(moments: list[int], name: str) -> None:
    """Whatever the zone, the days hold all events, each on its own day, and days without any."""
    zone = ZoneInfo(name)
    store = open_store()
    metric = ExpectedRows(store).include_metric("Paid")
    store.executemany(
        "INSERT INTO found (id, metric, person, time, value, owned) VALUES (?, ?, '', ?, 0.5, 1)",
        [(str(number), metric, moment) for number, moment in enumerate(moments)],
    )
    days = Days(zone, day_of(1_600_000_000, zone), day_of(1_602_000_000, zone))
    (counted,) = counts_by_day(store, days).values()
    assert [each["day"] for each in counted] == sorted({each["day"] for each in counted})
    assert len(counted) == (days.last - days.first).days + 1
    on_days = Counter(day_of(moment, zone).isoformat() for moment in moments)
    assert +Counter({each["day"]: each["found"] for each in counted}) == on_days
    assert sum(each["found_value"] for each in counted) == len(moments) / 2


@pytest.mark.parametrize("taken_for", ["UTC", "Europe/Stockholm"])
def test_local_times_that_were_misread_name_their_zone(taken_for: str) -> None:
    """Every moved event stands where the zone's clock would put it, in summer and in winter."""
    moves = []
    for month in range(1, 13):
        local = datetime(2026, month, 9, 17, 30, tzinfo=NEW_YORK)
        misread = local.replace(tzinfo=ZoneInfo(taken_for))
        moves.append((int(local.timestamp()), int(misread.timestamp())))
    name, sentence = misread_zone(moves, STOCKHOLM, None)
    assert name == "America/New_York"
    assert f"taken for times in {taken_for}" in sentence
    moves.append((moves[0][0] + 60, moves[0][1]))
    assert misread_zone(moves, STOCKHOLM, None) == (None, "")


def test_a_few_moved_events_name_no_zone() -> None:
    """Two events five hours off may be off for any reason."""
    day = 1_773_000_000
    assert misread_zone([(day, day - 18_000), (day + 60, day - 17_940)], STOCKHOLM, None)[0] is None


ACCOUNT_ZONES = (
    "UTC",
    "Europe/Stockholm",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Pacific/Auckland",
)


@pytest.mark.parametrize("account_zone", ACCOUNT_ZONES)
@pytest.mark.parametrize("lost", ["the first day", "a day between", "the last day"])
def test_missing_days_name_no_zone(shop: Any, account_zone: str, lost: str) -> None:
    """What is missing has no other place to stand at, whatever the zones: no verdict on them."""
    shop.account.options.timezone = account_zone
    start = datetime(2026, 3, 1, 2, 30, tzinfo=timezone.utc)
    proto = shop.events[0]
    shop.events = [
        {
            **proto,
            "unique_id": f"r{number}",
            "time": (start + timedelta(hours=5 * number)).isoformat(),
        }
        for number in range(40)
    ]
    shop.sync()
    days_of = [row["time"][:10] for row in shop.events]
    gone = {"the first day": days_of[0], "a day between": days_of[20], "the last day": days_of[-1]}
    ids = [row["unique_id"] for row in shop.events if row["time"].startswith(gone[lost])]
    shop.account.delete_events(ids)

    verdict = shop.audit(source_timezone="America/New_York")

    zones = verdict.report["time_zones"]
    assert verdict.report["totals"]["missing"] == len(ids) > 0
    assert zones["suggested"] is None
    assert not zones["are_the_cause"]


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
    assert "taken for times in UTC" in " ".join(verdict.report["time_zones"]["sentences"])


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
