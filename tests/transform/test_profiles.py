"""Account snapshots become profile rows with the four Recurly properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot as expected

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_to_klaviyo import Transform

    RecordFactory = Callable[..., dict[str, Any]]


def _row(transform: Transform, record: dict[str, Any]) -> dict[str, Any]:
    ((kind, row),) = transform.rows("account_snapshots", record)
    assert kind == "profile"
    return row


def _subscription(state: str, code: str, name: str) -> dict[str, Any]:
    return {"state": state, "plan": {"code": code, "name": name}}


def test_a_snapshot_becomes_this_row(transform: Transform, snapshot: RecordFactory) -> None:
    """A snapshot becomes the profile's identifier and the four properties, nothing else."""
    assert _row(transform, snapshot()) == expected(
        {
            "email": "anna@mail.dev",
            "external_id": "acc1",
            "properties": {
                "Recurly Account Code": "anna",
                "Recurly Card Expiration Date": "2028-02-29",
                "Recurly Plan Codes": ["gold"],
                "Recurly Plans": ["Gold"],
            },
        }
    )


@pytest.mark.parametrize(
    ("state", "held"),
    [
        ("active", True),
        ("canceled", True),
        ("paused", True),
        ("future", True),
        ("expired", False),
        ("failed", False),
        ("something_new", False),
    ],
)
def test_a_plan_is_held_by_the_subscriptions_state(
    transform: Transform, snapshot: RecordFactory, state: str, *, held: bool
) -> None:
    """A canceled subscription runs to the period's end; an expired or failed one is over."""
    row = _row(transform, snapshot(subscriptions=[_subscription(state, "gold", "Gold")]))
    assert row["properties"]["Recurly Plan Codes"] == (["gold"] if held else [])
    assert row["properties"]["Recurly Plans"] == (["Gold"] if held else [])


def test_each_plan_is_listed_once(transform: Transform, snapshot: RecordFactory) -> None:
    """Two subscriptions to one plan list it once, in the order of the subscriptions."""
    record = snapshot(
        subscriptions=[
            _subscription("active", "gold", "Gold"),
            _subscription("paused", "basic", "Basic"),
            _subscription("active", "gold", "Gold"),
        ]
    )
    properties = _row(transform, record)["properties"]
    assert properties["Recurly Plan Codes"] == ["gold", "basic"]
    assert properties["Recurly Plans"] == ["Gold", "Basic"]


@pytest.mark.parametrize(
    ("billing_info", "expiration"),
    [
        ({"payment_method": {"exp_month": 1, "exp_year": 2027}}, "2027-01-31"),
        ({"payment_method": {"exp_month": 2, "exp_year": 2027}}, "2027-02-28"),
        ({"payment_method": {"exp_month": 2, "exp_year": 2028}}, "2028-02-29"),
        ({"payment_method": {"exp_month": 12, "exp_year": 2026}}, "2026-12-31"),
        ({"payment_method": {"exp_month": 13, "exp_year": 2026}}, None),
        ({"payment_method": {"object": "bank_account_info"}}, None),
        ({"payment_method": {"exp_month": 7, "exp_year": 28}}, "2028-07-31"),
        ({"payment_method": {"exp_month": "07", "exp_year": "2028"}}, "2028-07-31"),
        ({"payment_method": {"object": "credit_card", "exp_year": None}}, None),
        ({"payment_method": {"exp_month": [], "exp_year": 10**30}}, None),
        ({"payment_method": None}, None),
        (None, None),
    ],
)
def test_a_card_expires_at_the_end_of_its_month(
    transform: Transform,
    snapshot: RecordFactory,
    billing_info: dict[str, Any] | None,
    expiration: str | None,
) -> None:
    """The date is the last day of the card's month; without a card the property is cleared."""
    row = _row(transform, snapshot(billing_info=billing_info))
    assert row["properties"]["Recurly Card Expiration Date"] == expiration


def test_a_closed_account_is_cleared(transform: Transform, snapshot: RecordFactory) -> None:
    """An account without billing info and subscriptions keeps its code and loses the rest."""
    record = snapshot(billing_info=None, subscriptions=None)
    assert _row(transform, record)["properties"] == {
        "Recurly Account Code": "anna",
        "Recurly Card Expiration Date": None,
        "Recurly Plan Codes": [],
        "Recurly Plans": [],
    }
