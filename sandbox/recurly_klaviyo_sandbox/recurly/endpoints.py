"""The list endpoints of Recurly's API v2021-02-25 that the tap reads, as data.

Each names exactly the query parameters its documentation declares: any other is answered with 400.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from recurly_klaviyo_sandbox.recurly.errors import not_found

Filter = Mapping[str, str] | str
"""SQL by admitted value, or SQL with `:value` for any text."""

_PAGED = ("ids", "limit", "order", "sort")
_WINDOWED = (*_PAGED, "begin_time", "end_time")
_UNORDERED = ("ids", "sort", "begin_time", "end_time")
_NO_IDS = ("limit", "order", "sort")

_TIMED = (*_NO_IDS, "begin_time", "end_time")


def _one_of(column: str, *values: str) -> Mapping[str, str]:
    return {value: f"{column} = '{value}'" for value in values}


_ACTIVITY = _one_of("state", "active", "inactive")
_IN_TRIAL = "(trial_start < :now AND trial_end > :now)"
_ACCOUNT_FILTERS: dict[str, Filter] = {
    "email": (
        "(email = :value OR (:value = '' AND email IS NULL)"
        " OR (:email_any_case AND lower(trim(email)) = lower(trim(:value))))"
    ),
    "subscriber": {
        "true": "(active OR canceled OR future)",
        "false": "NOT (active OR canceled OR future)",
    },
    "past_due": {"true": "past_due"},
}
_SUBSCRIPTION_STATES = _one_of("state", "active", "canceled", "expired", "future")
_SUBSCRIPTION_FILTERS: dict[str, Filter] = {
    "state": {
        **_SUBSCRIPTION_STATES,
        "in_trial": _IN_TRIAL,
        # As documented: active, canceled, future or in trial. A paused subscription is left out.
        "live": f"(state IN ('active', 'canceled', 'future') OR {_IN_TRIAL})",
    }
}
_INVOICE_FILTERS: dict[str, Filter] = {
    "state": {
        **_one_of("state", "pending", "processing", "past_due", "paid", "failed"),
        **_one_of("state", "open", "closed", "voided"),
    },
    "type": {**_one_of("type", "charge", "credit", "legacy"), "non-legacy": "type <> 'legacy'"},
}
_LINE_ITEM_FILTERS: dict[str, Filter] = {
    "original": {"true": "copied_from IS NULL"},
    "state": _one_of("state", "invoiced", "pending"),
    "type": _one_of("type", "charge", "credit"),
}
_TRANSACTION_FILTERS: dict[str, Filter] = {
    "type": {
        **_one_of("type", "authorization", "capture", "purchase", "refund", "verify"),
        "payment": "type IN ('purchase', 'capture')",
    },
    "success": {"true": "success"},
}
_RELATED_TYPES = _one_of("related_type", "account", "item", "plan", "subscription", "charge")
_USAGE_FILTERS: dict[str, Filter] = {
    "billing_status": {"unbilled": "billed IS NULL", "billed": "billed IS NOT NULL", "all": "TRUE"}
}
_REDEMPTIONS_OF_INVOICE = (
    "subscription_id IN (SELECT subscription_id FROM line_items WHERE invoice_id = :invoice_id)"
)

PARENTS = {
    f"{name}_id": f"{name}s"
    for name in (
        *("account", "subscription", "add_on", "invoice", "transaction", "coupon"),
        *("external_product", "external_subscription"),
    )
}
"""The resource that each path parameter names."""


@dataclass(frozen=True)
class Endpoint:
    """A path template and the resource it serves."""

    path: str
    resource: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the path, with each parameter as a group still percent-encoded."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path) + "/?")


@dataclass(frozen=True)
class Listing(Endpoint):
    """A list endpoint. `scope` is SQL over the table, naming path parameters.

    Without it the columns named like the path's parameters say whose rows are listed.
    """

    parameters: tuple[str, ...] = ()
    filters: Mapping[str, Filter] = field(default_factory=dict)
    scope: str = ""
    sorts: Mapping[str, str] = field(
        default_factory=lambda: {"created_at": "created_at", "updated_at": "updated_at"}
    )

    @cached_property
    def condition(self) -> str:
        """Whose rows are listed."""
        named = [f"{name} = :{name}" for name in self.pattern.groupindex]
        return self.scope or " AND ".join(named) or "TRUE"

    @cached_property
    def declared(self) -> frozenset[str]:
        """All query parameters it takes; the cursor comes with every `next`."""
        return frozenset({*self.parameters, *self.filters, "cursor"})


AnEndpoint = TypeVar("AnEndpoint", bound=Endpoint)

LISTINGS = (
    Listing("/sites", "sites", _PAGED, {"state": _ACTIVITY}),
    Listing("/accounts", "accounts", _WINDOWED, _ACCOUNT_FILTERS),
    Listing("/accounts/{account_id}/billing_infos", "billing_infos", _UNORDERED),
    Listing(
        "/accounts/{account_id}/coupon_redemptions",
        "coupon_redemptions",
        _UNORDERED,
        {"state": _ACTIVITY},
    ),
    Listing("/accounts/{account_id}/external_accounts", "external_accounts"),
    Listing("/accounts/{account_id}/notes", "account_notes", ("ids",)),
    Listing("/accounts/{account_id}/shipping_addresses", "shipping_addresses", _WINDOWED),
    Listing(
        "/accounts/{account_id}/subscriptions", "subscriptions", _WINDOWED, _SUBSCRIPTION_FILTERS
    ),
    Listing("/acquisitions", "account_acquisitions", _WINDOWED),
    Listing("/coupons", "coupons", _WINDOWED),
    Listing(
        "/coupons/{coupon_id}/unique_coupon_codes",
        "unique_coupon_codes",
        _WINDOWED,
        {"redeemed": {"true": "redeemed IS NOT NULL", "false": "redeemed IS NULL"}},
    ),
    Listing("/credit_payments", "credit_payments", _TIMED),
    Listing(
        "/custom_field_definitions",
        "custom_field_definitions",
        _WINDOWED,
        {"related_type": _RELATED_TYPES},
    ),
    Listing(
        "/general_ledger_accounts",
        "general_ledger_accounts",
        _PAGED,
        {"account_type": _one_of("account_type", "liability", "revenue")},
    ),
    Listing("/performance_obligations", "performance_obligations"),
    Listing("/items", "items", _WINDOWED, {"state": _ACTIVITY}),
    Listing("/measured_units", "measured_units", _WINDOWED, {"state": _ACTIVITY}),
    Listing("/external_products", "external_products", ("sort",)),
    Listing(
        "/external_products/{external_product_id}/external_product_references",
        "external_product_references",
        ("sort",),
    ),
    Listing("/external_subscriptions", "external_subscriptions", ("sort",)),
    Listing("/invoices", "invoices", _WINDOWED, _INVOICE_FILTERS),
    Listing("/invoices/{invoice_id}/line_items", "line_items", _WINDOWED, _LINE_ITEM_FILTERS),
    Listing(
        "/invoices/{invoice_id}/coupon_redemptions",
        "coupon_redemptions",
        _UNORDERED,
        {},
        _REDEMPTIONS_OF_INVOICE,
    ),
    Listing("/line_items", "line_items", _WINDOWED, _LINE_ITEM_FILTERS),
    Listing("/plans", "plans", _WINDOWED, {"state": _ACTIVITY}),
    Listing("/price_segments", "price_segments", ("ids", "limit", "order")),
    Listing("/add_ons", "add_ons", _WINDOWED, {"state": _ACTIVITY}),
    Listing("/shipping_methods", "shipping_methods", _WINDOWED),
    Listing("/subscriptions", "subscriptions", _WINDOWED, _SUBSCRIPTION_FILTERS),
    Listing(
        "/subscriptions/{subscription_id}/add_ons/{add_on_id}/usage",
        "usages",
        _WINDOWED,
        _USAGE_FILTERS,
        sorts={"recorded_timestamp": "created_at", "usage_timestamp": "updated_at"},
    ),
    Listing("/transactions", "transactions", _WINDOWED, _TRANSACTION_FILTERS),
    Listing("/dunning_campaigns", "dunning_campaigns", ("sort",)),
    Listing("/invoice_templates", "invoice_templates", ("sort",)),
    Listing("/external_invoices", "external_invoices", _NO_IDS),
    Listing(
        "/external_subscriptions/{external_subscription_id}/external_payment_phases",
        "external_payment_phases",
        _NO_IDS,
    ),
    Listing(
        "/accounts/{account_id}/entitlements", "entitlements", (), {"state": _SUBSCRIPTION_STATES}
    ),
    Listing("/business_entities", "business_entities"),
    Listing("/gift_cards", "gift_cards"),
)

SINGLES = (
    Endpoint("/accounts/{account_id}", "accounts"),
    Endpoint("/invoices/{invoice_id}", "invoices"),
    Endpoint("/subscriptions/{subscription_id}", "subscriptions"),
    Endpoint("/transactions/{transaction_id}", "transactions"),
)
"""Endpoints that serve one record of a resource by its id or code."""


def endpoint_at(path: str, endpoints: Iterable[AnEndpoint]) -> tuple[AnEndpoint, dict[str, str]]:
    """The endpoint that a path leads to, and the path's parameters, still percent-encoded.

    Raises:
        Refusal: 404, when it leads to none of them.
    """
    for endpoint in endpoints:
        match = endpoint.pattern.fullmatch(path)
        if match:
            return endpoint, match.groupdict()
    raise not_found(path)
