"""Records of a customer nobody has, from which every metric gets an event (pure).

For samples in Klaviyo, so that a flow can be built before the first real event has come.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.metrics import SNAPSHOTS
from recurly_to_klaviyo.values import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurly_to_klaviyo.settings import Settings

    Record = dict[str, Any]

ACCOUNT = {
    "id": "sample-account",
    "code": "sample",
    "email": "sample@example.com",
    "first_name": "Sample",
    "hosted_login_token": "sample",
}
AMOUNTS = {"subtotal": 20.0, "discount": 0.0, "tax": 5.0, "total": 25.0, "currency": "USD"}
PLAN = {"id": "sample-plan", "code": "gold", "name": "Gold"}


def sample_moment(now: datetime) -> datetime:
    """An hour before the month's last day, when the cards of that month are about to expire."""
    next_month = (now.replace(day=28) + timedelta(days=4)).replace(day=1)
    last_day = datetime.combine(next_month - timedelta(days=1), time.min, tzinfo=now.tzinfo)
    return last_day - timedelta(hours=1)


def sample_records(settings: Settings, moment: datetime) -> Iterator[tuple[str, Record]]:
    """(stream, record) pairs that, read at `moment`, give each metric an event."""
    past, ahead = iso(moment - timedelta(hours=2)), iso(moment + timedelta(hours=12))
    for transaction in (
        {"type": "purchase", "status": "declined", "status_code": "insufficient_funds"},
        {"type": "purchase", "status": "success"},
        {"type": "refund", "status": "success"},
    ):
        yield "transactions", _transaction(past) | transaction
    invoice_type = min(settings.issued_invoice_types)
    for origin in ("purchase", *sorted(settings.ordered_product_origins or ())):
        yield "invoices", _invoice(past) | {"type": invoice_type, "origin": origin}
    invoices: tuple[Record, ...] = (
        {"origin": "renewal"},
        {"origin": "immediate_change"},
        {"state": "past_due", "dunning_events_sent": 1},
        {"state": "failed"},
    )
    for invoice in invoices:
        yield "invoices", _invoice(past) | invoice
    card = {"exp_month": moment.month, "exp_year": moment.year}
    subscriptions: tuple[Record, ...] = (
        {"trial_ends_at": ahead},
        {"current_period_ends_at": ahead},
        {"state": "paused", "paused_at": past},
        {"state": "canceled", "canceled_at": past},
        {"state": "expired", "expires_at": past, "expiration_reason": "nonpayment"},
    )
    for subscription in subscriptions:
        yield SNAPSHOTS, _snapshot(_subscription(past) | subscription, card, past)


def _transaction(past: str) -> Record:
    return {
        "id": "sample-transaction",
        "account": ACCOUNT,
        "invoice": {"id": "sample-invoice", "number": "1000"},
        "subscription_ids": ["sample-subscription"],
        "amount": AMOUNTS["total"],
        "currency": AMOUNTS["currency"],
        "payment_method": {"object": "credit_card", "card_type": "Visa", "last_four": "1111"},
        "origin": "recurring",
        "collection_method": "automatic",
        "status_message": "The card has insufficient funds.",
        "customer_message": "Your card has insufficient funds.",
        "created_at": past,
        "updated_at": past,
    }


def _invoice(past: str) -> Record:
    item = {
        "id": "sample-line-item",
        "type": "charge",
        "origin": "plan",
        "description": PLAN["name"],
        "plan_code": PLAN["code"],
        "subscription_id": "sample-subscription",
        "quantity": 1,
        "unit_amount": AMOUNTS["subtotal"],
        "amount": AMOUNTS["total"],
        "start_date": past,
        "end_date": past,
        **AMOUNTS,
    }
    return {
        "id": "sample-invoice",
        "account": ACCOUNT,
        "number": "1000",
        "type": "charge",
        "origin": "purchase",
        "state": "paid",
        "collection_method": "automatic",
        "balance": AMOUNTS["total"],
        "line_items": [item],
        "has_more_line_items": False,
        "subscription_ids": ["sample-subscription"],
        "dunning_events_sent": 0,
        "final_dunning_event": False,
        "due_at": past,
        "closed_at": past,
        "created_at": past,
        "updated_at": past,
        **AMOUNTS,
    }


def _subscription(past: str) -> Record:
    return {
        "id": "sample-subscription",
        "plan": PLAN,
        "state": "active",
        "quantity": 1,
        "unit_amount": AMOUNTS["subtotal"],
        "collection_method": "automatic",
        "auto_renew": True,
        "current_period_started_at": past,
        "current_period_ends_at": past,
        "trial_started_at": past,
        "activated_at": past,
        "created_at": past,
        "updated_at": past,
        **AMOUNTS,
    }


def _snapshot(subscription: Record, card: Record, past: str) -> Record:
    method = {"object": "credit_card", "card_type": "Visa", "last_four": "1111", **card}
    return {
        **ACCOUNT,
        "state": "active",
        "created_at": past,
        "updated_at": past,
        "billing_info": {"payment_method": method},
        "subscriptions": [subscription],
        "same_email": [],
    }
