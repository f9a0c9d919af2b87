"""The four properties that Klaviyo's own Recurly integration has."""

from __future__ import annotations

import calendar
from datetime import date
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.person import read, read_section
from recurly_to_klaviyo.properties import profile_property
from recurly_to_klaviyo.subscription import is_held
from recurly_to_klaviyo.values import distinct, fitting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from recurly_to_klaviyo.person import Person

    Record = Mapping[str, Any]

_CENTURY = 2000
_TWO_DIGITS = 100


@profile_property("Recurly Account Code")
def account_code(person: Person, _now: datetime) -> str | None:
    """The account's code in Recurly; of several accounts that of the leading one."""
    return read(person.leading, "code") or None


@profile_property("Recurly Card Expiration Date")
def card_expiration_date(person: Person, _now: datetime) -> str | None:
    """The last day of the month in which the card expires; cleared when there is no card."""
    expires_on = card_expiry(person)
    return expires_on.isoformat() if expires_on else None


@profile_property("Recurly Plan Codes")
def plan_codes(person: Person, _now: datetime) -> list[str]:
    """The codes of the plans held now; an empty list when there are none."""
    return _told_of_plans_held(person, "code")


@profile_property("Recurly Plans")
def plan_names(person: Person, _now: datetime) -> list[str]:
    """The names of the plans held now; an empty list when there are none."""
    return _told_of_plans_held(person, "name")


def card_expiry(person: Person) -> date | None:
    """The last day the leading account's card is good for; None without a card.

    A card is printed with month and year only and is valid through the end of that month. Years of
    two digits occur (docs/recurly.md: Cards).

    Raises:
        NotReadError: The card was not read.
        UnreadableError: The card is no object.
    """
    if read(person.leading, "billing_info") is None:
        return None
    method = read_section(read_section(person.leading, "billing_info"), "payment_method")
    if not method.get("exp_year"):
        if method.get("object") == "credit_card":
            read(method, "exp_year")
        return None
    try:
        year, month = int(method["exp_year"]), int(read(method, "exp_month"))
        if year < _TWO_DIGITS:
            year += _CENTURY
        return date(year, month, calendar.monthrange(year, month)[1])
    except (TypeError, ValueError, OverflowError):  # no date such a month could have
        return None


def _told_of_plans_held(person: Person, name: str) -> list[str]:
    plans = [read_section(each, "plan") for each in person.subscriptions() if is_held(each)]
    return [fitting(text) for text in distinct(read(plan, name) for plan in plans if plan)]
