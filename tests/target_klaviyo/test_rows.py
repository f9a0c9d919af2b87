"""The row contract: what is taken, how it is normalised, and the reason for every refusal."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.errors import RowRejected
from target_klaviyo.rows.contract import Origin, merge_profiles, without_nulls
from target_klaviyo.rows.parser import RowParser
from target_klaviyo.writing.payloads import single_import

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 7, 15, 12, tzinfo=timezone.utc)
ORIGIN = Origin("events", b"{}", b"{}")
PARSER = RowParser(now=NOW, live_window=timedelta(days=3))
EVENT: dict[str, Any] = {
    "metric": "Paid",
    "unique_id": "p-1",
    "time": "2026-07-15T10:00:00Z",
    "profile": {"email": "ada@shop.io"},
    "properties": {},
}


def nested(levels: int) -> Any:
    """Objects within objects."""
    value: Any = 1
    for _ in range(levels):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metric": None}, "The event has no metric."),
        ({"metric": ""}, "The event has no metric."),
        ({"metric": ["x"]}, "The event's metric is not a text."),
        ({"metric": "x" * 128}, "The event's metric is longer than 127 characters."),
        ({"unique_id": None}, "The event has no unique_id."),
        ({"unique_id": "x" * 256}, "The event's unique_id is longer than 255 characters."),
        ({"time": None}, "The event has no time."),
        ({"time": 1769860800}, "The event's time is not ISO 8601 (like 2026-01-31T12:00:00Z)."),
        ({"time": "31/01/2026"}, "The event's time is not ISO 8601 (like 2026-01-31T12:00:00Z)."),
        ({"time": "2026-02-30"}, "The event's time is not ISO 8601 (like 2026-01-31T12:00:00Z)."),
        ({"time": "1989-12-31T23:59:59Z"}, "The event's time lies before 1990."),
        ({"time": "2027-07-16"}, "The event's time lies more than a year ahead."),
        ({"profile": None}, "The event has no profile object."),
        ({"profile": {"email": "ada"}}, "The profile's email is not an e-mail address."),
        ({"profile": {"email": "a@b..io"}}, "The profile's email is not an e-mail address."),
        ({"profile": {"email": "a" * 92 + "@shop.io"}},
         None),
        ({"profile": {"email": "a" * 93 + "@shop.io"}},
         "The profile's email is longer than 100 characters."),
        ({"profile": {"external_id": "x" * 256}},
         "The profile's external_id is longer than 255 characters."),
        ({"profile": {"first_name": "Ada"}},
         "The profile has no identifier: it needs an email, phone_number (E.164), external_id or id."),  # noqa: E501  (the sentence as it is)
        ({"profile": {"email": "ada@shop.io", "first_name": 5}},
         "The profile's first_name is not a text."),
        ({"profile": {"email": "ada@shop.io", "age": 5}},
         "'age' is not a field of an event's profile; put it under properties."),
        ({"profile": {"email": "ada@shop.io", "properties": {"x": ["y" * 90_000, "y" * 9_000]}}},
         "The event's profile is larger than 95 KB."),
        ({"properties": []}, "The event's properties are not an object."),
        ({"properties": {str(n): n for n in range(401)}},
         "The event has more than 400 properties."),
        ({"properties": {"Text": "é" * 51_201}},
         "The event's property 'Text' holds a text larger than 100 KB."),
        ({"properties": {"List": [0] * 4_001}},
         "The event's property 'List' holds an array of more than 4,000 items."),
        ({"properties": {"Deep": nested(11)}},
         "The event's property 'Deep' is nested deeper than 10 levels."),
        ({"properties": {"Big": 2**63}},
         "The event's property 'Big' holds a number beyond 64-bit integers."),
        ({"properties": {"Nan": float("nan")}},
         "The event's property 'Nan' holds NaN or infinity, which JSON cannot express."),
        ({"properties": {"Half": "\ud800"}},
         "A text in the row is not valid Unicode (half of a surrogate pair, or no UTF-8)."),
        ({"value": "9.99"}, "The event's value is not a number."),
        ({"value": True}, "The event's value is not a number."),
        ({"value": float("inf")}, "The event's value is not a finite number."),
        ({"value": 1e308}, "The event's value lies beyond 64-bit integers."),
        ({"value": -(2**63)}, None),
        ({"properties": {"Least": -(2**63)}}, None),
        ({"properties": {"Less": -float(2**63)}},  # what -2**63 - 1 is read as
         "The event's property 'Less' holds a number beyond 64-bit integers."),
        ({"properties": {f"Text {n}": "x" * 100_000 for n in range(53)}},
         "The event is larger than 5 MB."),
        ({"value_currency": "euro"},
         "The event's value_currency is not an ISO 4217 code (like EUR)."),
        ({"amount": 1}, "'amount' is not a field of an event; put it under properties."),
        ({"_sdc_batched_at": "x", "value": None, "properties": None}, None),
    ],
)  # fmt: skip
def test_an_event_is_refused_with_the_reason_that_is_true(
    changes: dict[str, Any], reason: str | None
) -> None:
    """Every documented limit has its sentence; what is within them is taken."""
    if reason is None:
        PARSER.parse_event({**EVENT, **changes}, ORIGIN)
        return
    with pytest.raises(RowRejected) as refusal:
        PARSER.parse_event({**EVENT, **changes}, ORIGIN)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("given_time", "sent"),
    [
        ("2026-07-15T10:00:00Z", "2026-07-15T10:00:00Z"),
        ("2026-07-15T10:00:00.123456+02:00", "2026-07-15T10:00:00.123456+02:00"),
        ("2026-07-15 10:00", "2026-07-15T10:00:00+00:00"),
        ("2026-07-15T10:00:00+0230", "2026-07-15T07:30:00+00:00"),
        ("2026-07-15", "2026-07-15T00:00:00+00:00"),
        ("2026-07-15T10:00:00.123456789Z", "2026-07-15T10:00:00+00:00"),
    ],
)
def test_times_are_normalised(given_time: str, sent: str) -> None:
    """ISO 8601 in all its forms goes out as RFC 3339; without a zone it is UTC."""
    row = PARSER.parse_event({**EVENT, "time": given_time}, ORIGIN)
    assert json.loads(row.payload)["attributes"]["time"] == sent


def test_an_event_is_serialised_as_klaviyo_wants_it() -> None:
    """The payload is the JSON:API resource, with backfill on history only."""
    row = PARSER.parse_event({**EVENT, "value": 9, "value_currency": "eur", "unique_id": 7}, ORIGIN)
    assert json.loads(row.payload) == {
        "type": "event",
        "attributes": {
            "properties": {},
            "time": "2026-07-15T10:00:00Z",
            "metric": {"data": {"type": "metric", "attributes": {"name": "Paid"}}},
            "unique_id": "7",
            "value": 9,
            "value_currency": "EUR",
        },
    }
    old = PARSER.parse_event({**EVENT, "time": "2026-07-12T11:59:59Z"}, ORIGIN)
    assert json.loads(old.payload)["attributes"]["backfill"] is True


def test_nulls_of_a_profile_are_told_apart() -> None:
    """Null properties, attributes and places are to be cleared; null identifiers are absent."""
    row = PARSER.parse_profile(
        {
            "email": "Ada@Shop.io ",
            "phone_number": None,
            "title": None,
            "location": {"city": None, "zip": "1"},
            "properties": {"Plan": "Gold", "Card": None},
        },
        ORIGIN,
    )
    assert row.identity == (("email", "ada@shop.io"),)
    sent, cleared_properties, cleared_attributes = without_nulls(row.fields())
    assert sent == {
        "email": "Ada@Shop.io",
        "location": {"zip": "1"},
        "properties": {"Plan": "Gold"},
    }
    assert cleared_properties == {"Card"}
    assert cleared_attributes == {"title", "location.city"}


FIELDS = st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(0, 9), max_size=4)
PROFILES = st.fixed_dictionaries(
    {"email": st.just("ada@shop.io")},
    optional={
        "title": st.none() | st.sampled_from(["CEO", "CTO"]),
        "location": st.none()
        | st.dictionaries(st.sampled_from(["city", "zip"]), st.none() | st.just("x"), max_size=2),
        "properties": FIELDS,
    },
)


def apply(known: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """What a row makes of a profile, null clearing and absence keeping, as Klaviyo documents."""
    result = {**known}
    for name in ("properties", "location"):
        if name in row and row[name] is None:
            result[name] = {}
        elif name in row:
            merged = {**result.get(name, {}), **row[name]}
            result[name] = {key: value for key, value in merged.items() if value is not None}
    if "title" in row:
        result["title"] = row["title"]
    return {name: value for name, value in result.items() if value}


@given(known=PROFILES, rows=st.lists(PROFILES, min_size=2, max_size=4))
def test_merged_rows_do_what_they_would_do_one_by_one(
    known: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    """Applying a merged row is applying its rows in order, to any profile."""
    start = apply({}, known)
    expected = start
    merged = None
    for row in rows:
        expected = apply(expected, row)
        read = PARSER.parse_profile(row, ORIGIN)
        merged = read if merged is None else merge_profiles(merged, read)
        assert merged is not None
    assert merged is not None
    assert apply(start, json.loads(single_import(merged))["data"]["attributes"]) == expected


def reason_of(read: Callable[[object, Origin], object], row: object) -> str:
    """Why a row is rejected, or that it is not."""
    try:
        read(row, ORIGIN)
    except RowRejected as rejection:
        return rejection.reason
    return "Taken."


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    st.sampled_from(sorted(EVENT)),
)
def test_nothing_but_a_rejection_comes_of_a_bad_row(value: Any, name: str) -> None:
    """Whatever a field holds, the row is read or rejected with a sentence."""
    for row in (value, {**EVENT, name: value}, {**EVENT, "profile": {name: value}}):
        for read in (PARSER.parse_event, PARSER.parse_profile):
            assert reason_of(read, row).endswith(".")


@pytest.mark.parametrize(
    ("earliest", "reason"),
    [
        ("last week", "The event's earliest_time is not ISO 8601 (like 2026-01-31T12:00:00Z)."),
        (1_767_225_600, "The event's earliest_time is not ISO 8601 (like 2026-01-31T12:00:00Z)."),
        ("1989-12-31", "The event's earliest_time lies before 1990."),
    ],
)
def test_an_impossible_earliest_time_is_a_reason(earliest: object, reason: str) -> None:
    """It is checked like the time."""
    row = EVENT | {"time": "2026-01-31T12:00:00Z", "earliest_time": earliest}
    with pytest.raises(RowRejected) as rejected:
        PARSER.parse_event(row, ORIGIN)
    assert rejected.value.reason == reason


@pytest.mark.parametrize(
    ("bound", "earliest_kept", "latest_kept"),
    [
        ("2026-01-29", True, False),
        ("2026-01-31T12:00:00Z", False, False),
        ("2026-02-01", False, True),
        (None, False, False),
    ],
)
def test_the_bounds_of_a_moving_time_are_never_sent(
    bound: str | None, *, earliest_kept: bool, latest_kept: bool
) -> None:
    """Klaviyo gets the same event with or without them; one within the time means nothing."""
    row = EVENT | {"time": "2026-01-31T12:00:00Z"}
    bare = PARSER.parse_event(row, ORIGIN)
    assert bare.earliest == bare.time == bare.latest
    read = PARSER.parse_event({**row, "earliest_time": bound, "latest_time": bound}, ORIGIN)
    assert (read.payload, read.profile) == (bare.payload, bare.profile)
    assert (read.earliest < read.time) is earliest_kept
    assert (read.latest > read.time) is latest_kept


@pytest.mark.parametrize(
    ("cleared", "accepted"),
    [("x" * 50_000, True), ("x" * 60_000, False), ("é" * 25_000, True), ("é" * 30_000, False)],
)
def test_names_to_clear_count_towards_the_size_of_a_profile(
    cleared: str, *, accepted: bool
) -> None:
    """A name that is unset is sent as well, so it takes its bytes of the 100 KB."""
    row = {"email": "ada@shop.io", "properties": {cleared: None, "Text": "y" * 50_000}}
    if accepted:
        assert PARSER.parse_profile(row, ORIGIN).fields()["properties"][cleared] is None
    else:
        with pytest.raises(RowRejected, match=r"The profile is larger than 100 KB\."):
            PARSER.parse_profile(row, ORIGIN)


def test_rows_too_large_together_are_not_merged() -> None:
    """What two rows clear counts towards the size of both as one."""
    first, second = (
        PARSER.parse_profile({"email": "ada@shop.io", "properties": {name * 60_000: None}}, ORIGIN)
        for name in "ab"
    )
    assert merge_profiles(first, second) is None


def test_a_name_to_clear_without_utf_8_is_refused() -> None:
    """Half of a surrogate pair cannot be sent, not even to be cleared."""
    with pytest.raises(RowRejected, match="not valid Unicode"):
        PARSER.parse_profile({"email": "ada@shop.io", "properties": {"\ud800": None}}, ORIGIN)
