"""The four properties that Klaviyo's own Recurly integration has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurly_to_klaviyo.card import card_expiry
from recurly_to_klaviyo.fields import read, read_section
from recurly_to_klaviyo.properties import profile_property
from recurly_to_klaviyo.subscription import is_held
from recurly_to_klaviyo.values import distinct

if TYPE_CHECKING:
    from datetime import datetime

    from recurly_to_klaviyo.person import Person


@profile_property("Recurly Account Code")
def account_code(person: Person, _now: datetime) -> str | None:
    """The account's code in Recurly; of several accounts that of the leading one."""
    return read(person.leading, "code") or None


@profile_property("Recurly Card Expiration Date")
def card_expiration_date(person: Person, _now: datetime) -> str | None:
    """The last day of the month in which the card expires; cleared when there is no card."""
    expires_on = card_expiry(person.leading)
    return expires_on.isoformat() if expires_on else None


@profile_property("Recurly Plan Codes")
def plan_codes(person: Person, _now: datetime) -> tuple[str, ...]:
    """The codes of the plans held now; an empty list when there are none."""
    return _told_of_plans_held(person, "code")


@profile_property("Recurly Plans")
def plan_names(person: Person, _now: datetime) -> tuple[str, ...]:
    """The names of the plans held now; an empty list when there are none."""
    return _told_of_plans_held(person, "name")


def _told_of_plans_held(person: Person, name: str) -> tuple[str, ...]:
    plans = [read_section(each, "plan") for each in person.subscriptions() if is_held(each)]
    return distinct(read(plan, name) for plan in plans if plan)
