"""What a hand-made record is given where its maker said nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.recurly.moments import shown
from recurly_klaviyo_sandbox.recurly.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_FLAGS = ("live", "active", "future", "canceled", "paused")
_DEFAULTS: dict[str, dict[str, Any]] = {
    "accounts": {
        "state": "active",
        "email": None,
        "billing_info": None,
        **{f"has_{state}_subscription": False for state in _FLAGS},
        "has_past_due_invoice": False,
    },
    "subscriptions": {"account": None, "plan": None, "state": "active", "quantity": 1},
    "invoices": {
        "account": None,
        "type": "charge",
        "origin": "purchase",
        "state": "paid",
        "total": 0.0,
        "line_items": [],
        "has_more_line_items": False,
    },
    "line_items": {"type": "charge", "origin": "one_time", "state": "invoiced", "quantity": 1},
    "transactions": {"account": None, "type": "purchase", "status": "success", "amount": 10.0},
    **{name: {"state": "active"} for name in ("plans", "add_ons", "items", "measured_units")},
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

    `number`, another at each call, makes a new record's id, uuid and invoice number; `now` stamps
    the record unless it comes with times.
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
