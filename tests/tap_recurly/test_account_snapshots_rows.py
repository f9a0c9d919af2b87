"""The parts of a snapshot: what is taken out of rows of any kind, and what is added to them."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_recurly.http.pages import Row
from tap_recurly.streams.snapshot_rows import (
    SAME_EMAIL_ATTRIBUTES,
    SUBSCRIPTION_ATTRIBUTES,
    PlanIntervals,
    address_of,
    other_account,
    snapshot,
)
from tap_recurly.streams.snapshot_store import SnapshotStore

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def row(record: dict[str, Any]) -> Row:
    """A record as Recurly sends it."""
    return Row(json.dumps(record).encode())


def objects(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these attributes, and others, of any kind."""
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=5), JSON, max_size=8)


@given(objects(*SUBSCRIPTION_ATTRIBUTES).filter(lambda one: not isinstance(one.get("plan"), dict)))
def test_excerpt_is_what_was_there(subscription: dict[str, Any]) -> None:
    """Of a subscription its known attributes pass, of whatever kind, and nothing is made up."""
    told = json.loads(PlanIntervals([]).subscription(row(subscription)))
    assert told == {
        name: value for name, value in subscription.items() if name in SUBSCRIPTION_ATTRIBUTES
    }


@given(
    objects("id", "code", "name", "interval_unit"),
    st.lists(objects("id", "interval_unit", "interval_length"), max_size=4),
)
def test_interval_comes_from_the_plan_of_this_id(
    embedded: dict[str, Any], plans: list[dict[str, Any]]
) -> None:
    """A plan is told with its interval if the site has it; of plans with one id the last counts."""
    line = PlanIntervals(map(row, plans)).subscription(row({"plan": embedded}))
    told = json.loads(line)["plan"]
    attributes = ("id", "code", "name", "interval_unit", "interval_length")
    expected = {name: embedded[name] for name in attributes if name in embedded}
    known = [
        plan
        for plan in plans
        if "id" in plan
        and "id" in embedded
        and json.dumps(plan["id"]) == json.dumps(embedded["id"])
    ]
    for name in ("interval_unit", "interval_length"):
        if known:
            expected.pop(name, None)
            expected |= {name: known[-1][name]} if name in known[-1] else {}
    assert told == expected


@given(objects(*SAME_EMAIL_ATTRIBUTES), JSON)
def test_other_account_tells_its_card_and_no_secret(account: dict[str, Any], method: Any) -> None:
    """Of another account known attributes pass, of its billing info only what tells the card."""
    billing_info = {"gateway_token": "secret", "payment_method": method}
    whole = row(account | {"billing_info": billing_info})
    line = other_account(whole, SAME_EMAIL_ATTRIBUTES, None)
    told = json.loads(line)
    card = told.pop("billing_info")["payment_method"]
    shown = {"object", "card_type", "exp_month", "exp_year", "last_four"}
    assert card == (
        {name: method[name] for name in method if name in shown}
        if isinstance(method, dict)
        else method
    )
    assert told == {
        name: value
        for name, value in account.items()
        if name in SAME_EMAIL_ATTRIBUTES and name != "billing_info"
    }


@pytest.mark.parametrize("line", [b"{}", b"{ }", b'{"id":"a"}', b'{"id": "a" }'])
def test_arrays_are_added_to_any_object(line: bytes) -> None:
    """What is read beside an account is added to it, what was not read is absent."""
    own = json.loads(line)
    assert snapshot(Row(line), None, None).record == own
    assert snapshot(Row(line), [], [b"{}"]).record == {
        **own,
        "subscriptions": [],
        "same_email": [{}],
    }


def test_latest_version_counts_and_the_oldest_comes_first() -> None:
    """A subscription that was read twice is told once, as it was last."""
    versions = [("b", "2", 1), ("a", "2", 2), ("b", "3", 3), ("c", "1", 4), ("b", "2", 5)]
    lines = [
        json.dumps({"id": name, "created_at": name, "updated_at": moment, "quantity": number})
        for name, moment, number in versions
    ]
    told = snapshot(Row(b"{}"), [line.encode() for line in lines], None).record["subscriptions"]
    assert [one["quantity"] for one in told] == [2, 3, 4]


@pytest.mark.parametrize(
    ("email", "address"),
    [
        ("Ann@Mail.dev", "ann@mail.dev"),
        (" ann@mail.dev\n", "ann@mail.dev"),
        ("\u200b ann@mail.dev\ufeff \u200b", "ann@mail.dev"),
        ("STRASSE@x.dev", "strasse@x.dev"),
        ("Straße@x.dev", "straße@x.dev"),
        ("", None),
        (" ", None),
        (None, None),
        (5, None),
        (["ann@mail.dev"], None),
    ],
)
def test_address(email: Any, address: str | None) -> None:
    """Addresses are compared trimmed and without case; what is no text is none."""
    assert address_of(row({"email": email})) == address
    assert address_of(row({})) is None


@given(JSON)
def test_owner_is_a_text_or_nobody(account: Any) -> None:
    """A row belongs to the account whose id it names, and to none when that is no text."""
    account_id = account.get("id") if isinstance(account, dict) else None
    expected = account_id if isinstance(account_id, str) else ""
    assert row({"account": account}).account_id == expected


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "X "]), JSON), max_size=8)
)
def test_store_gives_back_what_it_was_given(rows: list[tuple[str, str, Any]]) -> None:
    """Whatever accounts hold, the store keeps the last version of each, and accounts without id."""
    accounts = [{"id": account, "email": email, "any": value} for account, email, value in rows]
    nameless = [{"any": value} for _, _, value in rows]
    with closing(SnapshotStore()) as store:
        store.add_touched(map(row, accounts))
        store.add_touched(map(row, nameless))
        told = [
            each.record
            for each in store.snapshots(with_subscriptions=False, same_email=SAME_EMAIL_ATTRIBUTES)
        ]
    latest = {account["id"]: account for account in accounts}
    people = {each["id"]: each.pop("same_email") for each in told if "id" in each}
    assert [each for each in told if "id" in each] == [latest[name] for name in sorted(latest)]
    assert sum("id" not in each for each in told) == len(nameless)
    for name, others in people.items():
        assert [other["id"] for other in others] == [
            other
            for other in sorted(latest)
            if other != name and latest[name]["email"] and latest[other]["email"]
        ]
