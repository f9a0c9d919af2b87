"""Invoices become Issued Invoice, and their charges Ordered Product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_to_klaviyo import Transform

    RecordFactory = Callable[..., dict[str, Any]]

ORIGINS = (
    *("carryforward_credit", "carryforward_gift_credit", "credit", "external_refund", "gift_card"),
    *("immediate_change", "import", "line_item_refund", "open_amount_refund", "prepayment"),
    *("purchase", "refund", "renewal", "termination", "usage_correction", "write_off"),
)
NEVER_ISSUED = {"write_off", "carryforward_credit", "carryforward_gift_credit", "import"}
LEGACY_REFUNDS = {
    *("refund", "line_item_refund", "open_amount_refund", "external_refund", "credit"),
}
ITEM_ORIGINS = (
    *("add_on", "add_on_trial", "carryforward", "coupon", "credit", "debit", "one_time", "plan"),
    *("plan_trial", "setup_fee", "prepayment"),
)


def _counts(transform: Transform, record: dict[str, Any]) -> dict[str, int]:
    metrics = [row["metric"] for _, row in transform.rows("invoices", record)]
    return {metric: metrics.count(metric) for metric in metrics}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("kind", ["charge", "legacy", "credit", "something_new"])
def test_every_type_and_origin_is_decided(
    transform: Transform, invoice: RecordFactory, kind: str, origin: str
) -> None:
    """Charges and legacy charges are issued; bookkeeping, imports and refunds are not."""
    issued = (
        kind in {"charge", "legacy"}
        and origin not in NEVER_ISSUED
        and not (kind == "legacy" and origin in LEGACY_REFUNDS)
    )
    expected = {"Issued Invoice": 1, "Ordered Product": 1} if issued else {}
    assert _counts(transform, invoice(type=kind, origin=origin)) == expected


@pytest.mark.parametrize("origin", ["refund", "write_off"])
def test_credit_invoices_count_on_request(
    transform_with: Callable[..., Transform], invoice: RecordFactory, origin: str
) -> None:
    """With type credit asked for, refunds are issued invoices; write-offs still are not."""
    transform = transform_with(issued_invoice_types=["charge", "credit"])
    record = invoice(type="credit", origin=origin, total=-30.0, line_items=[])
    assert _counts(transform, record) == ({"Issued Invoice": 1} if origin == "refund" else {})


@pytest.mark.parametrize("state", ["open", "pending", "past_due", "paid", "failed", "voided"])
def test_any_state_and_total_is_issued(
    transform: Transform, invoice: RecordFactory, state: str
) -> None:
    """An invoice of any state is issued, one over nothing too."""
    record = invoice(state=state, total=0.0, line_items=[])
    ((_, row),) = transform.rows("invoices", record)
    assert (row["metric"], row["value"], row["properties"]["State"]) == (
        "Issued Invoice",
        0.0,
        state,
    )


@pytest.mark.parametrize("origin", ITEM_ORIGINS)
@pytest.mark.parametrize("kind", ["charge", "credit"])
def test_every_line_item_is_decided(
    transform: Transform, invoice: RecordFactory, kind: str, origin: str
) -> None:
    """Charges are ordered products; credits and what only moves money is not."""
    record = invoice()
    record["line_items"][0].update(type=kind, origin=origin)
    ordered = kind == "charge" and origin not in {
        "carryforward",
        "credit",
        "coupon",
        "prepayment",
    }
    assert _counts(transform, record).get("Ordered Product", 0) == int(ordered)


def test_ordered_products_can_be_limited_by_the_invoices_origin(
    transform_with: Callable[..., Transform], invoice: RecordFactory
) -> None:
    """With ordered_product_origins purchase, a renewal is issued but orders nothing."""
    transform = transform_with(ordered_product_origins=["purchase"])
    assert _counts(transform, invoice(origin="renewal")) == {"Issued Invoice": 1}
    assert _counts(transform, invoice(origin="purchase")) == {
        "Issued Invoice": 1,
        "Ordered Product": 1,
    }


def test_an_invoice_becomes_these_rows(transform: Transform, invoice: RecordFactory) -> None:
    """One Issued Invoice that lists its items, and one Ordered Product for each of them."""
    record = invoice(due_at="2026-05-01T10:00:00Z", collection_method="automatic")
    record["line_items"].append(
        {
            "id": "li2",
            "type": "charge",
            "origin": "add_on",
            "description": "Extra seats",
            "plan_code": "gold",
            "add_on_code": "seat",
            "product_code": "seat",
            "account": {"code": "child"},
            "bill_for_account_id": "acc2",
            "quantity": 2,
            "quantity_decimal": "2.5",
            "unit_amount": 4.0,
            "subtotal": 10.0,
            "discount": 1.0,
            "tax": 0.9,
            "amount": 9.9,
            "start_date": "2026-05-01T10:00:00Z",
            "end_date": "2026-06-01T10:00:00Z",
        }
    )
    issued, _, ordered = (row for _, row in transform.rows("invoices", record))
    assert issued == snapshot(
        {
            "metric": "Issued Invoice",
            "unique_id": "recurly-invoice-inv1-issued",
            "time": "2026-05-01T10:00:00Z",
            "profile": {"email": "anna@mail.dev"},
            "known_as": "acc1",
            "properties": {
                "Recurly ID": "inv1",
                "Account Code": "anna",
                "Currency": "USD",
                "Invoice Number": "1001",
                "Invoice Type": "charge",
                "Origin": "renewal",
                "State": "paid",
                "Collection Method": "automatic",
                "Due At": "2026-05-01T10:00:00Z",
                "Subtotal": 30.0,
                "Discount": 0.0,
                "Tax": 0.0,
                "Total": 30.0,
                "Plan Codes": ["gold"],
                "Item Names": ["Gold", "Extra seats"],
                "Item Count": 2,
                "Items": [
                    {
                        "Product Name": "Gold",
                        "SKU": "gold",
                        "Plan Code": "gold",
                        "Quantity": 1,
                        "Unit Price": 30.0,
                        "Subtotal": 30.0,
                        "Discount": 0.0,
                        "Tax": 0.0,
                        "Invoice Number": "1001",
                        "Invoice Origin": "renewal",
                        "Line Item Origin": "plan",
                    },
                    {
                        "Product Name": "Extra seats",
                        "SKU": "seat",
                        "Plan Code": "gold",
                        "Add-on Code": "seat",
                        "Quantity": 2.5,
                        "Unit Price": 4.0,
                        "Subtotal": 10.0,
                        "Discount": 1.0,
                        "Tax": 0.9,
                        "Invoice Number": "1001",
                        "Invoice Origin": "renewal",
                        "Line Item Origin": "add_on",
                        "Start Date": "2026-05-01T10:00:00Z",
                        "End Date": "2026-06-01T10:00:00Z",
                    },
                ],
            },
            "value": 30.0,
            "value_currency": "USD",
        }
    )
    assert ordered == snapshot(
        {
            "metric": "Ordered Product",
            "unique_id": "recurly-line-item-li2-ordered",
            "time": "2026-05-01T10:00:00Z",
            "profile": {"email": "anna@mail.dev"},
            "known_as": "acc1",
            "properties": {
                "Recurly ID": "li2",
                "Account Code": "anna",
                "Currency": "USD",
                "Product Name": "Extra seats",
                "SKU": "seat",
                "Plan Code": "gold",
                "Add-on Code": "seat",
                "Quantity": 2.5,
                "Unit Price": 4.0,
                "Subtotal": 10.0,
                "Discount": 1.0,
                "Tax": 0.9,
                "Invoice Number": "1001",
                "Invoice Origin": "renewal",
                "Line Item Origin": "add_on",
                "Start Date": "2026-05-01T10:00:00Z",
                "End Date": "2026-06-01T10:00:00Z",
            },
            "value": 9.9,
            "value_currency": "USD",
        }
    )


def test_a_huge_invoice_still_fits_one_event(transform: Transform, invoice: RecordFactory) -> None:
    """Arrays end at the 4,000 items Klaviyo accepts; the count tells the whole number."""
    record = invoice()
    item = record["line_items"][0]
    record["line_items"] = [
        {**item, "id": f"li{number}", "description": f"Seat {number}"} for number in range(5_000)
    ]
    properties = transform.rows("invoices", record)[0][1]["properties"]
    assert len(properties["Items"]) == len(properties["Item Names"]) == 4_000
    assert properties["Item Count"] == 5_000
