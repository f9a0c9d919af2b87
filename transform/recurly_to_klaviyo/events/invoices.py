"""Invoices become what was issued and what was ordered (docs/recurly.md: Invoices, Line items).

Types and origins that are not named here yield nothing, since Recurly adds to them over time.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.metrics import Context, Occurrence, event
from recurly_to_klaviyo.values import (
    MAX_ARRAY_ITEMS,
    MAX_TEXT_CHARS,
    amount_of,
    distinct,
    money,
    quantity,
    time_of,
    time_text,
    unit_price,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from datetime import datetime

    Record = Mapping[str, Any]

BOOKKEEPING_ORIGINS = frozenset(
    {"write_off", "carryforward_credit", "carryforward_gift_credit", "import"}
)
"""Invoices that are bookkeeping, or were issued by another system: nobody is billed by them."""

LEGACY_CREDIT_ORIGINS = frozenset(
    {"refund", "line_item_refund", "open_amount_refund", "external_refund", "credit"}
)
"""Sites without credit invoices mark these as `legacy` like any invoice; they are refunds."""

UNORDERED_ORIGINS = frozenset({"carryforward", "credit", "coupon", "prepayment"})
"""Line items that move money between invoices: nothing was ordered."""

MAX_ITEMS_BYTES = 2_000_000
MAX_NAMES_BYTES = 500_000
"""What of a request's 5 MB (docs/klaviyo.md: Endpoints) the lists of an invoice may take, counted
without what JSON adds to a text."""

_BYTES_BESIDE_DESCRIPTION = 400
_MAX_BYTES_PER_CHAR = 4


@event("Issued Invoice", stream="invoices")
def issued_invoice(invoice: Record, context: Context) -> Iterator[Occurrence]:
    """An invoice that bills the customer, in any state and for any total, zero too.

    Credit invoices count only on request (`issued_invoice_types`).

    Time: `created_at`
    Id: `recurly-invoice-ID-issued`
    """
    if not is_issued(invoice, context.settings.issued_invoice_types):
        return
    items = _ordered_items(invoice)
    yield invoice_occurrence(
        invoice,
        "issued",
        time_of(invoice, "created_at"),
        {
            "Subtotal": money(invoice.get("subtotal")),
            "Discount": money(invoice.get("discount")),
            "Tax": money(invoice.get("tax")),
            "Total": money(invoice.get("total")),
            "Plan Codes": _names(item.get("plan_code") for item in items),
            "Item Names": _names(item.get("description") for item in items),
            "Item Count": len(items),
            "Items": _fitting_items(items, invoice),
        },
    )


@event("Ordered Product", stream="invoices")
def ordered_product(invoice: Record, context: Context) -> Iterator[Occurrence]:
    """A charge on an issued invoice: a plan, an add-on, an item or a one-time charge.

    A line item billed for a child account belongs to the account of the invoice.

    Time: the invoice's `created_at`
    Id: `recurly-line-item-ID-ordered`
    """
    settings = context.settings
    origins = settings.ordered_product_origins
    if not is_issued(invoice, settings.issued_invoice_types) or (
        origins is not None and invoice.get("origin") not in origins
    ):
        return
    for item in _ordered_items(invoice):
        yield Occurrence(
            unique_id=f"recurly-line-item-{item.get('id')}-ordered",
            time=time_of(invoice, "created_at"),
            recurly_id=item.get("id"),
            properties=_product_properties(item, invoice),
            value=amount_of(item, "amount"),
            currency=invoice.get("currency"),
        )


def is_issued(invoice: Record, types: Container[str]) -> bool:
    """Whether an invoice of one of these types bills somebody."""
    invoice_type, origin = invoice.get("type"), invoice.get("origin")
    return (
        invoice_type in types
        and origin not in BOOKKEEPING_ORIGINS
        and not (invoice_type == "legacy" and origin in LEGACY_CREDIT_ORIGINS)
    )


def invoice_occurrence(
    invoice: Record,
    suffix: str,
    time: datetime | None,
    properties: Record,
    *,
    earliest: datetime | None = None,
) -> Occurrence:
    """An event about an invoice as a whole: its value is the invoice's total."""
    return Occurrence(
        unique_id=f"recurly-invoice-{invoice.get('id')}-{suffix}",
        time=time,
        recurly_id=invoice.get("id"),
        properties={
            "Invoice Number": invoice.get("number"),
            "Invoice Type": invoice.get("type"),
            "Origin": invoice.get("origin"),
            "State": invoice.get("state"),
            "Collection Method": invoice.get("collection_method"),
            "Due At": time_text(invoice.get("due_at")),
            **properties,
        },
        value=amount_of(invoice, "total"),
        currency=invoice.get("currency"),
        earliest=earliest,
    )


def line_items(invoice: Record) -> list[Record]:
    """The line items of an invoice.

    Raises:
        ValueError: They cannot be read, so it is not known what was ordered.
    """
    items = invoice.get("line_items") or []
    if type(items) is not list or not all(type(item) is dict for item in items):
        raise ValueError("The record's line_items are not a list of objects.")
    return items


def _ordered_items(invoice: Record) -> list[Record]:
    return [
        item
        for item in line_items(invoice)
        if item.get("type") == "charge" and item.get("origin") not in UNORDERED_ORIGINS
    ]


def _product_properties(item: Record, invoice: Record) -> dict[str, Any]:
    return {
        "Product Name": item.get("description"),
        "SKU": item.get("external_sku") or item.get("product_code"),
        "Plan Code": item.get("plan_code"),
        "Add-on Code": item.get("add_on_code"),
        "Item Code": item.get("item_code"),
        "Quantity": quantity(item.get("quantity"), item.get("quantity_decimal")),
        "Unit Price": unit_price(item),
        "Subtotal": money(item.get("subtotal")),
        "Discount": money(item.get("discount")),
        "Tax": money(item.get("tax")),
        "Invoice Number": invoice.get("number"),
        "Invoice Origin": invoice.get("origin"),
        "Line Item Origin": item.get("origin"),
        "Start Date": time_text(item.get("start_date")),
        "End Date": time_text(item.get("end_date")),
    }


def _names(values: Iterable[Any]) -> tuple[str, ...]:
    """Distinct texts, as many as fit into an event."""
    names = distinct(values)
    return names[: _count_within(map(_text_bytes, names), MAX_NAMES_BYTES)]


def _fitting_items(items: list[Record], invoice: Record) -> tuple[dict[str, Any], ...]:
    """What was ordered, as much of it as fits into an event."""
    sizes = (_BYTES_BESIDE_DESCRIPTION + _text_bytes(item.get("description")) for item in items)
    fitting = items[: _count_within(sizes, MAX_ITEMS_BYTES)]
    return tuple([_product_properties(item, invoice) for item in fitting])


def _count_within(sizes: Iterable[int], limit: int) -> int:
    """How many values of these sizes fit into an event that takes `limit` bytes of them."""
    for count, size in enumerate(islice(sizes, MAX_ARRAY_ITEMS)):
        limit -= size
        if limit < 0:
            return count
    return MAX_ARRAY_ITEMS


def _text_bytes(value: Any) -> int:
    if type(value) is not str:
        return 0
    kept = min(len(value), MAX_TEXT_CHARS)
    return kept if value.isascii() else kept * _MAX_BYTES_PER_CHAR
