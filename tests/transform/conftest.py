"""Small Recurly records, written out, that single tests change where it matters."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from recurly_to_klaviyo import Transform

if TYPE_CHECKING:
    from collections.abc import Callable

    Record = dict[str, Any]
    RecordFactory = Callable[..., Record]

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
ACCOUNT = {"id": "acc1", "code": "anna", "email": "anna@mail.dev"}


@pytest.fixture
def transform() -> Transform:
    """The transform with default settings on 1 June 2026, noon."""
    return Transform({}, clock=lambda: NOW)


@pytest.fixture
def transform_with() -> Callable[..., Transform]:
    """Builds a transform with other settings on the same day."""
    return lambda **settings: Transform(settings, clock=lambda: NOW)


@pytest.fixture
def transaction() -> RecordFactory:
    """Builds a transaction: a card payment of 20 USD that cleared in May 2026."""

    def build(**changes: Any) -> Record:
        return {
            "id": "txn1",
            "type": "purchase",
            "status": "success",
            "amount": 20.0,
            "currency": "USD",
            "account": ACCOUNT,
            "payment_method": {"object": "credit_card"},
            "created_at": "2026-05-01T10:00:00Z",
            "updated_at": "2026-05-02T10:00:00Z",
            "collected_at": "2026-05-01T10:00:00Z",
            **changes,
        }

    return build


@pytest.fixture
def invoice() -> RecordFactory:
    """Builds an invoice: a renewal of 30 USD for one plan."""

    def build(**changes: Any) -> Record:
        return {
            "id": "inv1",
            "number": "1001",
            "type": "charge",
            "origin": "renewal",
            "state": "paid",
            "currency": "USD",
            "subtotal": 30.0,
            "discount": 0.0,
            "tax": 0.0,
            "total": 30.0,
            "account": ACCOUNT,
            "created_at": "2026-05-01T10:00:00Z",
            "updated_at": "2026-05-02T10:00:00Z",
            "line_items": [
                {
                    "id": "li1",
                    "type": "charge",
                    "origin": "plan",
                    "description": "Gold",
                    "plan_code": "gold",
                    "product_code": "gold",
                    "quantity": 1,
                    "unit_amount": 30.0,
                    "subtotal": 30.0,
                    "discount": 0.0,
                    "tax": 0.0,
                    "amount": 30.0,
                }
            ],
            **changes,
        }

    return build


@pytest.fixture
def subscription() -> RecordFactory:
    """Builds a subscription: a monthly plan for 12.50 USD with tax, active since April 2026."""

    def build(**changes: Any) -> Record:
        return {
            "id": "sub1",
            "state": "active",
            "plan": {
                "code": "gold",
                "name": "Gold",
                "interval_unit": "months",
                "interval_length": 1,
            },
            "quantity": 1,
            "unit_amount": 10.0,
            "subtotal": 10.0,
            "total": 12.5,
            "currency": "USD",
            "collection_method": "automatic",
            "auto_renew": True,
            "remaining_billing_cycles": None,
            "current_period_started_at": "2026-05-20T10:00:00Z",
            "current_period_ends_at": "2026-06-20T10:00:00Z",
            "trial_started_at": None,
            "trial_ends_at": None,
            "activated_at": "2026-04-20T10:00:00Z",
            "canceled_at": None,
            "expires_at": None,
            "expiration_reason": None,
            "paused_at": None,
            "remaining_pause_cycles": None,
            "pending_change": None,
            "coupon_redemptions": [],
            "custom_fields": [],
            "created_at": "2026-04-20T09:00:00Z",
            "updated_at": "2026-05-20T10:00:00Z",
            **changes,
        }

    return build


@pytest.fixture
def snapshot() -> RecordFactory:
    """Builds an account snapshot: a card and one active subscription."""

    def build(**changes: Any) -> Record:
        return {
            **ACCOUNT,
            "state": "active",
            "created_at": "2025-01-01T10:00:00Z",
            "updated_at": "2026-05-01T10:00:00Z",
            "same_email": [],
            "billing_info": {
                "payment_method": {"object": "credit_card", "exp_month": 2, "exp_year": 2028}
            },
            "subscriptions": [{"state": "active", "plan": {"code": "gold", "name": "Gold"}}],
            **changes,
        }

    return build
