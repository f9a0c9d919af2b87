"""What an event or a profile merely tells may be unreadable: it is left out, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurly_to_klaviyo import Transform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    RecordFactory = Callable[..., dict[str, Any]]

JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(alphabet=st.characters(exclude_categories=())),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)
TRANSACTION_DECORATIONS = (
    *("invoice", "subscription_ids", "payment_method", "origin", "collection_method"),
    *("status_code", "status_message", "customer_message", "gateway_response_code"),
    *("original_transaction_id", "refunded", "unheard_of"),
)
INVOICE_DECORATIONS = (
    *("number", "state", "collection_method", "due_at", "subtotal", "discount", "tax"),
    *("subscription_ids", "dunning_events_sent", "unheard_of"),
)
ITEM_DECORATIONS = (
    *("description", "external_sku", "product_code", "plan_code", "add_on_code", "item_code"),
    *("quantity", "quantity_decimal", "unit_amount", "unit_amount_decimal", "subtotal"),
    *("discount", "tax", "start_date", "end_date", "unheard_of"),
)
with_fixtures = settings(
    # The fixture only builds records; hypothesis' clock must not judge a busy machine.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)


def _essence(rows: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[Any, ...]]:
    needed = ("metric", "unique_id", "profile", "value", "value_currency")
    return [tuple(row.get(name) for name in needed) for _, row in rows]


def _assert_klaviyo_takes(rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """JSON without NaN, in UTF-8, nested three levels at most."""
    for _, row in rows:
        json.dumps(row, allow_nan=False, ensure_ascii=False).encode()
        for value in row["properties"].values():
            assert not isinstance(value, dict)
            assert value is not None


@pytest.mark.slow
@with_fixtures
@given(
    status=st.sampled_from(["success", "declined", "chargeback"]),
    junk=st.dictionaries(st.sampled_from(TRANSACTION_DECORATIONS), JUNK),
)
def test_no_decoration_costs_a_payment(
    transaction: RecordFactory, status: str, junk: dict[str, Any]
) -> None:
    """Whatever stands in a transaction's other fields, whose, what and how much stay the same."""
    plain = Transform({}).rows("transactions", transaction(status=status))
    rows = Transform({}).rows("transactions", transaction(status=status, **junk))
    kept = [(kind, row) for kind, row in rows if "was_true" not in row]
    assert _essence(kept) == _essence(plain)
    _assert_klaviyo_takes(rows)


@pytest.mark.slow
@with_fixtures
@given(
    junk=st.dictionaries(st.sampled_from(INVOICE_DECORATIONS), JUNK),
    item_junk=st.dictionaries(st.sampled_from(ITEM_DECORATIONS), JUNK),
)
def test_no_decoration_costs_an_invoice(
    invoice: RecordFactory, junk: dict[str, Any], item_junk: dict[str, Any]
) -> None:
    """Whatever stands in other fields of an invoice or a line item, its events stay."""
    record = invoice(**junk)
    record["line_items"][0].update(item_junk)
    rows = Transform({}).rows("invoices", record)
    assert _essence(rows) == _essence(Transform({}).rows("invoices", invoice()))
    _assert_klaviyo_takes(rows)


