"""Invoices that were not paid in time become dunning events (docs/recurly.md: Dunning)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.events.invoices import invoice_occurrence, is_issued
from recurly_to_klaviyo.metrics import DUNNING, Context, Occurrence, event
from recurly_to_klaviyo.values import money, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Record = Mapping[str, Any]

DUNNED_TYPES = frozenset({"charge", "legacy"})


@event("Past Due Invoice", stream="invoices", group=DUNNING, vanishes=True)
def past_due_invoice(invoice: Record, _context: Context) -> Iterator[Occurrence]:
    """An invoice that is past due, or was so that Recurly sent dunning notices, paid by now or not.

    Time: `due_at`, else `created_at`
    Id: `recurly-invoice-ID-past-due`
    """
    if is_issued(invoice, DUNNED_TYPES) and _was_past_due(invoice):
        time = time_of(invoice, "due_at", "created_at")
        yield invoice_occurrence(invoice, "past-due", time, _dunning_properties(invoice))


@event("Failed Invoice", stream="invoices", group=DUNNING, vanishes=True)
def failed_invoice(invoice: Record, _context: Context) -> Iterator[Occurrence]:
    """An invoice that Recurly has given up to collect.

    Time: `closed_at`, else `updated_at`
    Id: `recurly-invoice-ID-failed`
    """
    if is_issued(invoice, DUNNED_TYPES) and invoice.get("state") == "failed":
        closed_at = time_of(invoice, "closed_at")
        yield invoice_occurrence(
            invoice,
            "failed",
            closed_at or time_of(invoice, "updated_at", "created_at"),
            _dunning_properties(invoice),
            earliest=None if closed_at else time_of(invoice, "created_at"),
        )


def _was_past_due(invoice: Record) -> bool:
    notices = invoice.get("dunning_events_sent")
    return invoice.get("state") == "past_due" or (type(notices) is int and notices > 0)


def _dunning_properties(invoice: Record) -> dict[str, Any]:
    return {
        "Total": money(invoice.get("total")),
        "Balance": money(invoice.get("balance")),
        "Dunning Events Sent": invoice.get("dunning_events_sent"),
        "Final Notice": invoice.get("final_dunning_event"),
    }
