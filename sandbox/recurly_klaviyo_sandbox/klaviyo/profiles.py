"""Who is who: profiles, found and merged by their identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import UNSET

from recurly_klaviyo_sandbox.klaviyo import values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recurly_klaviyo_sandbox.klaviyo.shapes import NewProfileAttributes, PatchProperties

ATTRIBUTES = ("first_name", "last_name", "organization", "locale", "title", "image")
LOCATION = (
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
    "ip",
)


class Identifiers(NamedTuple):
    """What tells one person from another; false when there is nothing of it."""

    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None

    def __bool__(self) -> bool:
        return any(self)


class IdentityConflictError(Exception):
    """Identifiers of two different people came in one payload."""

    def __init__(self, first: Profile, second: Profile) -> None:
        super().__init__(f"identifiers of {first.id} and {second.id}")
        self.first = first
        self.second = second


class Profile:
    """A person as Klaviyo holds them; times are seconds since 1970."""

    __slots__ = (
        "attributes",
        "created",
        "email",
        "external_id",
        "id",
        "last_event",
        "lists",
        "location",
        "number",
        "phone_number",
        "properties",
        "updated",
    )

    def __init__(self, number: int, now: float) -> None:
        self.number = number
        self.id = f"01SANDB0X{number:017d}"  # as long as the real ones, and in order of creation
        self.email: str | None = None
        self.phone_number: str | None = None
        self.external_id: str | None = None
        self.attributes: dict[str, str] = {}
        self.location: dict[str, Any] = {}
        self.properties: dict[str, Any] = {}
        self.lists: tuple[str, ...] = ()
        self.created = now
        self.updated = now
        self.last_event: float | None = None


class ProfileBook:
    """All profiles of the account, findable by every identifier."""

    def __init__(self) -> None:
        self._by_number: dict[int, Profile] = {}
        self._by_id: dict[str, Profile] = {}
        self._by_email: dict[str, Profile] = {}
        self._by_phone: dict[str, Profile] = {}
        self._by_external_id: dict[str, Profile] = {}
        self._by_anonymous_id: dict[str, Profile] = {}

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._by_number.values())

    def number(self, number: int) -> Profile:
        """The profile that events refer to by its number."""
        return self._by_number[number]

    def get(self, identifier: str) -> Profile | None:
        """The profile with that id."""
        return self._by_id.get(identifier)

    def with_email(self, email: str) -> Profile | None:
        """The profile with that address; case does not matter (assumed)."""
        return self._by_email.get(email) or self._by_email.get(email.strip().lower())

    def with_phone(self, phone_number: str) -> Profile | None:
        """The profile with that phone number."""
        return self._by_phone.get(phone_number)

    def with_external_id(self, external_id: str) -> Profile | None:
        """The first profile that got that external_id; others may share it."""
        return self._by_external_id.get(external_id)

    def with_anonymous_id(self, anonymous_id: str) -> Profile | None:
        """The profile a browser was once identified as."""
        return self._by_anonymous_id.get(anonymous_id)

    def find(self, identifiers: Identifiers) -> Profile | None:
        """The one profile these identifiers mean.

        Documented: external_id takes no part in merging. So it finds a profile only when it
        comes alone; beside an unknown address it makes a duplicate.

        Raises:
            IdentityConflictError: address and phone number belong to two people.
        """
        email, phone_number, external_id = identifiers
        by_email = self.with_email(email) if email else None
        by_phone = self.with_phone(phone_number) if phone_number else None
        if by_email and by_phone and by_email is not by_phone:
            raise IdentityConflictError(by_email, by_phone)
        found = by_email or by_phone
        if found is None and external_id and not (email or phone_number):
            found = self.with_external_id(external_id)
        return found

    def create(self, now: float) -> Profile:
        """A new, still anonymous profile."""
        profile = Profile(len(self._by_number) + 1, now)
        self._by_number[profile.number] = self._by_id[profile.id] = profile
        return profile

    def identify(self, profile: Profile, identifiers: Identifiers) -> None:
        """Give a profile identifiers; those it had before give way."""
        email, phone_number, external_id = identifiers
        if email:
            email = email.strip().lower()
            if profile.email != email:
                self._by_email.pop(profile.email or "", None)
                profile.email = email
                self._by_email[email] = profile
        if phone_number and profile.phone_number != phone_number:
            self._by_phone.pop(profile.phone_number or "", None)
            profile.phone_number = phone_number
            self._by_phone[phone_number] = profile
        if external_id and profile.external_id != external_id:
            self._forget_external_id(profile)
            profile.external_id = external_id
            self._by_external_id.setdefault(external_id, profile)

    def remember_browser(self, profile: Profile, anonymous_id: str) -> None:
        """Tie an anonymous_id to a profile."""
        self._by_anonymous_id[anonymous_id] = profile

    def clear_identifiers(self, profile: Profile, attributes: NewProfileAttributes) -> None:
        """Take away what the payload sets to null, except the last identifier (assumed)."""
        if attributes.email is None and (profile.phone_number or profile.external_id):
            self._by_email.pop(profile.email or "", None)
            profile.email = None
        if attributes.phone_number is None and (profile.email or profile.external_id):
            self._by_phone.pop(profile.phone_number or "", None)
            profile.phone_number = None
        if attributes.external_id is None and (profile.email or profile.phone_number):
            self._forget_external_id(profile)
            profile.external_id = None

    def _forget_external_id(self, profile: Profile) -> None:
        if self._by_external_id.get(profile.external_id or "") is profile:
            del self._by_external_id[profile.external_id or ""]


def merge(profile: Profile, attributes: NewProfileAttributes, *, nulls_clear: bool) -> None:
    """Write attributes and custom properties into a profile.

    Documented: what is absent stays; null clears in profile-import and PATCH, and is ignored in
    a bulk import.
    """
    for name in ATTRIBUTES:
        value = getattr(attributes, name)
        if value is not UNSET:
            _put(profile.attributes, name, value, nulls_clear=nulls_clear)
    if attributes.location is not UNSET:
        for name in LOCATION:
            value = getattr(attributes.location, name)
            if value is not UNSET:
                _put(profile.location, name, value, nulls_clear=nulls_clear)
    raw = bytes(attributes.properties)
    if raw == b"null":
        if nulls_clear:
            profile.properties = {}
    elif raw:
        for name, value in msgspec.json.decode(raw).items():
            _put(profile.properties, name, value, nulls_clear=nulls_clear)


def _put(target: dict[str, Any], name: str, value: Any, *, nulls_clear: bool) -> None:
    if value is not None:
        target[name] = value
    elif nulls_clear:
        target.pop(name, None)


def patch(profile: Profile, changes: PatchProperties, *, unset: bool) -> None:
    """Append to, take from and remove custom properties (documented)."""
    for name, value in (changes.append or {}).items():
        items = _as_list(profile.properties.get(name))
        items.extend(item for item in _as_list(value) if item not in items)
        profile.properties[name] = items
    for name, value in (changes.unappend or {}).items():
        gone = _as_list(value)
        if name in profile.properties:
            kept = [item for item in _as_list(profile.properties[name]) if item not in gone]
            profile.properties[name] = kept
    if unset and changes.unset:
        names = [changes.unset] if isinstance(changes.unset, str) else changes.unset
        for name in names:
            profile.properties.pop(name, None)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def identifiers(attributes: NewProfileAttributes) -> Identifiers:
    """The identifiers among attributes, without an invalid phone number.

    Documented: asynchronous processing drops an invalid phone number silently.
    """
    phone = attributes.phone_number or None
    return Identifiers(
        attributes.email or None,
        phone if phone is None or values.is_phone(phone) else None,
        attributes.external_id or None,
    )
