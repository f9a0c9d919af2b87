"""The profile properties: an account snapshot as a Klaviyo profile row.

A snapshot is an account as it is now, billing info included, together with its subscriptions, so
a profile is a function of one record: nothing has to be remembered between runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.values import card_expiration, distinct, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from recurly_to_klaviyo.settings import Settings

    Record = Mapping[str, Any]

HELD_STATES = frozenset({"active", "canceled", "paused", "future"})
"""Subscription states in which a plan is held; a canceled one runs to the end of its period."""


@dataclass(frozen=True)
class ProfileProperty:
    """A custom property of a profile and how it follows from the snapshot."""

    name: str
    value: Callable[[Record], Any]

    @property
    def meaning(self) -> str:
        """What the property holds, in one sentence: the docstring of its function."""
        return " ".join((self.value.__doc__ or "").split())


PROPERTIES: list[ProfileProperty] = []


def profile_property(name: str) -> Callable[[Callable[[Record], Any]], Callable[[Record], Any]]:
    """Declare the decorated function as the value of profile property `name`."""

    def declare(value: Callable[[Record], Any]) -> Callable[[Record], Any]:
        PROPERTIES.append(ProfileProperty(name, value))
        return value

    return declare


@profile_property("Recurly Account Code")
def account_code(snapshot: Record) -> str | None:
    """The account's code in Recurly."""
    return snapshot.get("code")


@profile_property("Recurly Card Expiration Date")
def card_expiration_date(snapshot: Record) -> str | None:
    """The last day of the month in which the card expires; cleared when there is no card."""
    return card_expiration(snapshot.get("billing_info"))


@profile_property("Recurly Plan Codes")
def plan_codes(snapshot: Record) -> list[str]:
    """The codes of the plans held now; an empty list when there are none."""
    return distinct(plan.get("code") for plan in _plans_held(snapshot))


@profile_property("Recurly Plans")
def plan_names(snapshot: Record) -> list[str]:
    """The names of the plans held now; an empty list when there are none."""
    return distinct(plan.get("name") for plan in _plans_held(snapshot))


def _plans_held(snapshot: Record) -> Iterator[Record]:
    for subscription in snapshot.get("subscriptions") or []:
        if subscription.get("state") in HELD_STATES:
            yield subscription.get("plan") or {}


def profile_row(snapshot: Record, settings: Settings) -> dict[str, Any]:
    """The profile row of an account snapshot; a null property means: clear it.

    Raises:
        ValueError: The account has neither an e-mail address nor a code.
    """
    return {
        **identity(snapshot, settings.identify_by),
        "properties": {
            settings.name(declared.name): declared.value(snapshot) for declared in PROPERTIES
        },
    }
