"""Hostile rows: each is stored or rejected with a reason, none is both or neither."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site

HUGE = {
    "<ascii>": "x" * 102_401,
    "<two bytes each>": "é" * 60_000,
    "<items>": [0] * 4_001,
    "<deep>": [[[[[[[[[[[[]]]]]]]]]]]],
}
"""What is too large to be printed with every example; `expand` puts it in place."""

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**60, max_value=2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\ud800", "", " ", "\x00", *HUGE, "2026-01-01"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=5,
)


def deep(levels: int) -> Any:
    """An object nested so many levels."""
    value: Any = "bottom"
    for _ in range(levels):
        value = {"in": value}
    return value


HOSTILE = JSON | st.builds(deep, st.sampled_from([9, 10, 11, 12]))
TIMES = st.sampled_from(
    ["2026-01-31T12:00:00Z", "1989-12-31", "2999-01-01T00:00:00Z", "31.1.2026", 1769860800, "", "é"]
)
EMAILS = st.sampled_from(
    ["ada@shop.io", "ADA@SHOP.IO", "bob@shop.io", "ada@", "a b@shop.io", "ä@shop.io", "x" * 99]
)
PEOPLE = st.fixed_dictionaries(
    {},
    optional={
        "email": EMAILS | HOSTILE,
        "phone_number": st.sampled_from(["+15005550006", "0150 555", "+46 70 123 45 67"]) | JSON,
        "external_id": st.integers() | st.text(max_size=300),
        "first_name": st.text(max_size=10) | HOSTILE,
        "location": st.fixed_dictionaries({}, optional={"city": JSON, "latitude": JSON}) | JSON,
        "properties": st.dictionaries(st.text(max_size=9), HOSTILE, max_size=4) | HOSTILE,
        "surprise": HOSTILE,
    },
)


def expand(value: Any) -> Any:
    """`value` with huge values for their names."""
    if isinstance(value, dict):
        return {name: expand(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [expand(inner) for inner in value]
    return HUGE.get(value, value) if isinstance(value, str) else value


def mostly(valid: st.SearchStrategy[Any], hostile: st.SearchStrategy[Any]) -> Any:
    """Valid seven times out of eight, so that rows get far enough to be refused elsewhere."""
    return st.one_of(*[valid] * 7, hostile)


VALID: dict[str, list[Any]] = {
    "metric": ["Paid", "Failed", "x" * 127],
    "time": ["2026-01-31T12:00:00Z"],
    "profile": [{"email": "ada@shop.io"}, {"external_id": 7}],
    "properties": [{"a": 1}],
    "value": [-1e9, 0.5, 0, 1e9],
    "value_currency": ["EUR"],
}
"""By field what is right with an event for certain."""

EVENTS = st.fixed_dictionaries(
    {
        "metric": mostly(st.sampled_from(VALID["metric"]), HOSTILE),
        "time": mostly(st.sampled_from(VALID["time"]), TIMES | HOSTILE),
        "profile": mostly(st.sampled_from(VALID["profile"]), PEOPLE),
        "properties": mostly(
            st.sampled_from(VALID["properties"]), st.dictionaries(st.text(), HOSTILE) | HOSTILE
        ),
    },
    optional={
        "value": mostly(st.sampled_from(VALID["value"]), JSON),
        "value_currency": mostly(st.sampled_from(VALID["value_currency"]), JSON),
        "unknown": JSON,
    },
)

PROFILES = PEOPLE | st.fixed_dictionaries(
    {"email": st.sampled_from(["ada@shop.io", "ADA@shop.io", "bob@shop.io", "eve@shop.io"])},
    optional={
        "external_id": st.sampled_from([1, 2, "2", "Ä"]),
        "phone_number": st.sampled_from(["+15005550006", "+46 70 123 45 67", "none"]),
        "first_name": st.text(max_size=10) | st.none(),
        "location": st.fixed_dictionaries({}, optional={"city": st.text() | st.none()}),
        "properties": st.dictionaries(st.text(max_size=3), HOSTILE, max_size=3),
    },
)

WORDS = {
    "metric": ["metric"],
    "time": ["time"],
    "profile": ["profile", "location"],
    "properties": ["propert"],
    "value": ["event's value "],
    "value_currency": ["value_currency"],
    "unknown": ["field of an event;"],
}
"""By field what a reason says that concerns it."""

RUNS = itertools.count()


def suspicious(row: dict[str, Any]) -> list[str]:
    """The fields that are not certainly right; to Python, false is 0."""
    right = {name: [(type(value), value) for value in values] for name, values in VALID.items()}
    return [
        name
        for name, value in row.items()
        if name in WORDS and (type(value), value) not in right.get(name, ())
    ]


def is_true(reason: str, row: dict[str, Any]) -> bool:
    """Whether a field that the reason speaks of can be at fault."""
    suspects = suspicious(row)
    if "Unicode" in reason:
        return "\\ud" in json.dumps(row)
    if reason.startswith("Klaviyo refused it"):
        return bool(suspects)
    return any(word in reason for name in suspects for word in WORDS[name])


def marked(person: dict[str, Any], mark: str) -> dict[str, Any]:
    """A profile that can be known again: in the rejects by its title, in Klaviyo by a property.

    A property is named after it, since rows of one person are merged: their names all stay.
    """
    row = {**person, "title": mark}
    properties = {} if row.get("properties") is None else row["properties"]
    if isinstance(properties, dict):
        row["properties"] = {**properties, mark: True}
    return row


def check(site: Site, sample: Samples, rows: list[Any], people: list[Any]) -> None:
    """Send hostile rows in one run and account for each of them."""
    run_number = next(RUNS)
    events = [
        {**expand(row), "unique_id": f"n{run_number}-{number}"} for number, row in enumerate(rows)
    ]
    profiles = [
        marked(expand(person), f"p{run_number}-{number}") for number, person in enumerate(people)
    ]
    site.rejects_path.unlink(missing_ok=True)
    site.recorder.requests.clear()
    run = site.sync(
        [
            sample.schema("events"),
            sample.schema("profiles"),
            # A run whose rows are all bad would end with an error.
            sample.record("events", sample.event(0, unique_id=f"good{run_number}")),
            *(sample.record("events", row) for row in events),
            *(sample.record("profiles", row) for row in profiles),
            sample.state("end"),
        ],
        max_reject_percent=100,
    )
    assert run.states == ["end"]
    reasons = {
        message["record"].get("unique_id") or message["record"]["title"]: message["reason"]
        for message in run.rejects
    }
    assert len(reasons) == len(run.rejects)
    stored = {seen.unique_id for seen in site.account.events()}
    marks = {name for seen in site.account.profiles() for name in seen.properties}
    for row in events:
        name = row["unique_id"]
        assert (name in stored) is not (name in reasons), row
        assert name in stored or is_true(reasons[name], row), (reasons[name], row)
    for row in profiles:
        name = row["title"]
        assert (name in marks) is not (name in reasons), row


SUPPRESSED = [
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
]


@settings(max_examples=25, deadline=None, suppress_health_check=SUPPRESSED, phases=[Phase.generate])
@given(rows=st.lists(EVENTS, min_size=12, max_size=12), people=st.lists(PROFILES, max_size=8))
def test_every_hostile_row_is_stored_or_rejected(
    site: Site, sample: Samples, rows: list[Any], people: list[Any]
) -> None:
    """A few hundred rows of hostile JSON: none is lost, none is both stored and rejected."""
    check(site, sample, rows, people)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@settings(
    max_examples=1_000, deadline=None, suppress_health_check=SUPPRESSED, phases=[Phase.generate]
)
@given(rows=st.lists(EVENTS, min_size=12, max_size=12), people=st.lists(PROFILES, max_size=8))
def test_ten_thousand_hostile_rows_are_stored_or_rejected(
    site: Site, sample: Samples, rows: list[Any], people: list[Any]
) -> None:
    """The same with more than 10,000 rows."""
    check(site, sample, rows, people)


@pytest.mark.parametrize("levels", [300, 3_000, 100_000])
def test_nesting_that_no_parser_takes_is_rejected(site: Site, sample: Samples, levels: int) -> None:
    """However deep a row is, it is rejected as it came, and the others are stored."""
    lines = sample.lines(site.messages("events", [sample.event(1), sample.event(2)])).splitlines()
    lines[1] = lines[1].replace(b'"1"', b"[" * levels + b"]" * levels)
    site.sync(b"\n".join(lines))
    assert [seen.unique_id for seen in site.account.events()] == ["payment-2"]
    written = site.rejects_path.read_bytes()
    assert written.count(b"[" * levels) == 1
    assert b"nested" in written


def test_numbers_no_machine_holds_are_rejected(site: Site, sample: Samples) -> None:
    """Integers of thousands of digits, NaN and infinity are rejects, not the end of the run."""
    lines = sample.lines(site.messages("events", [sample.event(n) for n in range(5)])).splitlines()
    for number, text in enumerate([b"9" * 9_000, b"NaN", b"-Infinity", b"1e999"]):
        lines[1 + number] = lines[1 + number].replace(f'"{number}"'.encode(), text)
    site.sync(b"\n".join(lines))
    assert [seen.unique_id for seen in site.account.events()] == ["payment-4"]
    assert site.rejects_path.read_bytes().count(b'"reason"') == 4
