"""The metrics: one small pure function each, from a Recurly record as it is now to its events.

Because every rule looks only at the record's present state, a record read late yields the same
events as one followed from birth, and reading it again yields them again with the same unique
ids, which Klaviyo stores once. Statuses, types and origins are those of Recurly's API
v2021-02-25; one that is not named here yields nothing, since Recurly adds to them over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.values import count, distinct, identity, iso, moment, money, present

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from recurly_to_klaviyo.settings import Settings

    Record = Mapping[str, Any]
    Row = dict[str, Any]

PAYMENT_TYPES = frozenset({"purchase", "capture"})

SLOW_METHODS = frozenset(
    {
        "bacs",
        "bank_account_info",
        "boleto",
        "eft",
        "iban_bank_account",
        "pix_automatico",
        "sepadirectdebit",
        "upi_autopay",
    }
)
"""Payment methods that settle days after they are started: their news is the last change."""

UNISSUED_ORIGINS = frozenset(
    {"write_off", "carryforward_credit", "carryforward_gift_credit", "import"}
)
"""Invoices that are bookkeeping, or were issued by another system: nobody is billed by them."""

LEGACY_CREDIT_ORIGINS = frozenset(
    {"refund", "line_item_refund", "open_amount_refund", "external_refund", "credit"}
)
"""Sites without credit invoices mark these as `legacy` like any invoice; they are refunds."""

UNORDERED_ORIGINS = frozenset({"carryforward", "credit", "coupon", "prepayment"})
"""Line items that move money between invoices: nothing was ordered."""


@dataclass(frozen=True)
class Occurrence:
    """Something that happened, before it is known whose profile it belongs to."""

    unique_id: str
    time: datetime | None
    value: float | None
    recurly_id: str
    properties: Record


@dataclass(frozen=True)
class Metric:
    """A metric, the stream it is read from, and the rule that finds it in a record."""

    name: str
    stream: str
    find: Callable[[Record, Settings], Iterator[Occurrence]]

    @property
    def meaning(self) -> str:
        """What counts, in one sentence: the first paragraph of the rule's docstring."""
        paragraph = (self.find.__doc__ or "").split("\n\n", maxsplit=1)[0]
        return " ".join(paragraph.split())

    def rows(self, record: Record, settings: Settings, now: datetime) -> Iterator[Row]:
        """The record's event rows of this metric.

        Raises:
            ValueError: An event cannot be addressed or dated.
        """
        for occurrence in self.find(record, settings):
            yield _row(self, occurrence, record, settings, now)


METRICS: list[Metric] = []


def event(
    name: str, *, stream: str
) -> Callable[
    [Callable[[Record, Settings], Iterator[Occurrence]]],
    Callable[[Record, Settings], Iterator[Occurrence]],
]:
    """Declare the decorated function as the rule of metric `name` over records of `stream`."""

    def declare(
        find: Callable[[Record, Settings], Iterator[Occurrence]],
    ) -> Callable[[Record, Settings], Iterator[Occurrence]]:
        METRICS.append(Metric(name, stream, find))
        return find

    return declare


def _row(
    metric: Metric, occurrence: Occurrence, record: Record, settings: Settings, now: datetime
) -> Row:
    if not occurrence.recurly_id:
        raise ValueError("The record, or a line item of it, has no id to tell its event by.")
    if occurrence.time is None:
        raise ValueError("The record has no created_at, so its event cannot be dated.")
    account = record.get("account")
    row: Row = {
        "metric": settings.name(metric.name),
        "unique_id": occurrence.unique_id,
        "time": iso(min(occurrence.time, now)),
        **_earliest_time(occurrence.time, record),
        "profile": identity(account, settings.identify_by),
        "properties": present(
            {
                "Recurly ID": occurrence.recurly_id,
                "Account Code": (account or {}).get("code"),
                "Currency": record.get("currency"),
                **occurrence.properties,
            }
        ),
    }
    if occurrence.value is not None:
        row["value"] = occurrence.value
        if record.get("currency"):
            row["value_currency"] = record["currency"]
    return row


def _earliest_time(time: datetime, record: Record) -> Row:
    """`earliest_time`, where an earlier read of the record may have dated the event earlier.

    That is where its time is the record's last change, or was still to come at that change. Klaviyo
    keeps the event as it was first sent, so an audit has to know how early that may have been.
    """
    created_at, updated_at = moment(record.get("created_at")), moment(record.get("updated_at"))
    if created_at is None or updated_at is None or not created_at < time >= updated_at:
        return {}
    return {"earliest_time": iso(created_at)}


