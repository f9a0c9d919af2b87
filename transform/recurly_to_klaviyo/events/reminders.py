"""What is about to happen, told some days before it does (`lead_days`).

A reminder is dated at its lead moment, and there is one only while now lies between that moment
and the date: of dates that have passed nothing is invented. It is an event because transactional
e-mail exists only in flows that a metric triggers (docs/klaviyo.md: Flows and transactional
e-mail).
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.card import card_expiry
from recurly_to_klaviyo.events.subscriptions import about, own_subscriptions
from recurly_to_klaviyo.fields import NotReadError, UnreadableError
from recurly_to_klaviyo.metrics import REMINDERS, SNAPSHOTS, Context, Occurrence, event
from recurly_to_klaviyo.subscription import bills_again, next_renewal, trial_end
from recurly_to_klaviyo.values import section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from recurly_to_klaviyo.person import Person

    Record = Mapping[str, Any]


@event("Upcoming Renewal", stream=SNAPSHOTS, group=REMINDERS, vanishes=True)
def upcoming_renewal(person: Person, context: Context) -> Iterator[Occurrence]:
    """An active subscription out of trial that is about to be billed again, and not paused before.

    Time: `lead_days` before `current_period_ends_at`
    Id: `recurly-sub-ID-renewal-SECONDS-DAYS`, the date in seconds since 1970 and the lead
    """
    for subscription in own_subscriptions(person):
        renews_at = next_renewal(subscription, context.now)
        if (lead := _lead(renews_at, context)) and renews_at is not None:
            yield about(
                subscription,
                f"renewal-{int(renews_at.timestamp())}-{lead.days}",
                renews_at - lead,
                context,
                {
                    "Lead Days": lead.days,
                    "New Plan Code": _plan_to_come(subscription).get("code"),
                    "New Plan Name": _plan_to_come(subscription).get("name"),
                },
            )


@event("Ending Trial", stream=SNAPSHOTS, group=REMINDERS, vanishes=True)
def ending_trial(person: Person, context: Context) -> Iterator[Occurrence]:
    """A trial that is about to end, cancelled ones too; `Converts` says whether it will be billed.

    Time: `lead_days` before `trial_ends_at`
    Id: `recurly-sub-ID-trial-ending-SECONDS-DAYS`, the date in seconds since 1970 and the lead
    """
    for subscription in own_subscriptions(person):
        ends_at = trial_end(subscription, context.now)
        if (lead := _lead(ends_at, context)) and ends_at is not None:
            yield about(
                subscription,
                f"trial-ending-{int(ends_at.timestamp())}-{lead.days}",
                ends_at - lead,
                context,
                {
                    "Lead Days": lead.days,
                    "Converts": bills_again(subscription),
                },
            )


@event("Expiring Card", stream=SNAPSHOTS, group=REMINDERS, vanishes=True)
def expiring_card(person: Person, context: Context) -> Iterator[Occurrence]:
    """The card of a person who holds a plan is about to expire, on the last day of its month.

    Of several accounts with one address the leading one's card.

    Time: `lead_days` before that day, 00:00 UTC
    Id: `recurly-account-ID-card-expiring-DATE-DAYS`, with the last day and the lead
    """
    try:
        expires_on = card_expiry(person.leading) if person.holds_a_plan() else None
    except (NotReadError, UnreadableError):
        return
    if expires_on is None:
        return
    expires_at = datetime.combine(expires_on, time.min, tzinfo=timezone.utc)
    if lead := _lead(expires_at, context):
        account_id = person.leading.get("id")
        method = section(section(person.leading, "billing_info"), "payment_method")
        yield Occurrence(
            unique_id=f"recurly-account-{account_id}-card-expiring-{expires_on}-{lead.days}",
            time=expires_at - lead,
            recurly_id=account_id,
            properties={
                "Account Code": person.leading.get("code"),
                "Card Type": method.get("card_type"),
                "Card Last Four": method.get("last_four"),
                "Expires On": expires_on.isoformat(),
                "Lead Days": lead.days,
            },
        )


def _lead(date: datetime | None, context: Context) -> timedelta | None:
    """How long before the date the reminder is due that has come last; None when none has.

    After the date there is none any more. Of several leads only the nearest that has passed counts.
    """
    if date is None or date <= context.now:
        return None
    for days in context.settings.lead_days:  # the smallest first
        if date - timedelta(days=days) <= context.now:
            return timedelta(days=days)
    return None


def _plan_to_come(subscription: Record) -> Record:
    """The plan that a pending change brings at the renewal."""
    return section(section(subscription, "pending_change"), "plan")
