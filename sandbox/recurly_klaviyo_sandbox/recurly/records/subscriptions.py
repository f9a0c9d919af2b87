"""Subscriptions as Recurly serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.recurly.moments import money, shown
from recurly_klaviyo_sandbox.recurly.records.catalog import (
    add_on_mini,
    coupon_redemption_mini,
    plan_mini,
)
from recurly_klaviyo_sandbox.recurly.records.customers import account_mini
from recurly_klaviyo_sandbox.recurly.records.head import Record, head

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business import entities as e

# Null in every record, since this merchant does not use it.
_NO_SUBSCRIPTION_HAS: Record = dict.fromkeys(
    (
        *("shipping", "ramp_intervals", "resume_at", "tax_info", "price_segment_id"),
        *("po_number", "terms_and_conditions", "customer_notes"),
        *("bank_account_authorized_at", "gateway_code", "billing_info_id"),
        *("active_invoice_id", "business_entity_id", "converted_at", "action_result"),
    )
)


def subscription(subscription: e.Subscription) -> Record:
    """A subscription with its add-ons and, when there is one, the change that is to come."""
    extras = [subscribed_add_on(subscription, extra) for extra in subscription.add_ons]
    subtotal = subscription.subtotal
    return {
        **head(subscription, "subscription"),
        "account": account_mini(subscription.account),
        "plan": plan_mini(subscription.plan),
        "state": subscription.state,
        "coupon_redemptions": (
            [coupon_redemption_mini(subscription.redemption)] if subscription.redemption else []
        ),
        "pending_change": subscription_change(subscription) if subscription.next_plan else None,
        "current_period_started_at": shown(subscription.period_start),
        "current_period_ends_at": shown(subscription.period_end),
        "current_term_started_at": shown(subscription.period_start),
        "current_term_ends_at": shown(subscription.period_end),
        "trial_started_at": shown(subscription.trial_start),
        "trial_ends_at": shown(subscription.trial_end),
        "remaining_billing_cycles": subscription.cycles_left or 0,
        "total_billing_cycles": 1,
        "renewal_billing_cycles": 1,
        "auto_renew": subscription.cycles_left is None,
        "paused_at": shown(subscription.paused),
        "remaining_pause_cycles": subscription.pause_cycles,
        "currency": subscription.currency,
        "revenue_schedule_type": "evenly",
        "unit_amount": money(subscription.unit),
        "tax_inclusive": False,
        "quantity": subscription.quantity,
        "add_ons": extras,
        "add_ons_total": money(subtotal - subscription.unit * subscription.quantity),
        "subtotal": money(subtotal),
        "tax": 0.0,
        "total": money(subtotal),
        "collection_method": "manual" if subscription.manual else "automatic",
        "net_terms": 30 if subscription.manual else 0,
        "net_terms_type": "net",
        "expiration_reason": subscription.expiration_reason,
        "custom_fields": [
            {"name": name, "value": value} for name, value in subscription.custom_fields.items()
        ],
        "activated_at": shown(subscription.activated),
        "canceled_at": shown(subscription.canceled),
        "expires_at": shown(subscription.expires),
        "started_with_gift": False,
        **_NO_SUBSCRIPTION_HAS,
    }


def subscription_change(subscription: e.Subscription) -> Record:
    """The plan a subscription will be on from its next renewal."""
    to_come = subscription.next_plan or subscription.plan
    return {
        "id": subscription.change_id,
        "object": "subscription_change",
        "subscription_id": subscription.id,
        "plan": plan_mini(to_come),
        "add_ons": [],
        "unit_amount": money(to_come.prices[subscription.currency]),
        "tax_inclusive": False,
        "quantity": subscription.quantity,
        "shipping": None,
        "activate_at": shown(subscription.period_end),
        "activated": False,
        "custom_fields": [],
        "created_at": shown(subscription.change_created),
        "updated_at": shown(subscription.change_created),
        "deleted_at": None,
    }


def subscribed_add_on(subscription: e.Subscription, extra: e.SubscribedAddOn) -> Record:
    """An add-on as part of a subscription."""
    return {
        "id": extra.id,
        "object": "subscription_add_on",
        "subscription_id": subscription.id,
        "add_on": add_on_mini(extra.add_on),
        "add_on_source": "plan_add_on",
        "quantity": extra.quantity,
        "unit_amount": money(extra.unit),
        "unit_amount_decimal": None,
        "revenue_schedule_type": "evenly",
        "tier_type": "flat",
        "tiers": [],
        "created_at": shown(extra.created),
        "updated_at": shown(extra.created),
        "expired_at": None,
    }
