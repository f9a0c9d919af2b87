"""Who is who: profiles, found and merged by their identifiers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from recurly_klaviyo_sandbox.klaviyo import values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from recurly_klaviyo_sandbox.klaviyo.shapes import NewProfileAttributes, ProfileMeta

ATTRIBUTES = ("first_name", "last_name", "organization", "locale", "title", "image")
LOCATION = (
    *("address1", "address2", "city", "region", "zip", "country"),
    *("latitude", "longitude", "timezone", "ip"),
)


class Identifiers(NamedTuple):
    """What tells one person from another; false when there is nothing of it."""

    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None

    def __bool__(self) -> bool:
        return any(self)


class IdentityConflictError(Exception):
    """Identifiers of different people came in one payload.

    `holders` says who has which of them, by the identifier's name.
    """

    def __init__(self, holders: dict[str, Profile]) -> None:
        super().__init__(f"identifiers of {', '.join(each.id for each in holders.values())}")
        self.holders = holders

    def decide(self, identifiers: Identifiers, winner: str) -> tuple[Profile, Identifiers]:
        """The person whom the identifier `winner` means, or else the first of the holders.

        With it come those of the identifiers that are nobody else's: only they may be written.
        """
        person = self.holders.get(winner) or next(iter(self.holders.values()))
        others = {name: None for name, holder in self.holders.items() if holder is not person}
        others.pop("id", None)
        return person, identifiers._replace(**others)


@dataclass(eq=False, slots=True)
class Profile:
    """A person as Klaviyo holds them; times are seconds since 1970."""

    number: int
    created: float
    updated: float
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    location: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    last_event: float | None = None

    @property
    def id(self) -> str:
        """As long as the real ones, and in order of creation."""
        return f"01SANDB0X{self.number:017d}"


class ProfileBook:
    """All profiles of the account, findable by every identifier."""

    def __init__(self) -> None:
        self._by_number: dict[int, Profile] = {}
        self._by_id: dict[str, Profile] = {}
        self._holders: dict[str, defaultdict[str, list[Profile]]] = {
            name: defaultdict(list) for name in Identifiers._fields
        }
        self.browsers: dict[str, Profile] = {}  # who was identified in one, by its anonymous_id
        self._gone: set[int] = set()  # numbers of profiles that were merged or deleted

    def __len__(self) -> int:
        return len(self._by_number) - len(self._gone)

    def __iter__(self) -> Iterator[Profile]:
        return (profile for number, profile in self._by_number.items() if number not in self._gone)

    def number(self, number: int) -> Profile:
        """The profile that events refer to by its number; of a merged one, where it went."""
        return self._by_number[number]

    def get(self, identifier: str) -> Profile | None:
        """The profile with that id."""
        return self._by_id.get(identifier)

    def sharing(self, name: str, value: str) -> Sequence[Profile]:
        """Who has that identifier of that name: one, unless `external_id_merges` is off."""
        return self._holders[name].get(_alike(name, value), ())

    def holder(self, name: str, value: str) -> Profile | None:
        """The first of them."""
        return next(iter(self.sharing(name, value)), None)

    def holders(self, identifiers: Identifiers) -> dict[str, Profile]:
        """Who has which of these identifiers, by the identifier's name, the address first."""
        found = {name: self.holder(name, value) for name, value in _named(identifiers) if value}
        return {name: profile for name, profile in found.items() if profile is not None}

    def find(self, identifiers: Identifiers, *, external_id_merges: bool = True) -> Profile | None:
        """The one profile these identifiers mean.

        Documented: any one identifier finds its profile, and those that are new are then added to
        it. An older page says that external_id takes no part in this: unless `external_id_merges`
        it finds a profile only when it comes alone.

        Raises:
            IdentityConflictError: they belong to different people.
        """
        holders = self.holders(identifiers)
        if not external_id_merges and (identifiers.email or identifiers.phone_number):
            holders.pop("external_id", None)
        if len(set(holders.values())) > 1:
            raise IdentityConflictError(holders)
        return next(iter(holders.values()), None)

    def create(self, now: float) -> Profile:
        """A new, still anonymous profile."""
        profile = Profile(len(self._by_number) + 1, now, now)
        self._by_number[profile.number] = self._by_id[profile.id] = profile
        return profile

    def identify(self, profile: Profile, identifiers: Identifiers) -> None:
        """Give a profile identifiers; those it had before give way."""
        for name, value in _named(identifiers):
            if value and getattr(profile, name) != _alike(name, value):
                self._forget(profile, name)
                setattr(profile, name, _alike(name, value))
                self._holders[name][_alike(name, value)].append(profile)

    def clear_identifiers(self, profile: Profile, attributes: NewProfileAttributes) -> None:
        """Take away what the payload sets to null, except the last identifier (assumed)."""
        for name in Identifiers._fields:
            others = [other for other in Identifiers._fields if other != name]
            if getattr(attributes, name) is None and any(getattr(profile, o) for o in others):
                self._forget(profile, name)
                setattr(profile, name, None)

    def merge(self, source: Profile, destination: Profile, *, ids_resolve: bool) -> None:
        """Let a profile go into another, which keeps its own and gets what it lacks (assumed).

        Documented: the source is deleted. Recorded: its id leads to the destination for a while,
        here for ever or, unless `ids_resolve`, not at all.
        """
        lacking = [name for name in Identifiers._fields if getattr(destination, name) is None]
        gained = {name: getattr(source, name) for name in lacking}
        self.remove(source)
        self.identify(destination, Identifiers(**gained))
        self._by_number[source.number] = destination
        if ids_resolve:
            self._by_id[source.id] = destination
        destination.attributes = {**source.attributes, **destination.attributes}
        destination.location = {**source.location, **destination.location}
        destination.properties = {**source.properties, **destination.properties}
        destination.lists += tuple(each for each in source.lists if each not in destination.lists)

    def remove(self, profile: Profile) -> None:
        """Take a profile out, as if it had never been; its number stays for what speaks of it."""
        for name in Identifiers._fields:
            self._forget(profile, name)
        self._by_id.pop(profile.id, None)
        self._gone.add(profile.number)

    def _forget(self, profile: Profile, name: str) -> None:
        same = self._holders[name].get(getattr(profile, name), [])
        if profile in same:
            same.remove(profile)


