"""Counts and sums over time, in time zones whose clocks change."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recurly_klaviyo_sandbox.klaviyo.aggregates import bucket_edges

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]


@pytest.fixture
def ask(client: Client) -> Callable[..., Any]:
    """Asks about the first metric of the account; keyword arguments are the attributes."""

    def question(start: str, end: str, **attributes: Any) -> Any:
        if "metric_id" not in attributes:
            attributes["metric_id"] = client.pages("/api/metrics")[0]["id"]
        attributes.setdefault("measurements", ["count"])
        attributes["filter"] = [f"greater-or-equal(datetime,{start})", f"less-than(datetime,{end})"]
        body = {"data": {"type": "metric-aggregate", "attributes": attributes}}
        return client.post("/api/metric-aggregates", body)

    return question


def _hourly(client: Client, bodies: type[Bodies], start: str, hours: int) -> None:
    """One event an hour, beginning at a moment in UTC."""
    first = datetime.fromisoformat(start)
    events = [
        bodies.event(str(step), time=(first + timedelta(hours=step)).isoformat(), value=2)
        for step in range(hours)
    ]
    client.send(bodies.entry(bodies.profile(), *events))


def _numbers(response: Any, measurement: str = "count") -> list[float]:
    (row,) = response.json()["data"]["attributes"]["data"]
    found: list[float] = row["measurements"][measurement]
    return found


@pytest.mark.parametrize(
    ("zone", "start", "days", "counts"),
    [
        ("Europe/Stockholm", "2026-03-28", 3, [24, 23, 24]),
        ("Europe/Stockholm", "2025-10-25", 3, [24, 25, 24]),
        ("America/New_York", "2026-03-07", 3, [24, 23, 24]),
        ("America/New_York", "2025-11-01", 3, [24, 25, 24]),
        ("UTC", "2026-03-28", 3, [24, 24, 24]),
        ("Asia/Kolkata", "2026-03-28", 3, [24, 24, 24]),
    ],
)
def test_days_are_as_long_as_the_zone_makes_them(  # noqa: PLR0913, PLR0917  (a table's columns)
    client: Client,
    bodies: type[Bodies],
    ask: Callable[..., Any],
    zone: str,
    start: str,
    days: int,
    counts: list[int],
) -> None:
    """One event an hour: days of a clock change hold 23 or 25 of them."""
    first = datetime.fromisoformat(start)
    end = (first + timedelta(days=days)).isoformat()
    _hourly(client, bodies, f"{first.date() - timedelta(days=1)}T00:00:00+00:00", 24 * (days + 2))
    answer = ask(f"{start}T00:00:00", end, timezone=zone)
    assert _numbers(answer) == counts
    dates = answer.json()["data"]["attributes"]["dates"]
    local = [datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone))]
    assert datetime.fromisoformat(dates[0]) == local[0]
    assert [date[:10] for date in dates] == [
        str((first + timedelta(days=step)).date()) for step in range(days)
    ]


def test_an_event_near_midnight_belongs_to_the_day_of_the_zone(
    client: Client, bodies: type[Bodies], ask: Callable[..., Any]
) -> None:
    """The same event is on Monday in New York and on Tuesday in Stockholm."""
    event = bodies.event(time="2026-11-03T02:00:00Z")
    client.send(bodies.entry(bodies.profile(), event))
    for zone, counts in (("America/New_York", [1, 0]), ("Europe/Stockholm", [0, 1])):
        assert _numbers(ask("2026-11-02", "2026-11-04", timezone=zone)) == counts


@pytest.mark.parametrize(
    ("interval", "counts"),
    [("hour", [1] * 48), ("day", [24, 24]), ("week", [24, 24]), ("month", [24, 24])],
)
def test_intervals(
    client: Client,
    bodies: type[Bodies],
    ask: Callable[..., Any],
    interval: str,
    counts: list[int],
) -> None:
    """Hours, days, weeks from Monday, months: here Sunday 31 May and Monday 1 June 2026."""
    _hourly(client, bodies, "2026-05-31T00:00:00+00:00", 48)
    answer = ask("2026-05-31", "2026-06-02", interval=interval)
    assert _numbers(answer) == counts


def test_count_sum_and_unique(
    client: Client, bodies: type[Bodies], ask: Callable[..., Any]
) -> None:
    """Count counts events, sum_value adds values, unique counts people."""
    client.send(
        bodies.entry(
            bodies.profile("ann@shop.se"), bodies.event("1", value=1.5), bodies.event("2")
        ),
        bodies.entry(bodies.profile("bob@shop.se"), bodies.event("1", value=2)),
    )
    answer = ask("2026-11-01", "2026-11-02", measurements=["count", "sum_value", "unique"])
    assert _numbers(answer) == [3]
    assert _numbers(answer, "sum_value") == [3.5]
    assert _numbers(answer, "unique") == [2]


def test_a_range_that_begins_inside_a_day(
    client: Client, bodies: type[Bodies], ask: Callable[..., Any]
) -> None:
    """Only events in the range count, in buckets of whole days."""
    _hourly(client, bodies, "2026-11-01T00:00:00+00:00", 48)
    assert _numbers(ask("2026-11-01T18:00:00Z", "2026-11-02T06:00:00Z")) == [6, 6]


def test_groups_by_currency(client: Client, bodies: type[Bodies], ask: Callable[..., Any]) -> None:
    """Groups come with their dimension, page by page; dimensions events lack are empty."""
    events = [
        bodies.event(str(number), value=1, value_currency=currency)
        for number, currency in enumerate(["SEK", "SEK", "EUR", None])
    ]
    client.send(bodies.entry(bodies.profile(), *events))

    def rows(**attributes: Any) -> Any:
        by = attributes.pop("by", ["$value_currency"])
        answer = ask("2026-11-01", "2026-11-02", by=by, **attributes).json()
        found = answer["data"]["attributes"]["data"]
        return [(row["dimensions"], row["measurements"]["count"]) for row in found], answer["links"]

    every = [([""], [1]), (["EUR"], [1]), (["SEK"], [2])]
    assert rows()[0] == every
    first, links = rows(page_size=2)
    assert first == every[:2]
    cursor = links["next"].rpartition("=")[2]
    assert rows(page_size=2, page_cursor=cursor)[0] == every[2:]
    assert rows(by=["$flow"])[0] == [([""], [4])]
    assert rows(sort="-count")[0][0] == (["SEK"], [2])


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"timezone": "Europe/Kyiv"}, "timezone"),
        ({"timezone": "Pacific/Kanton"}, "timezone"),
        ({"timezone": "Factory"}, "timezone"),
        ({"timezone": "europe/stockholm"}, "timezone"),
        ({"measurements": []}, "measurements"),
        ({"measurements": ["average"]}, "measurements/0"),
        ({"interval": "year"}, "interval"),
        ({"page_size": 501}, "page_size"),
        ({"page_cursor": "x"}, "page_cursor"),
        ({"by": ["Account Code"]}, "by/0"),
        ({"sort": "time"}, "sort"),
        ({"limit": 1}, "limit"),
    ],
)
def test_wrong_questions_are_refused(
    client: Client,
    bodies: type[Bodies],
    ask: Callable[..., Any],
    attributes: dict[str, Any],
    pointer: str,
) -> None:
    """Unsupported zones, measurements, intervals and the like are a 400 with a pointer."""
    client.send(bodies.entry(bodies.profile(), bodies.event()))
    response = ask("2026-11-01", "2026-11-02", **attributes)
    assert response.status_code == 400
    pointers = [error["source"]["pointer"] for error in response.json()["errors"]]
    assert pointers == [f"/data/attributes/{pointer}"]


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-11-02", "2026-11-01"), ("2024-01-01", "2026-01-01"), ("soon", "2026-11-01")],
)
def test_ranges_are_checked(
    client: Client, bodies: type[Bodies], ask: Callable[..., Any], start: str, end: str
) -> None:
    """A range must have two ends in order and at most a year between them."""
    client.send(bodies.entry(bodies.profile(), bodies.event()))
    assert ask(start, end).status_code == 400


def test_an_unknown_metric_is_404(ask: Callable[..., Any]) -> None:
    """A question about no metric is not found."""
    assert ask("2026-11-01", "2026-11-02", metric_id="nothing").status_code == 404


def test_naive_times_and_labels_are_switches(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """Whether a time without offset is local, and in which offset labels come, can be switched."""
    labels = []
    for local in (True, False):
        _, client = open_account(naive_filters_in_timezone=local, local_aggregate_dates=local)
        client.send(bodies.entry(bodies.profile(), bodies.event()))
        attributes = {
            "metric_id": client.pages("/api/metrics")[0]["id"],
            "measurements": ["count"],
            "timezone": "America/New_York",
            "filter": [
                "greater-or-equal(datetime,2026-11-01T00:00:00)",
                "less-than(datetime,2026-11-02T00:00:00)",
            ],
        }
        body = {"data": {"type": "metric-aggregate", "attributes": attributes}}
        answer = client.post("/api/metric-aggregates", body).json()
        labels.append(answer["data"]["attributes"]["dates"])
    assert labels[0] == ["2026-11-01T00:00:00-04:00"]
    assert labels[1] == ["2026-10-31T04:00:00+00:00", "2026-11-01T04:00:00+00:00"]


@example(zone="Pacific/Apia", interval="day", start=1_325_000_000, length=400_000)
@given(
    zone=st.sampled_from(
        [
            "UTC",
            "Europe/Stockholm",
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Kathmandu",
            "America/St_Johns",
            "Pacific/Apia",
        ]
    ),
    interval=st.sampled_from(["hour", "day", "week", "month"]),
    start=st.integers(min_value=631_152_000, max_value=1_900_000_000),
    length=st.integers(min_value=1, max_value=20 * 86_400),
)
def test_buckets_cover_the_range_without_gaps(
    zone: str, interval: str, start: int, length: int
) -> None:
    """Buckets rise, begin at or before the range, end at or after it, and none lies outside."""
    end = start + length
    edges = bucket_edges(start, end, interval, ZoneInfo(zone))
    assert edges[0] <= start < edges[1]
    assert edges[-2] < end <= edges[-1]
    assert all(one < other for one, other in itertools.pairwise(edges))
