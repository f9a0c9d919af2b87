"""A profile row is a function of the person, whichever of the accounts was touched."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurly_to_klaviyo import Transform

if TYPE_CHECKING:
    from collections.abc import Callable

    RecordFactory = Callable[..., dict[str, Any]]

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
EVERYTHING = {
    "properties": ["native", "status"],
    "custom_fields": {"account": ["size"], "subscription": ["team"]},
}
Account = dict[str, Any]

SHORT = (
    *("id", "code", "state", "created_at", "updated_at", "has_past_due_invoice"),
    *("billing_info", "custom_fields", "subscriptions"),
)
"""What `same_email` tells of an account."""

TIMES = st.sampled_from(
    [
        None,
        *(f"2026-{month:02}-{day:02}T10:00:00Z" for month in (4, 5, 6, 7) for day in (1, 2, 28)),
        "2026-06-01T12:00:00Z",
    ]
)
FIELDS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["size", "team"]), "value": st.sampled_from(["S", "M", ""])}
    ),
    max_size=2,
)
PLANS = st.sampled_from(["gold", "basic", "team"]).flatmap(
    lambda code: st.fixed_dictionaries(
        {
            "id": st.just(code),
            "code": st.just(code),
            "name": st.just(code.title()),
            "interval_unit": st.sampled_from(["months", "days"]),
            "interval_length": st.sampled_from([1, 12, 30]),
        }
    )
)
SUBSCRIPTIONS = st.fixed_dictionaries(
    {
        "id": st.uuids().map(str),
        "plan": PLANS,
        "state": st.sampled_from(["active", "canceled", "paused", "future", "expired", "failed"]),
        "quantity": st.integers(1, 3),
        "subtotal": st.sampled_from([0.0, 10.0, 29.99, 120.0]),
        "total": st.sampled_from([None, 12.5, 150.0]),
        "currency": st.sampled_from(["USD", "EUR"]),
        "collection_method": st.sampled_from(["automatic", "manual"]),
        "auto_renew": st.sampled_from([True, False, None]),
        "remaining_billing_cycles": st.sampled_from([None, 0, 3]),
        "current_period_started_at": TIMES,
        "current_period_ends_at": TIMES,
        "trial_started_at": TIMES,
        "trial_ends_at": TIMES,
        "activated_at": TIMES,
        "canceled_at": TIMES,
        "expires_at": TIMES,
        "expiration_reason": st.sampled_from([None, "canceled", "nonpayment"]),
        "paused_at": TIMES,
        "custom_fields": FIELDS,
        "created_at": st.just("2026-04-01T09:00:00Z"),
        "updated_at": TIMES,
    }
)
CARDS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "payment_method": st.fixed_dictionaries(
                {
                    "object": st.just("credit_card"),
                    "exp_month": st.integers(1, 12),
                    "exp_year": st.sampled_from([25, 2026, 2027]),
                }
            )
        }
    ),
)
ADDRESSES = st.sampled_from(["anna@mail.dev", "Anna@Mail.dev", " anna@mail.dev"])
ACCOUNTS = st.fixed_dictionaries(
    {
        "id": st.uuids().map(str),
        "code": st.sampled_from(["anna", "anna-2", "anna@mail.dev"]),
        "email": ADDRESSES,
        "state": st.sampled_from(["active", "inactive"]),
        "created_at": st.sampled_from(["2024-01-01T10:00:00Z", "2025-01-01T10:00:00Z"]),
        "updated_at": st.sampled_from(["2026-05-01T10:00:00Z", "2026-05-02T10:00:00Z"]),
        "has_past_due_invoice": st.booleans(),
        "billing_info": CARDS,
        "custom_fields": FIELDS,
        "subscriptions": st.lists(SUBSCRIPTIONS, max_size=3),
    }
)
PEOPLE = st.lists(ACCOUNTS, min_size=1, max_size=4)


def _snapshots(accounts: list[Account]) -> list[Account]:
    """A snapshot of each of a person's accounts."""
    return [
        {
            **account,
            "same_email": sorted(
                (
                    {name: other[name] for name in SHORT}
                    for other in accounts
                    if other is not account
                ),
                key=lambda other: str(other["created_at"]),
            ),
        }
        for account in accounts
    ]


