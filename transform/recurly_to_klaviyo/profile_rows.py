"""Profile rows: a person as Klaviyo is to know them, as far as the snapshot tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.fields import NotReadError, UnreadableError
from recurly_to_klaviyo.identity import identity, readable_address
from recurly_to_klaviyo.links import PROFILE, account_fields
from recurly_to_klaviyo.person import SAME_EMAIL
from recurly_to_klaviyo.profiles import PROPERTIES
from recurly_to_klaviyo.profiles.custom_fields import custom_field_values
from recurly_to_klaviyo.values import fitting, present

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from recurly_to_klaviyo.links import Links
    from recurly_to_klaviyo.person import Person
    from recurly_to_klaviyo.settings import Settings

    Row = dict[str, Any]

_RECURLY_ATTRIBUTES = {
    "first_name": "first_name",
    "last_name": "last_name",
    "organization": "company",
    "locale": "preferred_locale",
}
"""Klaviyo's attribute of a profile -> Recurly's field of an account."""

_LEFT_ALONE = object()


class ProfileRows:
    """Makes the profile rows of a run.

    Args:
        settings: What is chosen and how it is called.
        links: Fills in what `links` puts on profiles.

    Attributes:
        lacking: Fields that were not read -> the properties left alone for it.
    """

    def __init__(self, settings: Settings, links: Links) -> None:
        self._settings = settings
        self._links = links
        self._profile_links = links.on(PROFILE)
        self._properties = [
            (settings.name(declared.name), declared.value)
            for declared in PROPERTIES
            if declared.name in settings.properties
        ]
        self.lacking: dict[str, set[str]] = {}

    def row(self, person: Person, now: datetime, unread: set[str]) -> Row:
        """The profile row of a person; a null property means: clear it, an absent one: leave it.

        Raises:
            ValueError: The account cannot be told from others.
        """
        row: Row = {**self._identifiers(person)}
        row["properties"] = {
            name: value
            for name, tell in self._values(person, now)
            if (value := self._told(name, tell, unread)) is not _LEFT_ALONE
        }
        if self._profile_links:
            fields = account_fields(person.leading, readable_address(person.snapshot))
            row["properties"] |= self._links.filled(self._profile_links, fields)
        if self._settings.profile_attributes and person.leading is person.snapshot:
            row |= self._attributes(person)
        return row

    def _identifiers(self, person: Person) -> Row:
        """Whom the row is about: see the contract's `external_id` and `also_known_as`."""
        settings = self._settings
        identifiers: Row = identity(person.snapshot, settings)
        if "email" not in identifiers or not settings.link_accounts:
            return identifiers
        if not person.knows_others:
            self._lack(SAME_EMAIL, "external_id")
        if person.anchor:
            identifiers["external_id"] = person.anchor
            if person.other_ids:
                identifiers["also_known_as"] = person.other_ids
        return identifiers

    def _values(self, person: Person, now: datetime) -> Iterator[tuple[str, Callable[[], Any]]]:
        for name, rule in self._properties:
            yield name, lambda rule=rule: rule(person, now)  # type: ignore[misc]
        for name, tell in custom_field_values(person, self._settings):
            yield self._settings.name(name), tell

    def _told(self, name: str, tell: Callable[[], Any], unread: set[str]) -> Any:
        try:
            value = tell()
        except NotReadError as error:
            self._lack(error.field, name)
            return _LEFT_ALONE
        except UnreadableError:
            unread.add(name)
            return _LEFT_ALONE
        if value is None or value == "":
            return None
        return present({name: value}, unread).get(name, _LEFT_ALONE)

    def _attributes(self, person: Person) -> Row:
        """The account's own, where it has them: an empty one clears nothing."""
        found = {
            attribute: person.snapshot.get(_RECURLY_ATTRIBUTES[attribute])
            for attribute in self._settings.profile_attributes
        }
        return {
            attribute: fitting(value)
            for attribute, value in found.items()
            if isinstance(value, str) and value
        }

    def _lack(self, field: str, name: str) -> None:
        self.lacking.setdefault(field, set()).add(name)
