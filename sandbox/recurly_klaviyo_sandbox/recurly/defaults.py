"""What a hand-made record is given where its maker said nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.recurly.moments import shown
from recurly_klaviyo_sandbox.recurly.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_DEFAULTS: dict[str, dict[str, Any]] = {
    "accounts": {
        "state": "active",
        "email": None,
        "first_name": None,
        "last_name": None,
        "company": None,
        "parent_account_id": None,
        "billing_info": None,
        "shipping_addresses": [],
        "custom_fields": [],
        "has_live_subscription": False,
        "has_active_subscription": False,
        "has_future_subscription": False,
        "has_canceled_subscription": False,
        "has_paused_subscription": False,
        "has_past_due_invoice": False,
        "deleted_at": None,
    },
    "subscriptions": {
        "account": None,
        "plan": None,
        "state": "active",
        "quantity": 1,
        "unit_amount": 10.0,
        "currency": "USD",
        "collection_method": "automatic",
        "add_ons": [],
    },
    "invoices": {
        "account": None,
        "type": "charge",
        "origin": "purchase",
        "state": "paid",
        "currency": "USD",
        "collection_method": "automatic",
        "subtotal": 0.0,
        "discount": 0.0,
        "tax": 0.0,
        "total": 0.0,
        "line_items": [],
        "has_more_line_items": False,
        "transactions": [],
        "credit_payments": [],
        "subscription_ids": [],
    },
    "line_items": {
        "account": None,
        "type": "charge",
        "origin": "one_time",
        "state": "invoiced",
        "currency": "USD",
        "quantity": 1,
        "unit_amount": 0.0,
        "subtotal": 0.0,
        "discount": 0.0,
        "tax": 0.0,
        "amount": 0.0,
    },
    "transactions": {
        "account": None,
        "invoice": None,
        "type": "purchase",
        "origin": "recurring",
        "status": "success",
        "amount": 10.0,
        "currency": "USD",
        "collection_method": "automatic",
        "payment_method": None,
        "refunded": False,
        "subscription_ids": [],
        "collected_at": None,
        "voided_at": None,
    },
    "plans": {"state": "active", "interval_unit": "months", "interval_length": 1},
    "add_ons": {"state": "active"},
    "items": {"state": "active"},
    "measured_units": {"state": "active"},
}
_WITH_UUID = frozenset({"subscriptions", "invoices", "line_items", "transactions"})


def complete(
    resource: str,
    before: Mapping[str, Any],
    changes: Mapping[str, Any],
    *,
    number: int,
    now: datetime,
) -> dict[str, Any]:
    """A whole record: defaults, then what it was before, then what is said now.

    Args:
        resource: The name of a table.
        before: The record as it was; empty for a new one.
        changes: What is said of it now.
        number: Of this call, from which a new record's id, uuid and invoice number are made.
        now: Stamps the record unless it comes with times.
    """
    present = shown(int(now.timestamp()))
    record: dict[str, Any] = {
        "id": f"m{number:011d}",
        "object": TABLES[resource].object_name,
        **({"uuid": f"{number:032x}"} if resource in _WITH_UUID else {}),
        **_DEFAULTS.get(resource, {}),
        "created_at": present,
        "updated_at": present,
        **before,
        **({"updated_at": present} if before else {}),
        **changes,
    }
    if resource == "accounts":
        record.setdefault("code", f"code-of-{record['id']}")
    elif resource == "invoices":
        record.setdefault("number", str(1_000_000 + number))
        record["line_items"] = [dict(line) for line in record["line_items"]]
    elif resource == "transactions" and "success" not in changes:
        record["success"] = record["status"] == "success"
    return record