def _row(transform: Transform, snapshot: Account) -> dict[str, Any]:
    return transform.rows("account_snapshots", snapshot)[0][1]


@given(PEOPLE)
def test_a_profile_is_the_same_whichever_account_was_touched(accounts: list[Account]) -> None:
    """Snapshots of each of the accounts give one row, but for how the address is spelled."""
    transform = Transform(EVERYTHING, clock=lambda: NOW)
    rows = [_row(transform, snapshot) for snapshot in _snapshots(accounts)]
    for row in rows:
        row["email"] = row["email"].lower()
        row["also_known_as"] = sorted(row.get("also_known_as", []))
    assert all(row == rows[0] for row in rows)


@given(PEOPLE)
def test_a_person_is_anchored_by_the_oldest_account(accounts: list[Account]) -> None:
    """The anchor is the oldest account's id, and the other ids are told beside it."""
    oldest = min(accounts, key=lambda account: (account["created_at"], account["id"]))
    row = _row(Transform({}), _snapshots(accounts)[-1])
    assert row["external_id"] == oldest["id"]
    others = {account["id"] for account in accounts} - {oldest["id"]}
    assert set(row.get("also_known_as", [])) == others


@given(PEOPLE)
def test_plans_are_the_union_over_all_accounts(accounts: list[Account]) -> None:
    """Every plan that any account holds is listed, once."""
    held = {
        subscription["plan"]["code"]
        for account in accounts
        for subscription in account["subscriptions"]
        if subscription["state"] in {"active", "canceled", "paused", "future"}
    }
    codes = _row(Transform({}), _snapshots(accounts)[0])["properties"]["Recurly Plan Codes"]
    assert sorted(codes) == sorted(held)


@given(PEOPLE)
def test_a_closed_account_never_wins_over_an_open_one(accounts: list[Account]) -> None:
    """While any account is open, code and state are an open one's."""
    transform = Transform(EVERYTHING, clock=lambda: NOW)
    properties = _row(transform, _snapshots(accounts)[0])["properties"]
    is_open = any(account["state"] != "inactive" for account in accounts)
    assert (properties["Recurly Account State"] != "inactive") == is_open


@given(PEOPLE)
def test_by_code_every_account_is_a_person_of_its_own(accounts: list[Account]) -> None:
    """With identify_by account_code nothing of the other accounts is told."""
    transform = Transform({"identify_by": "account_code"}, clock=lambda: NOW)
    for account, snapshot in zip(accounts, _snapshots(accounts), strict=True):
        assert _row(transform, snapshot) == _row(transform, {**account, "same_email": []})


def _account(name: str, **changes: Any) -> Account:
    return {
        "id": name,
        "code": name,
        "email": "anna@mail.dev",
        "state": "active",
        "created_at": "2025-01-01T10:00:00Z",
        "updated_at": "2026-05-01T10:00:00Z",
        "billing_info": None,
        "subscriptions": [],
        **changes,
    }


HOLDS = {"subscriptions": [{"state": "active", "plan": {"code": "gold", "name": "Gold"}}]}
LATER = {"updated_at": "2026-05-31T10:00:00Z"}


@pytest.mark.parametrize(
    ("one", "other", "leading"),
    [
        ({"state": "inactive", **LATER, **HOLDS}, {}, "b"),
        ({"state": "closed", **LATER, **HOLDS}, {}, "b"),
        ({"state": "inactive", **LATER}, {"state": "inactive"}, "a"),
        ({**HOLDS}, {**LATER}, "a"),
        ({**HOLDS}, {**HOLDS, **LATER}, "b"),
        ({**LATER}, {}, "a"),
        ({"state": "inactive"}, {**LATER}, "b"),
        ({}, {}, "b"),
    ],
)
def test_the_leading_account_is_open_holds_a_plan_and_was_updated_last(
    transform: Transform, one: Account, other: Account, leading: str
) -> None:
    """In this order; of equals the younger, then the greater id."""
    accounts = [_account("a", **one), _account("b", **other)]
    for snapshot in _snapshots_of(accounts):
        assert _row(transform, snapshot)["properties"]["Recurly Account Code"] == leading