@pytest.mark.slow
@with_fixtures
@given(
    junk=st.dictionaries(
        st.sampled_from(
            ["code", "state", "created_at", "updated_at", "billing_info", "subscriptions"]
        ),
        JUNK,
    )
)
def test_no_decoration_costs_a_profile(snapshot: RecordFactory, junk: dict[str, Any]) -> None:
    """Whatever stands in an account's other fields, its profile row is there."""
    ((_, row),) = Transform({}).rows("account_snapshots", snapshot(**junk))
    assert row["email"] == "anna@mail.dev"
    json.dumps(row, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.slow
@with_fixtures
@given(
    junk=st.dictionaries(
        st.sampled_from(
            [
                *("plan", "state", "quantity", "total", "subtotal", "currency"),
                *("activated_at", "trial_started_at", "trial_ends_at", "canceled_at"),
                *("current_period_ends_at", "expires_at", "paused_at", "auto_renew"),
                *("remaining_billing_cycles", "pending_change", "coupon_redemptions"),
                *("custom_fields", "created_at", "updated_at"),
            ]
        ),
        JUNK,
    )
)
def test_no_flaw_of_a_subscription_costs_the_profile(
    snapshot: RecordFactory, subscription: RecordFactory, junk: dict[str, Any]
) -> None:
    """Whatever stands in a subscription, the profile and the other subscription's events stay."""
    transform = Transform(
        {
            "metrics": ["lifecycle", "reminders"],
            "properties": ["native", "status"],
            "custom_fields": {"subscription": ["team"]},
        }
    )
    flawed = {**subscription(id="sub2"), **junk}
    rows = transform.rows("account_snapshots", snapshot(subscriptions=[subscription(), flawed]))
    assert rows[0][0] == "profile"
    json.dumps([row for _, row in rows], allow_nan=False, ensure_ascii=False).encode()


def test_what_was_left_out_is_counted_once_at_the_end(
    transform: Transform, invoice: RecordFactory, transaction: RecordFactory
) -> None:
    """One sentence names the properties and in how many records each could not be read."""
    record = invoice(due_at="soon")
    record["line_items"][0]["quantity_decimal"] = "many"
    transform.rows("invoices", record)
    transform.rows("invoices", invoice(due_at=["soon"]))
    transform.rows("transactions", transaction(payment_method="Visa"))
    (sentence,) = transform.summary()
    assert "Due At (2), Payment Method (1), Quantity (1)" in sentence
    assert "many" not in sentence


@pytest.mark.parametrize(
    ("item", "price"),
    [
        ({"unit_amount": None, "unit_amount_decimal": "0.000125"}, 0.000125),
        ({"unit_amount": 0.0, "unit_amount_decimal": "0.000125"}, 0.000125),
        ({"unit_amount": 4.0, "unit_amount_decimal": None}, 4.0),
        ({"unit_amount": 4.0, "unit_amount_decimal": ""}, 4.0),
        ({"unit_amount": 0.0, "unit_amount_decimal": None}, 0.0),
        ({"unit_amount": 0.0, "unit_amount_decimal": "0.0"}, 0.0),
        ({"unit_amount": None, "unit_amount_decimal": None}, None),
        ({"unit_amount": "cheap", "unit_amount_decimal": None}, None),
    ],
)
def test_a_decimal_price_is_the_unit_price(
    transform: Transform, invoice: RecordFactory, item: dict[str, Any], price: float | None
) -> None:
    """With decimal pricing the price stands beside a null or a zero."""
    record = invoice()
    record["line_items"][0].update(item)
    _, (_, ordered) = transform.rows("invoices", record)
    assert ordered["properties"].get("Unit Price") == price


def test_empty_texts_are_nothing(transform: Transform, transaction: RecordFactory) -> None:
    """Where Recurly writes an empty text the property is absent, as for null."""
    record = transaction(status="declined", customer_message="", status_message="", origin="")
    properties = transform.rows("transactions", record)[0][1]["properties"]
    assert not {"Customer Message", "Failure Reason", "Origin"} & properties.keys()


def test_half_an_emoji_is_replaced(transform: Transform, transaction: RecordFactory) -> None:
    """A text that has no UTF-8 becomes one that has."""
    record = transaction(status="declined", status_message="no \ud83d money å")
    properties = transform.rows("transactions", record)[0][1]["properties"]
    assert properties["Failure Reason"] == "no \ufffd money å"


@pytest.mark.parametrize("description", ["Seat {}", "Séat {} " * 500])
def test_an_invoice_of_any_length_fits_one_event(
    transform: Transform, invoice: RecordFactory, description: str
) -> None:
    """Items and names are cut far below Klaviyo's 5 MB; the count tells the true number."""
    record = invoice()
    item = record["line_items"][0]
    record["line_items"] = [
        {**item, "id": f"li{number}", "description": description.replace("{}", str(number))}
        for number in range(6_000)
    ]
    row = transform.rows("invoices", record)[0][1]
    assert row["properties"]["Item Count"] == 6_000
    assert 50 < len(row["properties"]["Items"]) <= 4_000
    assert len(json.dumps(row, ensure_ascii=False).encode()) < 3_000_000
