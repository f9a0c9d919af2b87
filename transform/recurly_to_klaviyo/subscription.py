"""What a subscription's dates and states say together (docs/recurly.md: Subscriptions).

All of these look at the subscription as it is now, and at now. A date that cannot be read counts
as absent: one subscription's flaw must not cost a person's profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.values import readable_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    Record = Mapping[str, Any]

HELD_STATES = frozenset({"active", "canceled", "paused", "future"})
"""Subscription states in which a plan is held; a canceled one runs to the end of its period."""

_MONTHS_PER_DAY = 12 / 365


def is_held(subscription: Record) -> bool:
    """Whether its plan is held now."""
    state = subscription.get("state")
    return isinstance(state, str) and state in HELD_STATES


def trial_end(subscription: Record, now: datetime) -> datetime | None:
    """When the trial ends that it is in, cancelled or not; None when it is in none."""
    if subscription.get("state") not in {"active", "canceled"}:
        return None
    started_at, ends_at = (
        readable_time(subscription, "trial_started_at"),
        readable_time(subscription, "trial_ends_at"),
    )
    if ends_at is None or ends_at <= now or (started_at is not None and started_at > now):
        return None
    return ends_at


def bills_again(subscription: Record) -> bool:
    """Whether an active subscription will be billed once more."""
    if subscription.get("state") != "active":
        return False
    remaining = subscription.get("remaining_billing_cycles")
    if type(remaining) is int and remaining > 0:
        return True
    return subscription.get("auto_renew") is not False


def next_renewal(subscription: Record, now: datetime) -> datetime | None:
    """When it is billed next; None when it is not, is in trial, or is paused before.

    A pause that lies in the past was left behind on a subscription that is active again.
    """
    renews_at = readable_time(subscription, "current_period_ends_at")
    if (
        renews_at is None
        or renews_at <= now
        or not bills_again(subscription)
        or trial_end(subscription, now) is not None
    ):
        return None
    paused_at = readable_time(subscription, "paused_at")
    is_paused_before = paused_at is not None and now < paused_at <= renews_at
    return None if is_paused_before else renews_at


def months_per_period(plan: Record) -> float | None:
    """The length of a plan's billing period in months; None when it is not known."""
    length, unit = plan.get("interval_length"), plan.get("interval_unit")
    if type(length) is not int or length <= 0:
        return None
    if unit == "months":
        return float(length)
    return length * _MONTHS_PER_DAY if unit == "days" else None


def coupon_codes(subscription: Record) -> Any:
    """The codes of the coupons on it, as a tuple."""
    redemptions = subscription.get("coupon_redemptions")
    if type(redemptions) is not list:
        return None
    coupons = [each.get("coupon") for each in redemptions if type(each) is dict]
    codes = [coupon.get("code") for coupon in coupons if type(coupon) is dict]
    return tuple(code for code in codes if type(code) is str and code)
