"""What state a person's subscriptions are in, over all of the person's accounts.

Dates are `YYYY-MM-DD` in UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.fields import NotReadError, read, read_section
from recurly_to_klaviyo.properties import STATUS, profile_property
from recurly_to_klaviyo.subscription import months_per_period, next_renewal, trial_end
from recurly_to_klaviyo.values import money, readable_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from recurly_to_klaviyo.person import Person

    Record = Mapping[str, Any]

STATES = ("active", "trial", "paused", "canceled", "future", "expired")
NO_STATE = "none"
CENTS = 2


@profile_property("Recurly Subscription Status", group=STATUS)
def subscription_status(person: Person, now: datetime) -> str:
    """The first of active, trial, paused, canceled, future, expired that any subscription is in.

    `none` for a person without one of these.
    """
    found = {
        "trial" if each.get("state") == "active" and trial_end(each, now) else each.get("state")
        for each in person.subscriptions()
        if isinstance(each.get("state"), str)
    }
    return next((state for state in STATES if state in found), NO_STATE)


@profile_property("Recurly Active Subscriptions", group=STATUS)
def active_subscriptions(person: Person, now: datetime) -> int:
    """How many subscriptions run: active ones, and canceled ones up to their end."""
    return sum(_runs(each, now) for each in person.subscriptions())


@profile_property("Recurly Next Renewal Date", group=STATUS)
def next_renewal_date(person: Person, now: datetime) -> str | None:
    """The earliest day on which a subscription renews; cleared when none does.

    By the rule of Upcoming Renewal.
    """
    return _date(_earliest(next_renewal(each, now) for each in person.subscriptions()))


@profile_property("Recurly Next Renewal Amount", group=STATUS)
def next_renewal_amount(person: Person, now: datetime) -> float | None:
    """What is billed on that day, taxes included as far as Recurly knows them."""
    renewing = _renewing_next(person, now)
    amounts = [_next_charge(each) for each in renewing]
    return round(sum(amounts), CENTS) if renewing else None


@profile_property("Recurly Next Renewal Currency", group=STATUS)
def next_renewal_currency(person: Person, now: datetime) -> str | None:
    """The currency of that amount."""
    renewing = _renewing_next(person, now)
    return renewing[0].get("currency") if renewing else None


@profile_property("Recurly Trial End Date", group=STATUS)
def trial_end_date(person: Person, now: datetime) -> str | None:
    """The earliest day on which a trial ends; cleared when none runs."""
    return _date(_earliest(trial_end(each, now) for each in person.subscriptions()))


@profile_property("Recurly Past Due", group=STATUS)
def past_due(person: Person, _now: datetime) -> bool:
    """Whether any account has a past due invoice."""
    return any(bool(read(account, "has_past_due_invoice")) for account in person.accounts)


@profile_property("Recurly Subscriber Since", group=STATUS)
def subscriber_since(person: Person, _now: datetime) -> str | None:
    """The day on which the first subscription was activated; cleared when there was none."""
    return _date(_earliest(readable_time(each, "activated_at") for each in person.subscriptions()))


@profile_property("Recurly MRR", group=STATUS)
def monthly_revenue(person: Person, now: datetime) -> float | None:
    """What active subscriptions out of trial bring a month before tax; cleared without any.

    Their prices by the plans' intervals, in the currency most of them are billed in.
    """
    return _monthly_revenue(person, now)[0]


@profile_property("Recurly MRR Currency", group=STATUS)
def monthly_revenue_currency(person: Person, now: datetime) -> str | None:
    """The currency of that amount."""
    return _monthly_revenue(person, now)[1]


@profile_property("Recurly Account State", group=STATUS)
def account_state(person: Person, _now: datetime) -> str | None:
    """The account's state in Recurly; of several accounts that of the leading one."""
    return read(person.leading, "state") or None


@profile_property("Recurly Cancel Reason", group=STATUS)
def cancel_reason(person: Person, _now: datetime) -> str | None:
    """Why the subscription that expired last did; cleared while a plan is held."""
    if person.holds_a_plan():
        return None
    expired = [each for each in person.subscriptions() if each.get("state") == "expired"]
    dated = [
        (time, str(each.get("id")), each.get("expiration_reason"))
        for each in expired
        if (time := readable_time(each, "expires_at")) is not None
    ]
    return max(dated, key=lambda each: each[:2])[2] if dated else None


def _runs(subscription: Record, now: datetime) -> bool:
    if subscription.get("state") == "active":
        return True
    ends_at = readable_time(subscription, "expires_at") or readable_time(
        subscription, "current_period_ends_at"
    )
    return subscription.get("state") == "canceled" and (ends_at is None or ends_at > now)


def _renewing_next(person: Person, now: datetime) -> list[Record]:
    """The subscriptions that renew on the next day on which any does, in the first's currency."""
    dated = sorted(
        (
            (renews_at, str(each.get("id")), each)
            for each in person.subscriptions()
            if (renews_at := next_renewal(each, now)) is not None
        ),
        key=lambda one: one[:2],
    )
    if not dated:
        return []
    first_at, _, first = dated[0]
    return [
        each
        for renews_at, _, each in dated
        if renews_at.date() == first_at.date() and each.get("currency") == first.get("currency")
    ]


def _next_charge(subscription: Record) -> float:
    """What it will be billed, as far as Recurly estimates it."""
    charge = money(read(subscription, "total"))
    if charge is None:
        charge = money(subscription.get("subtotal"))
    return charge if isinstance(charge, float) else 0.0


def _monthly_revenue(person: Person, now: datetime) -> tuple[float | None, str | None]:
    by_currency: dict[str, list[float]] = {}
    for each in person.subscriptions():
        if each.get("state") == "active" and trial_end(each, now) is None:
            price = money(read(each, "subtotal"))
            months = months_per_period(read_section(each, "plan"))
            if months is None:
                raise NotReadError("interval_length")
            if isinstance(price, float) and isinstance(each.get("currency"), str):
                by_currency.setdefault(each["currency"], []).append(price / months)
    if not by_currency:
        return None, None
    most = max(by_currency, key=lambda currency: (len(by_currency[currency]), currency))
    return round(sum(by_currency[most]), CENTS), most


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def _date(time: datetime | None) -> str | None:
    return time.date().isoformat() if time is not None else None