# Payments


@event("Failed Payment", stream="transactions")
def failed_payment(transaction: Record, _settings: Settings) -> Iterator[Occurrence]:
    """A payment that was declined or ended in an error.

    Every dunning retry is a transaction of its own, hence an event of its own.
    """
    if _is_payment(transaction) and transaction.get("status") in {"declined", "error"}:
        yield Occurrence(
            unique_id=f"recurly-txn-{transaction['id']}-failed",
            time=_settled_at(transaction),
            value=money(transaction.get("amount")),
            recurly_id=transaction["id"],
            properties={
                **_payment_properties(transaction),
                "Failure Code": transaction.get("status_code"),
                "Failure Reason": transaction.get("status_message"),
                "Customer Message": transaction.get("customer_message"),
                "Gateway Response Code": transaction.get("gateway_response_code"),
            },
        )


@event("Successfully Paid", stream="transactions")
def successfully_paid(transaction: Record, _settings: Settings) -> Iterator[Occurrence]:
    """A payment that cleared, manual and external ones too.

    A later refund, void or chargeback does not unmake it: that is an event of its own. A void
    without a refund never was money.
    """
    if _is_payment(transaction) and (
        transaction.get("status") in {"success", "chargeback"} or _is_voided_by_refund(transaction)
    ):
        yield Occurrence(
            unique_id=f"recurly-txn-{transaction['id']}-succeeded",
            time=_collected_at(transaction) or _settled_at(transaction),
            value=money(transaction.get("amount")),
            recurly_id=transaction["id"],
            properties=_payment_properties(transaction),
        )


@event("Refunded Payment", stream="transactions")
def refunded_payment(transaction: Record, _settings: Settings) -> Iterator[Occurrence]:
    """Money given back: a refund, a refund before settlement (void) or a chargeback."""
    status = transaction.get("status")
    if transaction.get("type") == "refund" and status in {"success", "chargeback"}:
        refunded_at = _first_moment(transaction, "collected_at", "created_at")
        yield _refund(transaction, "refunded", _refund_type(transaction), refunded_at)
    elif _is_voided_by_refund(transaction):
        voided_at = _first_moment(transaction, "voided_at", "updated_at", "created_at")
        yield _refund(transaction, "voided", "void", voided_at)
    elif _is_payment(transaction) and status == "chargeback":
        charged_back_at = _first_moment(transaction, "updated_at", "created_at")
        yield _refund(transaction, "chargeback", "chargeback", charged_back_at)


def _refund(
    transaction: Record, suffix: str, refund_type: str, time: datetime | None
) -> Occurrence:
    amount = money(transaction.get("amount"))
    return Occurrence(
        unique_id=f"recurly-txn-{transaction['id']}-{suffix}",
        time=time,
        value=None if amount is None else abs(amount),
        recurly_id=transaction["id"],
        properties={
            **_payment_properties(transaction),
            "Refund Type": refund_type,
            "Original Transaction ID": transaction.get("original_transaction_id"),
        },
    )


def _refund_type(refund: Record) -> str:
    if refund.get("status") == "chargeback" or refund.get("origin") == "chargeback":
        return "chargeback"
    return "external" if refund.get("origin") == "refunded_externally" else "refund"


def _is_payment(transaction: Record) -> bool:
    """Recurly's own filter `type=payment` means these two; the rest only asks for money."""
    return transaction.get("type") in PAYMENT_TYPES


def _is_voided_by_refund(transaction: Record) -> bool:
    return (
        _is_payment(transaction)
        and transaction.get("status") == "void"
        and bool(transaction.get("voided_by_invoice"))
    )


def _collected_at(transaction: Record) -> datetime | None:
    """The time a merchant typed in for a manual payment.

    Recurly fills collected_at with the creation time where nobody typed one: that says nothing.
    """
    collected_at = moment(transaction.get("collected_at"))
    return None if collected_at == moment(transaction.get("created_at")) else collected_at


def _settled_at(transaction: Record) -> datetime | None:
    """When the outcome was known.

    At creation for cards. A debit that succeeds or fails after days is news on that day and not
    history from the day it was started.
    """
    method = transaction.get("payment_method") or {}
    if method.get("object") in SLOW_METHODS:
        return _first_moment(transaction, "updated_at", "created_at")
    return moment(transaction.get("created_at"))


