"""Recurly's values as Klaviyo wants them: moments, money, card expiry, identity."""

from __future__ import annotations

import calendar
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_ARRAY_ITEMS = 4_000
"""Klaviyo refuses an event with a longer array (Events API: limits per event)."""


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 time as Recurly writes it, in UTC to the second; None when there is none.

    Recurly reads a time without a zone as UTC, and Klaviyo keeps whole seconds.

    Raises:
        ValueError: The text is no such time.
    """
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(_without_fraction(text).replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"The record holds '{text}' where an ISO 8601 time belongs.") from None
    if parsed.tzinfo is None:
        return parsed.replace(tzinfo=timezone.utc)
    return parsed.astimezone(timezone.utc)


def _without_fraction(text: str) -> str:
    """`2025-01-01T10:00:00.123456789Z` -> `2025-01-01T10:00:00Z`: any number of digits goes."""
    whole, dot, fraction = text.partition(".")
    return whole + fraction.lstrip("0123456789") if dot else text


def iso(time: datetime) -> str:
    """A UTC time as `2025-01-31T10:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def money(amount: Any) -> float | None:
    """A JSON amount as a number, whichever way the reader decoded it (int, float, Decimal).

    Raises:
        ValueError: It is none; the message names it.
    """
    return None if amount is None else _number(amount, "an amount")


def count(whole: Any, decimal: Any) -> int | float | None:
    """A quantity; where Recurly gives the decimal one (a string), it takes the place of `whole`.

    Raises:
        ValueError: It is no number; the message names it.
    """
    number = decimal if decimal not in (None, "") else whole
    if number is None:
        return None
    exact = _number(number, "a quantity")
    return int(exact) if exact.is_integer() else exact


def _number(value: Any, what: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"The record holds '{value}' where {what} belongs.") from None


def card_expiration(billing_info: Mapping[str, Any] | None) -> str | None:
    """The last day a card is good for, `YYYY-MM-DD`; None without a card.

    A card is printed with month and year only and is valid through the end of that month.
    """
    method = (billing_info or {}).get("payment_method") or {}
    try:
        year, month = int(method["exp_year"]), int(method["exp_month"])
        last_day = calendar.monthrange(year, month)[1]
        return date(year, month, last_day).isoformat()
    except (KeyError, TypeError, ValueError):  # no card, or no date such a month could have
        return None


def identity(account: Mapping[str, Any] | None, identify_by: str) -> dict[str, str]:
    """The one Klaviyo identifier of a Recurly account.

    The e-mail address, Klaviyo's recommended identifier; the account code as `external_id` for an
    account without one, or for all when `identify_by` is `account_code`. Never both: Klaviyo's
    merging ignores `external_id`, so the pair would make duplicates.

    Raises:
        ValueError: The record names no account, or one with neither e-mail nor code.
    """
    if not account:
        raise ValueError("The record has no account, so no profile can be found for it.")
    email = (account.get("email") or "").strip()
    if email and identify_by == "email":
        return {"email": email}
    if account.get("code"):
        return {"external_id": account["code"]}
    raise ValueError("The record's account has neither an e-mail address nor a code.")


def distinct(values: Iterable[str | None]) -> list[str]:
    """The values in order of first appearance, without repetition and without the absent."""
    return list(dict.fromkeys(value for value in values if value))


def present(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that have a value; arrays cut to the length Klaviyo accepts."""
    return {
        name: value[:MOST_ARRAY_ITEMS] if isinstance(value, list) else value
        for name, value in properties.items()
        if value is not None
    }
