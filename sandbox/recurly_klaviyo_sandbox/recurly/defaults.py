"""What a hand-made record is given where its maker said nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.recurly.moments import shown
from recurly_klaviyo_sandbox.recurly.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_MONEY: dict[str, Any] = dict.fromkeys(("subtotal", "discount", "tax"), 0.0)
_SOLD: dict[str, Any] = {"account": None, "currency": "USD"}
_NAMES = ("email", "first_name", "last_name", "company", "parent_account_id", "billing_info")
_FLAGS = ("live_subscription", "active_subscription", "future_subscription")
_MORE_FLAGS = ("canceled_subscription", "paused_subscription", "past_due_invoice")
_DEFAULTS: dict[str, dict[str, Any]] = {
    "accounts": {
        "state": "active",
        **dict.fromkeys(_NAMES),
        "shipping_addresses": [],
        "custom_fields": [],
        **{f"has_{what}": False for what in (*_FLAGS, *_MORE_FLAGS)},
        "deleted_at": None,
    },
    "subscriptions": {
        **_SOLD,
        "plan": None,
        "state": "active",
        "quantity": 1,
        "unit_amount": 10.0,
        "collection_method": "automatic",
        "add_ons": [],
    },
    "invoices": {
        **_SOLD,
        **_MONEY,
        "type": "charge",
        "origin": "purchase",
        "state": "paid",
        "collection_method": "automatic",
        "total": 0.0,
        "line_items": [],
        "has_more_line_items": False,
        "transactions": [],
        "credit_payments": [],
        "subscription_ids": [],
    },
    "line_items": {
        **_SOLD,
        **_MONEY,
        "type": "charge",
        "origin": "one_time",
        "state": "invoiced",
        "quantity": 1,
        "unit_amount": 0.0,
        "amount": 0.0,
    },
    "transactions": {
        **_SOLD,
        **dict.fromkeys(("invoice", "payment_method", "collected_at", "voided_at")),
        "type": "purchase",
        "origin": "recurring",
        "status": "success",
        "amount": 10.0,
        "collection_method": "automatic",
        "refunded": False,
        "subscription_ids": [],
    },
    "plans": {"state": "active", "interval_unit": "months", "interval_length": 1},
    **{resource: {"state": "active"} for resource in ("add_ons", "items", "measured_units")},
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
