"""Invoices that renew or change subscriptions: an event per subscription they name.

A renewal is an invoice of origin `renewal`, a change at once one of origin `immediate_change`
(docs/recurly.md: Invoices).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.events.invoices import is_issued, line_items
from recurly_to_klaviyo.metrics import LIFECYCLE, Context, Occurrence, event
from recurly_to_klaviyo.values import UNREADABLE, amount_of, texts, time_of, time_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Record = Mapping[str, Any]

PLAN_ORIGINS = frozenset({"plan", "plan_trial"})
DECIMALS = 6


@event("Renewed Subscription", stream="invoices", group=LIFECYCLE)
def renewed_subscription(invoice: Record, context: Context) -> Iterator[Occurrence]:
    """A subscription for which an invoice of origin renewal was issued.

    Time: the invoice's `created_at`
    Id: `recurly-invoice-ID-renewed-SUBSCRIPTION`
    """
    if invoice.get("origin") == "renewal":
        yield from _per_subscription(invoice, "renewed", context)


@event("Updated Subscription", stream="invoices", group=LIFECYCLE)
def updated_subscription(invoice: Record, context: Context) -> Iterator[Occurrence]:
    """A subscription that was changed at once, with an invoice of origin immediate_change.

    Time: the invoice's `created_at`
    Id: `recurly-invoice-ID-updated-SUBSCRIPTION`
    """
    if invoice.get("origin") == "immediate_change":
        yield from _per_subscription(invoice, "updated", context)


def _per_subscription(invoice: Record, suffix: str, context: Context) -> Iterator[Occurrence]:
    """An event for each subscription, worth what the invoice's lines bill for it."""
    if not is_issued(invoice, context.settings.issued_invoice_types):
        return
    subscription_ids = texts(invoice.get("subscription_ids"))
    if subscription_ids is UNREADABLE:
        raise ValueError("The record's subscription_ids are not a list of texts.")
    for subscription_id in dict.fromkeys(subscription_ids or ()):
        lines = [
            each for each in line_items(invoice) if each.get("subscription_id") == subscription_id
        ]
        amount = _billed(lines) if lines and not invoice.get("has_more_line_items") else None
        plan = next((each for each in lines if each.get("origin") in PLAN_ORIGINS), {})
        yield Occurrence(
            unique_id=f"recurly-invoice-{invoice.get('id')}-{suffix}-{subscription_id}",
            time=time_of(invoice, "created_at"),
            recurly_id=invoice.get("id"),
            properties={
                "Subscription ID": subscription_id,
                "Invoice Number": invoice.get("number"),
                "Collection Method": invoice.get("collection_method"),
                "Plan Code": plan.get("plan_code"),
                "Plan Name": plan.get("description"),
                "Quantity": plan.get("quantity"),
                "Amount": amount,
                "Current Period Start": time_text(plan.get("start_date")),
                "Current Period End": time_text(plan.get("end_date")),
            },
            value=amount,
            currency=invoice.get("currency"),
        )


def _billed(lines: list[Record]) -> float:
    return round(sum(amount_of(line, "amount") or 0.0 for line in lines), DECIMALS)