def _snapshots_of(accounts: list[Account]) -> list[Account]:
    return [{**each, "same_email": [o for o in accounts if o is not each]} for each in accounts]


@pytest.mark.parametrize(
    ("field", "left_alone"),
    [
        ("code", {"Recurly Account Code"}),
        ("billing_info", {"Recurly Card Expiration Date"}),
        ("subscriptions", {"Recurly Plan Codes", "Recurly Plans"}),
    ],
)
@pytest.mark.parametrize("of_which", ["snapshot", "other", "both"])
def test_a_field_that_was_not_read_leaves_its_property_alone(
    transform: Transform, field: str, left_alone: set[str], of_which: str
) -> None:
    """A deselected field clears nothing, and one sentence says what is lacking."""
    accounts = [_account("a"), _account("b", **LATER)]
    if of_which != "snapshot":
        del accounts[0][field]
    if of_which != "other":
        del accounts[1][field]
    snapshot = {**accounts[1], "same_email": [accounts[0]]}
    told = set(_row(transform, snapshot)["properties"])
    all_four = {"Recurly Account Code", "Recurly Card Expiration Date"}
    all_four |= {"Recurly Plan Codes", "Recurly Plans"}
    if of_which == "other" and field != "subscriptions":
        assert told == all_four  # the leading account's was read
        return
    assert told == all_four - left_alone
    (sentence,) = transform.summary()
    assert f"came without '{field}'" in sentence
    assert ", ".join(sorted(left_alone)) in sentence


def test_an_empty_object_where_the_card_belongs_was_deselected(transform: Transform) -> None:
    """Some taps leave an empty object of deselected fields: that is no account without card."""
    properties = _row(transform, _account("a", billing_info={}, same_email=[]))["properties"]
    assert "Recurly Card Expiration Date" not in properties


@pytest.mark.parametrize("others", ["absent", "unreadable"])
def test_without_the_other_accounts_the_one_is_told(transform: Transform, others: str) -> None:
    """From a tap that does not tell of them each account counts alone, and that is said."""
    snapshot = _account("a")
    if others == "unreadable":
        snapshot["same_email"] = "two"
    assert _row(transform, snapshot)["external_id"] == "a"
    (sentence,) = transform.summary()
    assert "came without 'same_email'" in sentence


def test_nothing_lacking_is_nothing_said(transform: Transform) -> None:
    """A run in which all was read has nothing to say."""
    _row(transform, _account("a", same_email=[]))
    assert transform.summary() == []


@pytest.mark.parametrize(
    ("account", "sent"),
    [
        ({"first_name": "Anna", "company": "Å AB"}, {"first_name": "Anna", "organization": "Å AB"}),
        ({"first_name": "", "last_name": None, "preferred_locale": "sv-SE"}, {"locale": "sv-SE"}),
        ({"first_name": 7}, {}),
    ],
)
def test_chosen_attributes_are_the_leading_accounts(
    transform_with: Callable[..., Transform], account: Account, sent: dict[str, str]
) -> None:
    """Attributes go out when chosen and filled in, and never from an account that trails."""
    chosen = ["first_name", "last_name", "organization", "locale"]
    transform = transform_with(profile_attributes=chosen)
    leading, trailing = _account("a", **account), _account("b", state="inactive", first_name="Old")
    row = _row(transform, {**leading, "same_email": [trailing]})
    assert {name: row[name] for name in chosen if name in row} == sent
    assert not set(chosen) & _row(transform, {**trailing, "same_email": [leading]}).keys()
    assert not set(chosen) & _row(transform_with(), {**leading, "same_email": []}).keys()
