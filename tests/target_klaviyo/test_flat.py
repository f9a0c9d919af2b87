"""Flat columns, as CSV files and SQL queries have them, become the nested row."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.errors import RowRejected
from target_klaviyo.rows.flat import EVENT_OBJECTS, PROFILE_OBJECTS, nested

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site

EVENTS = [
    ({"profile__email": "a@b.io"}, {"profile": {"email": "a@b.io"}}),
    ({"profile.email": "a@b.io"}, {"profile": {"email": "a@b.io"}}),
    (
        {"profile__location.city": "Lund", "profile__properties__Plan": "Gold"},
        {"profile": {"location": {"city": "Lund"}, "properties": {"Plan": "Gold"}}},
    ),
    ({"properties__Plan": "Gold"}, {"properties": {"Plan": "Gold"}}),
    ({"properties.a.b__c": "1"}, {"properties": {"a.b__c": "1"}}),
    ({"properties__A": 1, "properties": {"B": 2}}, {"properties": {"A": 1, "B": 2}}),
    ({"properties__A": 1, "properties": None}, {"properties": {"A": 1}}),
    ({"properties__A": None}, {"properties": {"A": None}}),
    ({"properties__A": "", "metric": "", "value": ""}, {}),
    ({"profile__email": "a@b.io", "profile.email": "a@b.io"}, {"profile": {"email": "a@b.io"}}),
    ({"metric": "Paid", "value": "12.50", "was_true": "True"},
     {"metric": "Paid", "value": 12.5, "was_true": True}),
    ({"value": " -3 "}, {"value": -3.0}),
    ({"value": "12,50"}, {"value": "12,50"}),
    ({"value": "nan"}, {"value": "nan"}),
    # Not flat: what is nested comes out as it went in.
    ({"profile": {"email": "a@b.io"}, "value": "12.50", "metric": ""},
     {"profile": {"email": "a@b.io"}, "value": "12.50", "metric": ""}),
    ({"other__email": "a@b.io"}, {"other__email": "a@b.io"}),
    ({"profile__": "x", "properties": {"a.b": "", "c__d": 1}},
     {"profile__": "x", "properties": {"a.b": "", "c__d": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("row", "expected"), EVENTS)
def test_columns_become_the_fields_they_name(row: dict[str, Any], expected: dict[str, Any]) -> None:
    """By either separator, below each object of the contract; a property keeps its whole name."""
    before = repr(row)
    assert nested(row, EVENT_OBJECTS) == expected
    assert repr(row) == before


def test_columns_of_a_profile(sample: Samples) -> None:
    """A profile has its own objects; empty text is no value, null clears as ever."""
    row = {"email": "a@b.io", "title": "", "location__city": "Lund", "properties__Plan": None}
    assert nested(row, PROFILE_OBJECTS) == {
        "email": "a@b.io",
        "location": {"city": "Lund"},
        "properties": {"Plan": None},
    }
    assert nested({"email": "a@b.io", "location": None}, PROFILE_OBJECTS) == {
        "email": "a@b.io",
        "location": None,
    }
    assert nested(nested_row := sample.profile(1), PROFILE_OBJECTS) is nested_row


@pytest.mark.parametrize(
    "row",
    [
        {"profile__email": "a@b.io", "profile.email": "c@d.io"},
        {"profile__email": "a@b.io", "profile": {"email": "c@d.io"}},
        {"profile__email": "a@b.io", "profile": "c@d.io"},
    ],
)
def test_columns_that_contradict_each_other_reject_the_row(row: dict[str, Any]) -> None:
    """Nobody guesses which of two values is meant; the reason names a column."""
    with pytest.raises(RowRejected, match=r"The column 'profile(__|\.)email' .* leave one of them"):
        nested(row, EVENT_OBJECTS)


@given(
    st.dictionaries(
        st.sampled_from(["email", "title", "location.city", "location__zip", "properties__a__b"]),
        st.text(min_size=1) | st.none() | st.integers(),
    )
)
def test_every_value_is_found_where_its_column_points(row: dict[str, Any]) -> None:
    """Nothing is lost on the way, and nothing else is made."""
    found = nested(row, PROFILE_OBJECTS)
    flat: dict[tuple[str, ...], Any] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            flat.update({(name, inner): each for inner, each in value.items()})
        else:
            flat[name,] = value
    paths = {"location.city": ("location", "city"), "location__zip": ("location", "zip")}
    paths["properties__a__b"] = ("properties", "a__b")
    assert flat == {paths.get(name, (name,)): value for name, value in row.items()}


CSV = """\
metric,unique_id,time,value,value_currency,profile__email,profile__first_name,properties__Plan
Placed Order,o-1,2026-01-31 12:00:00,12.50,EUR,ada@shop.io,Ada,Gold
Placed Order,o-2,2026-01-31,,,bob@shop.io,,
Placed Order,o-3,2026-01-31,"12,50",EUR,bob@shop.io,,
"""


def test_a_csv_file_feeds_events(site: Site) -> None:
    """Its rows, all text, are stored; a number that is none rejects its row alone."""
    run = site.events(*csv.DictReader(io.StringIO(CSV)))
    first, second = site.account.events()
    assert (first.value, first.properties["Plan"]) == (12.5, "Gold")
    assert second.value is None
    assert "Plan" not in second.properties
    ada = site.account.profile("ada@shop.io")
    assert ada is not None
    assert ada.attributes["first_name"] == "Ada"
    assert run.reasons == ["The event's value is not a number."]


def test_rows_flattened_by_the_sdk_are_stored_all_the_same(site: Site, sample: Samples) -> None:
    """`flattening_enabled` makes flat columns of nested rows, which come together again."""
    schema = sample.schema("events")
    text = {"type": ["string", "null"]}
    schema["schema"]["properties"] = {
        **dict.fromkeys(("metric", "unique_id", "time", "value_currency"), text),
        "value": {"type": "number"},
        "profile": {"type": "object", "properties": {"email": text}},
        "properties": {"type": "object", "properties": {"Recurly ID": text}},
    }
    site.sync(
        [schema, sample.record("events", sample.event(1))],
        flattening_enabled=True,
        flattening_max_depth=1,
    )
    (event,) = site.account.events()
    assert event.properties["Recurly ID"] == "1"
