"""Until when a card is good (docs/recurly.md: Cards)."""

from __future__ import annotations

import calendar
from datetime import date
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.fields import read, read_section

if TYPE_CHECKING:
    from collections.abc import Mapping

    Record = Mapping[str, Any]

_CENTURY = 2000
_TWO_DIGITS = 100


def card_expiry(account: Record) -> date | None:
    """The last day an account's card is good for; None without a card.

    A card is printed with month and year only and is valid through the end of that month. Years of
    two digits occur.

    Raises:
        NotReadError: The card was not read.
        UnreadableError: The card is no object.
    """
    if read(account, "billing_info") is None:
        return None
    method = read_section(read_section(account, "billing_info"), "payment_method")
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
