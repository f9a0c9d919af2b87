"""What each event is, told from the two sides alone: tables, and a model in plain Python."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.audit.comparison import classify, findings_by_kind
from target_klaviyo.audit.expected import ExpectedRows
from target_klaviyo.audit.found import FoundEvent, replace_found
from target_klaviyo.audit.store import open_store
from target_klaviyo.rows.contract import Origin
from target_klaviyo.rows.parser import RowParser

if TYPE_CHECKING:
    from collections.abc import Sequence

METRIC = "Paid"
NOON = int(datetime(2026, 3, 10, 12, tzinfo=timezone.utc).timestamp())
DAY = 86_400
PARSER = RowParser(now=datetime(2026, 4, 1, tzinfo=timezone.utc), live_window=timedelta(days=3))
PERIOD = {"start": NOON - 5 * DAY, "end": NOON + 5 * DAY, "settled_until": NOON + 4 * DAY}
ORIGIN = Origin("events", b"", b"")


def expected(unique_id: str = "u", who: str = "ada@shop.io", **changes: Any) -> dict[str, Any]:
    """An event row."""
    row = {
        "metric": METRIC,
        "unique_id": unique_id,
        "time": _iso(changes.pop("at", NOON)),
        "profile": {"email": who} if "@" in who else {"external_id": who},
        "value": 9.5,
        "value_currency": "EUR",
    }
    return row | changes


def found(unique_id: str | None = "u", who: str = "ada@shop.io", **changes: Any) -> dict[str, Any]:
    """An event as Klaviyo shows it."""
    person = {"id": f"id of {who}"} | ({"email": who} if "@" in who else {"external_id": who})
    event = {
        "id": f"{unique_id} {who} {changes.get('time')}",
        "time": NOON,
        "unique_id": unique_id,
        "value": 9.5,
        "currency": "EUR",
        "person": person,
        "properties": {},
    }
    return event | changes


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def compare(
    rows: Sequence[dict[str, Any]],
    events: Sequence[dict[str, Any]],
    profiles: Sequence[dict[str, Any]] = (),
) -> Counter[str]:
    """Findings by kind."""
    store = open_store()
    side = ExpectedRows(store)
    number = side.include_metric(METRIC)
    for row in rows:
        side.add_event(PARSER.parse_event(row, ORIGIN))
    for row in profiles:
        side.add_profile(PARSER.parse_profile(row, ORIGIN))
    replace_found(store, number, [FoundEvent(**event) for event in events], {})
    classify(store, **PERIOD)
    return +Counter(findings_by_kind(store, METRIC))


HOUR = 3_600
EARLIEST = _iso(NOON - 3 * DAY)
LATEST = _iso(NOON + 3 * DAY)
ANCHORED = {"email": "eve@shop.io", "external_id": "acc-1", "also_known_as": ["acc-2"]}


@pytest.mark.parametrize(
    ("rows", "events", "findings"),
    [
        ([], [], {}),
        ([expected()], [found()], {}),
        ([expected()], [], {"missing": 1}),
        ([], [found()], {"unexpected": 1}),
        ([expected()], [found("v")], {"missing": 1, "unexpected": 1}),
        ([expected()], [found(time=NOON + HOUR)], {"moved": 1}),
        ([expected()], [found(value=9.51)], {"altered": 1}),
        ([expected()], [found(value=None)], {}),
        ([expected(value=None)], [found(value=0.0, currency=None)], {}),
        ([expected()], [found(currency="SEK")], {"altered": 1}),
        ([expected()], [found(time=NOON + HOUR, value=1.0)], {"moved": 1}),
        ([expected()], [found(who="bob@shop.io")], {"elsewhere": 1}),
        ([expected()], [found(), found(who="bob@shop.io")], {"elsewhere": 1}),
        ([expected(), expected(who="bob@shop.io")], [found()], {"missing": 1}),
        ([expected(who="acc-1")], [found(who="acc-1")], {}),
        ([expected(who="acc-1")], [found(person={"id": "P", "email": "old@shop.io"})], {}),
        ([expected(who="acc-1")], [found(who="acc-2")], {"elsewhere": 1}),
        ([expected(earliest_time=EARLIEST)], [found(time=NOON - DAY)], {}),
        ([expected(latest_time=LATEST)], [found(time=NOON + DAY)], {}),
        ([expected(latest_time=LATEST)], [found(time=NOON + 4 * DAY)], {"moved": 1}),
        ([expected(latest_time=LATEST)], [found(time=NOON - 1)], {"moved": 1}),
        ([expected(earliest_time=EARLIEST)], [found(time=NOON - 4 * DAY)], {"moved": 1}),
        ([expected(earliest_time=EARLIEST)], [found(time=NOON + 1)], {"moved": 1}),
        ([expected(at=NOON + 6 * DAY)], [], {}),
        ([expected(at=NOON + 6 * DAY)], [found(time=NOON)], {"moved": 1}),
        ([], [found(time=NOON + 6 * DAY)], {}),
        ([expected(at=NOON + 4 * DAY + 1)], [], {"pending": 1}),
        ([expected(who="ada@example.com")], [], {"dropped": 1}),
        ([expected(was_true=True)], [], {}),
        ([expected(was_true=True)], [found(time=NOON - HOUR, value=1.0)], {}),
        ([expected()], [found(None)], {}),
        ([expected(), expected("v")], [found(None)], {"missing": 1}),
        ([expected(), expected("v")], [found(), found(None)], {}),
        ([expected()], [found(None, time=NOON + 1)], {"missing": 1, "unexpected": 1}),
        ([expected()], [found(None, who="bob@shop.io")], {"missing": 1, "unexpected": 1}),
    ],
)  # fmt: skip
def test_each_event_is_what_it_is(
    rows: list[dict[str, Any]], events: list[dict[str, Any]], findings: dict[str, int]
) -> None:
    """Missing, unexpected, moved, altered, elsewhere, or explained."""
    assert compare(rows, events) == findings


@pytest.mark.parametrize(
    ("person", "findings"),
    [
        ({"email": "eve@shop.io"}, {}),
        ({"email": "former@shop.io", "external_id": "acc-1"}, {}),
        ({"email": "former@shop.io", "external_id": "acc-2"}, {}),
        ({"email": "former@shop.io", "external_id": "foreign"}, {"elsewhere": 1}),
        ({"email": "former@shop.io"}, {"elsewhere": 1}),
        ({"external_id": "acc-2"}, {}),
    ],
)
def test_an_anchored_profile_is_its_persons_under_any_address(
    person: dict[str, str], findings: dict[str, int]
) -> None:
    """What a profile row tells of a person's external ids holds for the person's events."""
    events = [found(person={"id": "P", **person})]
    assert compare([expected(who="eve@shop.io")], events, [ANCHORED]) == findings


PEOPLE = ("ada@shop.io", "bob@shop.io")


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(PEOPLE), st.integers(-7, 7)), max_size=8
    ),
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(PEOPLE), st.integers(-7, 7)),
        max_size=8,
        unique_by=lambda each: each[:2],
    ),
)
def test_every_event_is_accounted_for_once(
    told: list[tuple[str, str, int]], kept: list[tuple[str, str, int]]
) -> None:
    """Whatever stands on the two sides, a plain model finds the same."""
    first = {(unique_id, who): day for unique_id, who, day in reversed(told)}
    there = {(unique_id, who): day for unique_id, who, day in kept}
    model: Counter[str] = Counter()
    elsewhere: set[str] = set()
    for key, day in there.items():
        others = [other for other in first if other[0] == key[0]]
        if key in first:
            moved = first[key] != day and (_inside(first[key]) or _inside(day))
            model["moved"] += moved
        elif others and (_inside(day) or any(_inside(first[other]) for other in others)):
            model["elsewhere"] += 1
            elsewhere.add(key[0])
        elif not others:
            model["unexpected"] += _inside(day)
    for key, day in first.items():
        if key not in there and key[0] not in elsewhere and _inside(day):
            model["missing" if day < 4 else "pending"] += 1
    rows = [expected(each, who, at=NOON + day * DAY) for each, who, day in told]
    events = [found(each, who, time=NOON + day * DAY) for each, who, day in kept]
    assert compare(rows, events) == Counter({kind: of for kind, of in model.items() if of})


def _inside(day: int) -> bool:
    return -5 <= day < 5
