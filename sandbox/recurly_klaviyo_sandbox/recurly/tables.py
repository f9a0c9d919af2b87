"""What is kept of each resource besides its body: the columns its endpoints filter and scope by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Table:
    """One resource's table. `columns` maps a column to the dotted path of its value in a record."""

    columns: Mapping[str, str]
    object_name: str
    code: str = ""
    """The column that a path's `code-`, `uuid-` or `number-` prefix speaks of."""
    hidden: frozenset[str] = frozenset()
    """Fields that Recurly's schema of the resource does not know."""

    @property
    def looked_up(self) -> list[str]:
        """Columns that single records or one parent's records are found by."""
        return [c for c in self.columns if c.endswith("_id") or c == self.code]

    def shows(self, name: str) -> bool:
        """Whether a field is sent. A leading underscore marks what serves for scoping only."""
        return not name.startswith("_") and name not in self.hidden

    def keys(self, record: Mapping[str, Any]) -> list[Any]:
        """The record's values of all columns."""
        return [_dig(record, path) for path in self.columns.values()]


def _dig(record: Mapping[str, Any], path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _same(*names: str) -> dict[str, str]:
    """Columns that bear their field's name."""
    return {name: name for name in names}


_ACCOUNT = {"account_id": "account.id"}
_OWNER = _same("account_id")

TABLES: dict[str, Table] = {
    "sites": Table({"state": "_state"}, "site"),
    "accounts": Table(
        _same("code", "email")
        | {
            "active": "has_active_subscription",
            "canceled": "has_canceled_subscription",
            "future": "has_future_subscription",
            "past_due": "has_past_due_invoice",
        },
        "account",
        code="code",
    ),
    "billing_infos": Table(_OWNER, "billing_info"),
    "shipping_addresses": Table(_OWNER, "shipping_address"),
    "account_notes": Table(_OWNER, "account_note", hidden=frozenset({"updated_at"})),
    "external_accounts": Table({"account_id": "_account_id"}, "external_account"),
    "subscriptions": Table(
        _ACCOUNT
        | _same("uuid", "state")
        | {"trial_start": "trial_started_at", "trial_end": "trial_ends_at"},
        "subscription",
        code="uuid",
    ),
    "invoices": Table(
        _ACCOUNT | _same("number", "state", "type"),
        "invoice",
        code="number",
    ),
    "line_items": Table(
        _ACCOUNT
        | _same("invoice_id", "subscription_id", "state", "type")
        | {"copied_from": "previous_line_item_id"},
        "line_item",
    ),
    "transactions": Table(
        _ACCOUNT | _same("uuid", "type", "success"),
        "transaction",
        code="uuid",
    ),
    "credit_payments": Table(_ACCOUNT, "credit_payment"),
    "coupon_redemptions": Table(_ACCOUNT | _same("subscription_id", "state"), "coupon_redemption"),
    "account_acquisitions": Table(_ACCOUNT, "account_acquisition"),
    "plans": Table(_same("code", "state"), "plan", code="code"),
    "add_ons": Table(_same("plan_id", "code", "state"), "add_on", code="code"),
    "items": Table(_same("code", "state"), "item", code="code"),
    "coupons": Table({"code": "code"}, "coupon", code="code"),
    "unique_coupon_codes": Table(
        {"coupon_id": "bulk_coupon_id", "redeemed": "redeemed_at"}, "unique_coupon_code"
    ),
    "measured_units": Table({"state": "state"}, "measured_unit"),
    "shipping_methods": Table({}, "shipping_method"),
    "usages": Table(
        {
            "subscription_id": "_subscription_id",
            "add_on_id": "_add_on_id",
            "billed": "billed_at",
        },
        "usage",
    ),
    "custom_field_definitions": Table({"related_type": "related_type"}, "custom_field_definition"),
    "general_ledger_accounts": Table({"account_type": "account_type"}, "general_ledger_account"),
    "performance_obligations": Table({}, "", hidden=frozenset({"object"})),
    "price_segments": Table({}, "price_segment", hidden=frozenset({"created_at", "updated_at"})),
    "dunning_campaigns": Table({}, "dunning_campaign"),
    "invoice_templates": Table({"code": "code"}, "", code="code", hidden=frozenset({"object"})),
    "business_entities": Table({"code": "code"}, "business_entity", code="code"),
    "gift_cards": Table({}, "gift_card"),
    "entitlements": Table(
        {"account_id": "_account_id", "state": "_state"}, "entitlement", hidden=frozenset({"id"})
    ),
    "external_products": Table({}, "external_product"),
    "external_product_references": Table(
        {"external_product_id": "_product_id"}, "external_product_reference_mini"
    ),
    "external_subscriptions": Table(_ACCOUNT, "external_subscription"),
    "external_invoices": Table(
        _ACCOUNT | {"external_subscription_id": "external_subscription.id"}, "external_invoice"
    ),
    "external_payment_phases": Table(
        {"external_subscription_id": "_subscription_id"}, "external_payment_phase"
    ),
}
"""Every resource by the name this sandbox gives it."""
