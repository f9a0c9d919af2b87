"""Fields of a record that must have been read before anything can be said from them.

A field that is absent was deselected in the tap: nobody knows what it holds. One that is null or
empty was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Record = Mapping[str, Any]


class NotReadError(Exception):
    """A field that the tap did not read, so that nothing can be said from it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class UnreadableError(Exception):
    """A field that holds something else than it should."""


def read(record: Record, field: str) -> Any:
    """A field that must have been read, whatever it holds.

    Raises:
        NotReadError: The record lacks it.
    """
    if field not in record:
        raise NotReadError(field)
    return record[field]


def read_section(record: Record, field: str) -> Record:
    """An object that must have been read; empty where it is null.

    Raises:
        NotReadError: The record lacks it.
        UnreadableError: It is no object.
    """
    value = read(record, field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableError(field)
    return value


def subscriptions_of(account: Record) -> list[Record]:
    """The subscriptions of one account, oldest first.

    Raises:
        NotReadError: They were not read.
        UnreadableError: They are no list of objects.
    """
    subscriptions = read(account, "subscriptions")
    if subscriptions is None:
        return []
    if not isinstance(subscriptions, list) or not all(
        isinstance(each, dict) for each in subscriptions
    ):
        raise UnreadableError("subscriptions")
    for subscription in subscriptions:
        if not isinstance(read(subscription, "state"), str | None):
            raise UnreadableError("subscriptions")
    return subscriptions


def custom_fields(record: Record) -> dict[str, Any]:
    """The custom fields of an account or a subscription, name -> value.

    Raises:
        NotReadError: They were not read.
        UnreadableError: They are not a list of objects.
    """
    fields = read(record, "custom_fields")
    if fields is None:
        return {}
    if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
        raise UnreadableError("custom_fields")
    return {field["name"]: field.get("value") for field in fields if "name" in field}