def _named(identifiers: Identifiers) -> Iterator[tuple[str, str | None]]:
    return zip(Identifiers._fields, identifiers, strict=True)


def _alike(name: str, value: str) -> str:
    """What identifiers are compared by: case does not matter in an address (assumed)."""
    return value.strip().lower() if name == "email" else value


def merge(profile: Profile, attributes: NewProfileAttributes, *, nulls_clear: bool) -> None:
    """Write attributes and custom properties into a profile.

    Documented: what is absent stays; null clears in profile-import and PATCH, and is ignored in
    a bulk import.
    """
    own = {name: getattr(attributes, name) for name in ATTRIBUTES}
    _write(profile.attributes, own, nulls_clear=nulls_clear)
    if attributes.location is not UNSET:
        place = {name: getattr(attributes.location, name) for name in LOCATION}
        _write(profile.location, place, nulls_clear=nulls_clear)
    raw = bytes(attributes.properties)
    if raw == b"null":
        if nulls_clear:
            profile.properties = {}
    elif raw:
        _write(profile.properties, msgspec.json.decode(raw), nulls_clear=nulls_clear)


def _write(target: dict[str, Any], changes: dict[str, Any], *, nulls_clear: bool) -> None:
    for name, value in changes.items():
        if value is None and nulls_clear:
            target.pop(name, None)
        elif value is not None and value is not UNSET:
            target[name] = value


def patch(profile: Profile, meta: ProfileMeta | UnsetType, *, unset: bool) -> None:
    """Append to, take from and remove custom properties (documented)."""
    if not meta or not meta.patch_properties:
        return
    changes = meta.patch_properties
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
