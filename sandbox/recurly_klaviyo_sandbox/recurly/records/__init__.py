"""The business's entities as the records Recurly serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.business import entities as e
from recurly_klaviyo_sandbox.recurly.records import billing, catalog, customers, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_klaviyo_sandbox.recurly.records.head import Record


def record(entity: e.Entity, embedded_line_items: int) -> Record:
    """The record of any entity; an invoice's carries at most so many line items."""
    if isinstance(entity, e.Invoice):
        return billing.invoice(entity, embedded_line_items)
    return _RENDERERS[type(entity)](entity)


_RENDERERS: dict[type[e.Entity], Callable[[Any], Record]] = {
    e.Account: customers.account,
    e.Acquisition: customers.acquisition,
    e.AddOn: catalog.add_on,
    e.BillingInfo: customers.billing_info,
    e.Coupon: catalog.coupon,
    e.CouponRedemption: catalog.coupon_redemption,
    e.CreditPayment: billing.credit_payment,
    e.Item: catalog.item,
    e.LineItem: billing.line_item,
    e.Plan: catalog.plan,
    e.ShippingAddress: customers.shipping_address,
    e.Subscription: subscriptions.subscription,
    e.Transaction: billing.transaction,
}
