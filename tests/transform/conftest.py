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
