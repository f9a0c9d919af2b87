"""Recurly's values as Klaviyo wants them: times, money, quantities, and what must be left out.

What an event or a profile property merely tells may be unreadable without costing the row: its
place is taken by `UNREADABLE`, and `present` leaves it out and tells its name. What a row cannot do
without (whose it is, what, when, how much) is read by functions that raise instead.
"""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Record = Mapping[str, Any]

MAX_ARRAY_ITEMS = 4_000
"""Klaviyo refuses an event with a longer array (docs/klaviyo.md: Events)."""

MAX_TEXT_CHARS = 25_000
"""A longer text may exceed the 100 KB that Klaviyo takes (docs/klaviyo.md: Events)."""

MAX_NUMBER = 2**63
"""Klaviyo's numbers end where 64-bit integers do (docs/klaviyo.md: Events)."""


class _Unreadable(dict[str, Any]):
    """Stands for a value, and for every value of an object, that cannot be read."""

    def get(self, _name: str, _default: Any = None) -> Any:
        """Nothing within it can be read either."""
        return self

    def __bool__(self) -> bool:
        return True


UNREADABLE: Final = _Unreadable()
_EMPTY: Final[dict[str, Any]] = {}


def section(record: Record, name: str) -> Record:
    """The object `name` of a record; empty where it is null, unreadable where it is none."""
    value = record.get(name)
    if type(value) is dict:
        return value
    return UNREADABLE if value else _EMPTY


def present(properties: Record, unread: set[str]) -> dict[str, Any]:
    """The properties that have a value; the names of those that cannot be read go to `unread`.

    An empty text is no value: Recurly writes it where one expects null (docs/recurly.md: Values).
    A tuple is a list that has been read, a list is one that came where a single value belongs.
    """
    kept: dict[str, Any] = {}
    for name, value in properties.items():
        if value is None or value == "":
            continue
        kind = type(value)
        if kind is str:
            fits = value.isascii() and len(value) <= MAX_TEXT_CHARS
            kept[name] = value if fits else fitting(value)
        elif kind is float or kind is int:
            if -MAX_NUMBER < value < MAX_NUMBER:
                kept[name] = value
            else:
                unread.add(name)
        elif kind is bool:
            kept[name] = value
        elif kind is tuple:
            kept[name] = [
                present(item, unread) if type(item) is dict else fitting(item) for item in value
            ]
        else:
            unread.add(name)
    return kept


def fitting(text: str) -> str:
    """The text as Klaviyo takes it: not too long, and without halves of surrogate pairs."""
    if text.isascii():
        return text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS]
    return text[:MAX_TEXT_CHARS].encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def texts(values: Any) -> Any:
    """A list of texts, as a tuple; None when there is none, UNREADABLE when it is something else.

    Empty texts are left out, and what Klaviyo would find too many.
    """
    if values is None:
        return None
    if type(values) is not list or not all(type(value) is str for value in values):
        return UNREADABLE
    return tuple(value for value in values[:MAX_ARRAY_ITEMS] if value)


def money(amount: Any) -> Any:
    """A JSON amount as a float, whichever way the reader decoded it; None when there is none."""
    kind = type(amount)
    if kind is float:
        return amount
    if amount is None or amount == "":
        return None
    if kind is not int and kind is not str and kind is not Decimal:
        return UNREADABLE
    try:
        return float(amount)
    except (ValueError, OverflowError):
        return UNREADABLE


def quantity(whole: Any, decimal: Any) -> Any:
    """A quantity; where Recurly gives the decimal one (a text), it takes the place of `whole`."""
    if decimal is None or decimal == "":
        if type(whole) is int:
            return whole
        decimal = whole
    exact = money(decimal)
    return int(exact) if type(exact) is float and exact.is_integer() else exact


def unit_price(item: Record) -> Any:
    """The price of one unit.

    With decimal pricing `unit_amount` is null or 0 and `unit_amount_decimal` holds the price
    (docs/recurly.md: Values).
    """
    return money(
        item.get("unit_amount") or item.get("unit_amount_decimal") or item.get("unit_amount")
    )


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time as Recurly writes it, in UTC to the second; None when there is none.

    Recurly reads a time without a zone as UTC, and Klaviyo keeps whole seconds.

    Raises:
        ValueError: It is no such time. The message does not show it: it may be anything.
    """
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise ValueError("That is no text.")
    return _parsed(value)


@lru_cache(maxsize=8_192)
def _parsed(text: str) -> datetime:
    """Cached, since most records name the same few times again and again."""
    whole, dot, fraction = text.partition(".")
    plain = whole + fraction.lstrip("0123456789") if dot else text
    try:
        parsed = datetime.fromisoformat(plain.replace("Z", "+00:00")).replace(microsecond=0)
        if parsed.tzinfo is None:
            return parsed.replace(tzinfo=timezone.utc)
        return parsed.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError("That is no ISO 8601 time.") from None


def time_of(record: Record, *fields: str) -> datetime | None:
    """The first of these times that is given: any field of a Recurly record may be null.

    Raises:
        ValueError: It is no time.
    """
    for name in fields:
        value = record.get(name)
        if value is not None and value != "":
            try:
                return moment(value)
            except ValueError:
                raise ValueError(f"The record's {name} is not an ISO 8601 time.") from None
    return None


def readable_time(record: Record, name: str) -> datetime | None:
    """A time of a record that no row depends on; None when there is none that can be read."""
    try:
        return moment(record.get(name))
    except ValueError:
        return None


def time_text(value: Any) -> Any:
    """A time as a property, as Recurly wrote it; UNREADABLE when it is none."""
    try:
        return None if moment(value) is None else value
    except ValueError:
        return UNREADABLE


def amount_of(record: Record, name: str) -> float | None:
    """How much; None when the record does not say.

    Raises:
        ValueError: It is no number.
    """
    amount = money(record.get(name))
    if amount is not None and (amount is UNREADABLE or not isfinite(amount)):
        raise ValueError(f"The record's {name} is not a number.")
    return amount  # type: ignore[no-any-return]


def iso(time: datetime) -> str:
    """A UTC time as `2025-01-31T10:00:00Z`."""
    return f"{time.isoformat()[:19]}Z"


def distinct(values: Iterable[Any]) -> tuple[str, ...]:
    """The texts in order of first appearance, without repetition and without the absent."""
    return tuple(dict.fromkeys(value for value in values if value and type(value) is str))
