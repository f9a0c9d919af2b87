"""Plans, add-ons, items and coupons as Recurly serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.recurly.moments import money, shown
from recurly_klaviyo_sandbox.recurly.records.customers import account_mini
from recurly_klaviyo_sandbox.recurly.records.head import Record, head

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business import entities as e


def plan_mini(plan: e.Plan) -> Record:
    """A plan as other records embed it."""
    return {"id": plan.id, "object": "plan", "code": plan.code, "name": plan.name}


def plan(plan: e.Plan) -> Record:
    """A plan with its prices."""
    return {
        **plan_mini(plan),
        **head(plan, "plan"),
        "state": "active",
        "pricing_model": "fixed",
        "currencies": [
            {
                "currency": currency,
                "setup_fee": money(plan.setup_fee),
                "unit_amount": money(cents),
                "price_segment_id": None,
                "tax_inclusive": False,
            }
            for currency, cents in plan.prices.items()
        ],
        "interval_unit": plan.interval_unit,
        "interval_length": plan.interval_length,
        "description": None,
        "accounting_code": plan.code,
        "trial_unit": "days",
        "trial_length": plan.trial_days,
        "trial_requires_billing_info": True,
        "total_billing_cycles": None,
        "auto_renew": True,
        "custom_fields": [],
        "tax_exempt": False,
        "allow_any_item_on_subscriptions": False,
        "deleted_at": None,
    }


def add_on_mini(add_on: e.AddOn) -> Record:
    """An extra as a subscription embeds it."""
    return {
        "id": add_on.id,
        "object": "add_on",
        "code": add_on.code,
        "name": add_on.name,
        "add_on_type": "usage" if add_on.metered else "fixed",
    }


def add_on(add_on: e.AddOn) -> Record:
    """An extra on a plan."""
    return {
        **add_on_mini(add_on),
        **head(add_on, "add_on"),
        "plan_id": add_on.plan.id,
        "state": "active",
        "usage_type": "price" if add_on.metered else None,
        "accounting_code": add_on.code,
        "revenue_schedule_type": "evenly",
        "display_quantity": False,
        "default_quantity": 1,
        "optional": True,
        "currencies": [
            {"currency": currency, "unit_amount": money(add_on.price)}
            for currency in add_on.plan.prices
        ],
        "tier_type": "flat",
        "tiers": [],
        "deleted_at": None,
    }


def item(item: e.Item) -> Record:
    """A catalog item."""
    return {
        **head(item, "item"),
        "code": item.code,
        "state": "active",
        "name": item.name,
        "description": None,
        "external_sku": f"SKU-{item.code}",
        "accounting_code": item.code,
        "revenue_schedule_type": "at_range_start",
        "tax_exempt": False,
        "custom_fields": [],
        "currencies": [{"currency": "USD", "unit_amount": money(item.price)}],
        "deleted_at": None,
    }


def coupon(coupon: e.Coupon) -> Record:
    """A discount anyone may redeem."""
    duration = "forever" if coupon.invoices < 0 else "billing_periods"
    return {
        **head(coupon, "coupon"),
        "code": coupon.code,
        "name": coupon.name,
        "state": "redeemable",
        "max_redemptions": None,
        "max_redemptions_per_account": None,
        "unique_coupon_codes_count": 0,
        "duration": "single_use" if coupon.invoices == 1 else duration,
        "temporal_amount": coupon.invoices if coupon.invoices > 1 else None,
        "applies_to_all_plans": True,
        "applies_to_all_items": False,
        "applies_to_non_plan_charges": False,
        "plans": [],
        "items": [],
        "redemption_resource": "subscription",
        "discount": {"type": "percent", "percent": coupon.percent},
        "coupon_type": "single_code",
        "expired_at": None,
    }


def coupon_redemption(redemption: e.CouponRedemption) -> Record:
    """A coupon in an account's hands."""
    return {
        **head(redemption, "coupon_redemption"),
        "account": account_mini(redemption.account),
        "subscription_id": redemption.subscription.id,
        "coupon": coupon(redemption.coupon),
        "state": "inactive" if redemption.removed else "active",
        "currency": redemption.account.currency,
        "discounted": money(redemption.discounted),
        "removed_at": shown(redemption.removed),
    }


def coupon_redemption_mini(redemption: e.CouponRedemption) -> Record:
    """A redemption as other records embed it."""
    whole, offer = coupon_redemption(redemption), coupon(redemption.coupon)
    of_coupon = ("id", "object", "code", "name", "state", "discount", "coupon_type", "expired_at")
    return {
        **{name: whole[name] for name in ("id", "object", "state", "discounted", "created_at")},
        "coupon": {name: offer[name] for name in of_coupon},
    }