def _first_moment(transaction: Record, *fields: str) -> datetime | None:
    """The first of these times that is given: any field of a Recurly record may be null."""
    return moment(next((transaction[name] for name in fields if transaction.get(name)), None))


def _payment_properties(transaction: Record) -> dict[str, Any]:
    method = transaction.get("payment_method") or {}
    return {
        "Invoice Number": (transaction.get("invoice") or {}).get("number"),
        "Subscription IDs": transaction.get("subscription_ids"),
        "Payment Method": method.get("object"),
        "Card Type": method.get("card_type"),
        "Card Last Four": method.get("last_four"),
        "Origin": transaction.get("origin"),
        "Collection Method": transaction.get("collection_method"),
    }


# Invoices


@event("Issued Invoice", stream="invoices")
def issued_invoice(invoice: Record, settings: Settings) -> Iterator[Occurrence]:
    """An invoice that bills the customer, in any state and for any total, zero too.

    Credit invoices count only on request (`issued_invoice_types`).
    """
    if _is_issued(invoice, settings):
        items = _ordered_items(invoice)
        yield Occurrence(
            unique_id=f"recurly-invoice-{invoice['id']}-issued",
            time=moment(invoice.get("created_at")),
            value=money(invoice.get("total")),
            recurly_id=invoice["id"],
            properties={
                "Invoice Number": invoice.get("number"),
                "Invoice Type": invoice.get("type"),
                "Origin": invoice.get("origin"),
                "State": invoice.get("state"),
                "Collection Method": invoice.get("collection_method"),
                "Due At": invoice.get("due_at"),
                "Subtotal": money(invoice.get("subtotal")),
                "Discount": money(invoice.get("discount")),
                "Tax": money(invoice.get("tax")),
                "Total": money(invoice.get("total")),
                "Plan Codes": distinct(item.get("plan_code") for item in items),
                "Item Names": distinct(item.get("description") for item in items),
                "Item Count": len(items),
                "Items": [present(_product_properties(item, invoice)) for item in items],
            },
        )


@event("Ordered Product", stream="invoices")
def ordered_product(invoice: Record, settings: Settings) -> Iterator[Occurrence]:
    """A charge on an issued invoice: a plan, an add-on, an item or a one-time charge.

    A line item billed for a child account belongs to the account of the invoice.
    """
    origins = settings.ordered_product_origins
    if not _is_issued(invoice, settings) or (
        origins is not None and invoice.get("origin") not in origins
    ):
        return
    for item in _ordered_items(invoice):
        yield Occurrence(
            unique_id=f"recurly-line-item-{item['id']}-ordered",
            time=moment(invoice.get("created_at")),
            value=money(item.get("amount")),
            recurly_id=item["id"],
            properties=_product_properties(item, invoice),
        )


def _is_issued(invoice: Record, settings: Settings) -> bool:
    invoice_type, origin = invoice.get("type"), invoice.get("origin")
    return (
        invoice_type in settings.issued_invoice_types
        and origin not in UNISSUED_ORIGINS
        and not (invoice_type == "legacy" and origin in LEGACY_CREDIT_ORIGINS)
    )


def _ordered_items(invoice: Record) -> list[Record]:
    return [
        item
        for item in invoice.get("line_items") or []
        if item.get("type") == "charge" and item.get("origin") not in UNORDERED_ORIGINS
    ]


def _product_properties(item: Record, invoice: Record) -> dict[str, Any]:
    return {
        "Product Name": item.get("description"),
        "SKU": item.get("external_sku") or item.get("product_code"),
        "Plan Code": item.get("plan_code"),
        "Add-on Code": item.get("add_on_code"),
        "Item Code": item.get("item_code"),
        "Quantity": count(item.get("quantity"), item.get("quantity_decimal")),
        "Unit Price": money(item.get("unit_amount")),
        "Subtotal": money(item.get("subtotal")),
        "Discount": money(item.get("discount")),
        "Tax": money(item.get("tax")),
        "Invoice Number": invoice.get("number"),
        "Invoice Origin": invoice.get("origin"),
        "Line Item Origin": item.get("origin"),
        "Start Date": item.get("start_date"),
        "End Date": item.get("end_date"),
    }
