"""Comparing day by day: what is expected of a day against Klaviyo's count and sum (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_klaviyo.audit.findings import Day
from target_klaviyo.audit.timezones import NOTHING, Amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

CENT = 0.01

IN_FOREIGN_CURRENCY = (
    "amounts in other currencies than the account's, which Klaviyo may convert: sums not compared"
)


@dataclass(frozen=True)
class ExpectedDay:
    """What a day should hold.

    Attributes:
        total: all events.
        silent: those of them that Klaviyo drops without a word.
        foreign: how many have a currency other than the account's.
    """

    total: Amount = NOTHING
    silent: Amount = NOTHING
    foreign: int = 0


def compare_days(
    days: Iterable[date],
    expected: Mapping[date, ExpectedDay],
    found: Mapping[date, Amount],
) -> list[Day]:
    """The days in numbers; `differs` says which have to be read event by event.

    Events to silent domains never arrive (documented), so a day that holds exactly the others
    agrees, and the silent ones are explained.
    """
    compared = []
    for each in days:
        wanted, there = expected.get(each, ExpectedDay()), found.get(each, NOTHING)
        day = Day(each, wanted.total, there)
        if _agree(wanted.total.minus(wanted.silent), there, foreign=wanted.foreign):
            day.explained = wanted.silent.count
        elif not _agree(wanted.total, there, foreign=wanted.foreign):
            day.differs = True
        if not day.differs and wanted.foreign and abs(wanted.total.value - there.value) >= CENT:
            day.note = IN_FOREIGN_CURRENCY
        compared.append(day)
    return compared


def _agree(wanted: Amount, there: Amount, *, foreign: int) -> bool:
    return wanted.count == there.count and (bool(foreign) or abs(wanted.value - there.value) < CENT)
