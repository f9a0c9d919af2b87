"""Subscriptions become lifecycle events, read from snapshots (docs/recurly.md: Subscriptions).

The list of subscriptions tells the present only: a cancellation or a pause that was taken back
between two runs leaves no trace, and one that was read earlier is not seen any more later.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.fields import (
    NotReadError,
    UnreadableError,
    custom_fields,
    subscriptions_of,
)
from recurly_to_klaviyo.metrics import LIFECYCLE, SNAPSHOTS, Context, Occurrence, event
from recurly_to_klaviyo.properties import custom_field_property
from recurly_to_klaviyo.subscription import coupon_codes, next_renewal
from recurly_to_klaviyo.values import iso, money, readable_time, section, time_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from recurly_to_klaviyo.person import Person
    from recurly_to_klaviyo.settings import Settings

    Record = Mapping[str, Any]

STARTED_STATES = frozenset({"active", "canceled", "paused", "expired"})
"""States of a subscription that has begun, for those without `activated_at`."""

INVOLUNTARY_REASONS = frozenset(
    {"nonpayment", "nonpayment_trial", "nonpayment_gift", "tax_location_invalid"}
)
"""Reasons to expire that are not the customer's wish."""


@event("Started Subscription", stream=SNAPSHOTS, group=LIFECYCLE)
def started_subscription(person: Person, context: Context) -> Iterator[Occurrence]:
    """A subscription that has become active, whatever state it is in now.

    Time: `activated_at`, else `created_at`
    Id: `recurly-sub-ID-started`
    """
    for subscription in own_subscriptions(person):
        activated_at = readable_time(subscription, "activated_at")
        if activated_at is None and subscription.get("state") in STARTED_STATES:
            activated_at = readable_time(subscription, "created_at")
        if context.has_come(activated_at):
            yield about(subscription, "started", activated_at, context)


@event("Started Trial", stream=SNAPSHOTS, group=LIFECYCLE)
def started_trial(person: Person, context: Context) -> Iterator[Occurrence]:
    """A trial that has begun.

    Time: `trial_started_at`
    Id: `recurly-sub-ID-trial-started`
    """
    for subscription in own_subscriptions(person):
        started_at = readable_time(subscription, "trial_started_at")
        if context.has_come(started_at):
            yield about(subscription, "trial-started", started_at, context)


@event("Paused Subscription", stream=SNAPSHOTS, group=LIFECYCLE, vanishes=True)
def paused_subscription(person: Person, context: Context) -> Iterator[Occurrence]:
    """A subscription that is paused now; a date left behind on an active one counts for nothing.

    Time: `paused_at`
    Id: `recurly-sub-ID-paused-SECONDS`, the time in seconds since 1970
    """
    for subscription in own_subscriptions(person):
        paused_at = readable_time(subscription, "paused_at")
        if subscription.get("state") == "paused" and context.has_come(paused_at):
            yield about(
                subscription,
                _at("paused", paused_at),
                paused_at,
                context,
                {"Remaining Pause Cycles": subscription.get("remaining_pause_cycles")},
            )


@event("Canceled Subscription", stream=SNAPSHOTS, group=LIFECYCLE, vanishes=True)
def canceled_subscription(person: Person, context: Context) -> Iterator[Occurrence]:
    """A cancellation, as long as it has not been taken back; the plan may be held to a later end.

    Time: `canceled_at`
    Id: `recurly-sub-ID-canceled-SECONDS`, the time in seconds since 1970
    """
    for subscription in own_subscriptions(person):
        canceled_at = readable_time(subscription, "canceled_at")
        if subscription.get("state") in {"canceled", "expired"} and context.has_come(canceled_at):
            yield about(
                subscription,
                _at("canceled", canceled_at),
                canceled_at,
                context,
                {
                    "Expires At": time_text(subscription.get("expires_at")),
                    "Expiration Reason": subscription.get("expiration_reason"),
                },
            )


@event("Expired Subscription", stream=SNAPSHOTS, group=LIFECYCLE)
def expired_subscription(person: Person, context: Context) -> Iterator[Occurrence]:
    """A subscription that is over; `Voluntary` is false when it ended for want of payment.

    Time: `expires_at`, else `updated_at`
    Id: `recurly-sub-ID-expired`
    """
    for subscription in own_subscriptions(person):
        if subscription.get("state") != "expired":
            continue
        expires_at = readable_time(subscription, "expires_at")
        reason = subscription.get("expiration_reason")
        occurrence = about(
            subscription,
            "expired",
            expires_at or readable_time(subscription, "updated_at"),
            context,
            {
                "Expiration Reason": reason,
                "Voluntary": not (isinstance(reason, str) and reason in INVOLUNTARY_REASONS),
            },
        )
        moves = expires_at is None or not context.has_come(expires_at)
        earliest = readable_time(subscription, "created_at") if moves else None
        yield occurrence._replace(earliest=earliest)


def own_subscriptions(person: Person) -> list[Record]:
    """The subscriptions of the account that was touched; none where they cannot be read.

    Those of the person's other accounts come with the snapshots of these.
    """
    try:
        return subscriptions_of(person.snapshot)
    except (NotReadError, UnreadableError):
        return []


def about(
    subscription: Record,
    suffix: str,
    time: datetime | None,
    context: Context,
    properties: Record | None = None,
) -> Occurrence:
    """An event about a subscription; its value is what a period costs."""
    plan = section(subscription, "plan")
    amount = money(subscription.get("total"))
    if amount is None:
        amount = money(subscription.get("subtotal"))
    renews_at = next_renewal(subscription, context.now)
    return Occurrence(
        unique_id=f"recurly-sub-{subscription.get('id')}-{suffix}",
        time=time,
        recurly_id=subscription.get("id"),
        properties={
            **_custom_fields(subscription, context.settings),
            "Subscription ID": subscription.get("id"),
            "Plan Code": plan.get("code"),
            "Plan Name": plan.get("name"),
            "Quantity": subscription.get("quantity"),
            "Unit Price": money(subscription.get("unit_amount")),
            "Amount": amount,
            "Coupon Codes": coupon_codes(subscription) or None,
            "Collection Method": subscription.get("collection_method"),
            "Current Period Start": time_text(subscription.get("current_period_started_at")),
            "Current Period End": time_text(subscription.get("current_period_ends_at")),
            "Trial End": time_text(subscription.get("trial_ends_at")),
            "Next Renewal At": None if renews_at is None else iso(renews_at),
            **(properties or {}),
        },
        value=amount if isinstance(amount, float) and isfinite(amount) else None,
        currency=subscription.get("currency"),
    )


def _at(suffix: str, time: datetime | None) -> str:
    """The suffix of what can happen to a subscription more than once."""
    return suffix if time is None else f"{suffix}-{int(time.timestamp())}"


def _custom_fields(subscription: Record, settings: Settings) -> Record:
    if not settings.subscription_fields:
        return {}
    try:
        values = custom_fields(subscription)
    except (NotReadError, UnreadableError):
        return {}
    return {
        settings.name(custom_field_property(field)): values.get(field)
        for field in settings.subscription_fields
    }
