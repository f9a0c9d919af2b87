"""Recurly's custom fields as profile properties, by the names a merchant lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.fields import custom_fields
from recurly_to_klaviyo.properties import custom_field_property
from recurly_to_klaviyo.subscription import is_held
from recurly_to_klaviyo.values import distinct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recurly_to_klaviyo.person import Person
    from recurly_to_klaviyo.settings import Settings


def custom_field_values(
    person: Person, settings: Settings
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each chosen custom field as a property's name and what tells its value.

    A field of accounts has the leading account's value; a field of subscriptions lists the values
    of all plans held.
    """
    for field in settings.account_fields:
        yield custom_field_property(field), lambda field=field: _of_account(person, field)  # type: ignore[misc]
    for field in settings.subscription_fields:
        yield custom_field_property(field), lambda field=field: _of_plans_held(person, field)  # type: ignore[misc]


def _of_account(person: Person, field: str) -> Any:
    return custom_fields(person.leading).get(field) or None


def _of_plans_held(person: Person, field: str) -> tuple[str, ...]:
    held = [each for each in person.subscriptions() if is_held(each)]
    return distinct(custom_fields(each).get(field) for each in held)
