"""What a snapshot is made of, in JSON (pure): account, subscriptions, who shares the address.

What Recurly leaves out stays absent. A value of another kind than Recurly says passes as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tap_recurly.http.pages import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_recurly.schema import Attributes

SUBSCRIPTION_ATTRIBUTES: Attributes = {
    "id": None,
    "uuid": None,
    "plan": {"id": None, "code": None, "name": None},
    "state": None,
    "quantity": None,
    "unit_amount": None,
    "subtotal": None,
    "tax": None,
    "total": None,
    "currency": None,
    "collection_method": None,
    "auto_renew": None,
    "remaining_billing_cycles": None,
    "current_period_started_at": None,
    "current_period_ends_at": None,
    "current_term_started_at": None,
    "current_term_ends_at": None,
    "trial_started_at": None,
    "trial_ends_at": None,
    "activated_at": None,
    "canceled_at": None,
    "expires_at": None,
    "expiration_reason": None,
    "paused_at": None,
    "remaining_pause_cycles": None,
    "pending_change": None,
    "coupon_redemptions": None,
    "custom_fields": None,
    "created_at": None,
    "updated_at": None,
}
"""What a snapshot tells of each subscription; the interval of its plan comes from /plans."""

INVISIBLE = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Characters without width that copying an address brings along; `str.strip` leaves them."""

INTERVAL_ATTRIBUTES: Attributes = {"interval_unit": None, "interval_length": None}

SAME_EMAIL_ATTRIBUTES: Attributes = {
    "id": None,
    "code": None,
    "state": None,
    "created_at": None,
    "updated_at": None,
    "has_past_due_invoice": None,
    "billing_info": {
        "payment_method": {
            "object": None,
            "card_type": None,
            "exp_month": None,
            "exp_year": None,
            "last_four": None,
        }
    },
    "custom_fields": None,
}
"""What a snapshot tells of each other account with the same address, beside its subscriptions."""


def excerpt(value: Any, attributes: Attributes | None) -> Any:
    """These attributes of an object; what is no object passes as it came."""
    if attributes is None or not isinstance(value, dict):
        return value
    return {
        name: excerpt(value[name], within) for name, within in attributes.items() if name in value
    }


def only_selected(
    attributes: Attributes, is_selected: Callable[..., bool], *within: str
) -> Attributes:
    """Those of the attributes that are selected, which is asked with the names on the way."""
    return {
        name: below and only_selected(below, is_selected, *within, name)
        for name, below in attributes.items()
        if is_selected(*within, name)
    }


class PlanIntervals:
    """How often the plans of the site are billed, to be told of the subscriptions to them."""

    def __init__(self, plans: Iterable[Row]) -> None:
        self._intervals = {
            orjson.dumps(plan["id"]): excerpt(plan, INTERVAL_ATTRIBUTES)
            for plan in (row.record for row in plans)
            if "id" in plan
        }

    def subscription(self, row: Row) -> bytes:
        """A subscription as a snapshot carries it."""
        subscription = row.record
        told = excerpt(subscription, SUBSCRIPTION_ATTRIBUTES)
        plan = subscription.get("plan")
        if isinstance(plan, dict):
            own = excerpt(plan, INTERVAL_ATTRIBUTES)
            key = orjson.dumps(plan["id"]) if "id" in plan else b""
            told["plan"] |= self._intervals.get(key, own)
        return orjson.dumps(told)


def address_of(account: Row) -> str | None:
    """An account's e-mail address as addresses are compared: in small letters, nothing around it.

    Other letters of the same sound, as in straße and strasse, are another address.
    """
    address, before = account.email.lower(), None
    while address != before:
        address, before = address.strip().strip(INVISIBLE), address
    return address or None


def snapshot(
    account: Row, subscriptions: Iterable[bytes] | None, same_email: Iterable[bytes] | None
) -> Row:
    """An account as it came, with its subscriptions and who shares its address, where read."""
    line = _with_array(account.line, "subscriptions", _latest(subscriptions))
    return Row(_with_array(line, "same_email", same_email))


def other_account(
    account: Row, attributes: Attributes, subscriptions: Iterable[bytes] | None
) -> bytes:
    """One that shares the address; without subscriptions where these were not read."""
    line = orjson.dumps(excerpt(account.record, attributes))
    return _with_array(line, "subscriptions", _latest(subscriptions))


def _latest(subscriptions: Iterable[bytes] | None) -> list[bytes] | None:
    """Oldest first, each once; of several versions the latest, of equals the last."""
    if subscriptions is None:
        return None
    latest: dict[Any, Row] = {}
    for row in map(Row, subscriptions):
        known = latest.get(row.id)
        if known is None or known.updated_at <= row.updated_at:
            latest[row.id] = row
    by_age = sorted(latest.values(), key=lambda row: (row.created_at, str(row.id)))
    return [row.line for row in by_age]


def _with_array(line: bytes, name: str, items: Iterable[bytes] | None) -> bytes:
    """An object with one attribute more; the same object when that is None."""
    if items is None:
        return line
    start = line.removesuffix(b"}").rstrip()
    comma = b"" if start == b"{" else b","
    return b'%s%s"%s":[%s]}' % (start, comma, name.encode(), b",".join(items))
