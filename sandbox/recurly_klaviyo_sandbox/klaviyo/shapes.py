"""Request bodies as types: what may be sent, field by field (documented: OpenAPI 2026-07-15).

msgspec decodes a good body straight into these; an unknown field, a wrong type or a missing
field fails the decoding, and `diagnosis` then walks the same types to name all that is wrong.
`properties` stay raw JSON: they are stored as sent, and parsed only when a limit may be touched.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

# A field may be absent (UNSET), null (None) or have a value; only some may be null.
Text: TypeAlias = str | UnsetType | None
Number: TypeAlias = int | float | UnsetType | None
Flag: TypeAlias = bool | UnsetType | None
Coordinate: TypeAlias = str | int | float | UnsetType | None
Object: TypeAlias = Annotated[Raw, Meta(extra={"object": True})]
NullableObject: TypeAlias = Annotated[Raw, Meta(extra={"object": True, "nullable": True})]
ABSENT = Raw()

K = TypeVar("K")
T = TypeVar("T")


class Shape(Struct, forbid_unknown_fields=True):
    """An object that refuses unknown fields, as the live API does."""


class Data(Shape, Generic[T]):
    """`{"data": ...}`, in which JSON:API wraps bodies and what belongs to them."""

    data: T


class Resource(Shape, Generic[K, T]):
    """A JSON:API resource to be made: its type, and attributes of one kind."""

    type: K
    attributes: T


class Reference(Shape, Generic[K]):
    """A resource that is there, by its id."""

    type: K
    id: str


class References(Shape, Generic[K]):
    """A relationship to resources of one type."""

    data: list[Reference[K]] | UnsetType = UNSET


class Location(Shape, omit_defaults=True):
    """Where a profile lives."""

    address1: Text = UNSET
    address2: Text = UNSET
    city: Text = UNSET
    country: Text = UNSET
    latitude: Coordinate = UNSET
    longitude: Coordinate = UNSET
    region: Text = UNSET
    zip: Text = UNSET
    timezone: Text = UNSET
    ip: Text = UNSET


class PatchProperties(Shape):
    """Changes to list-like custom properties, and removals."""

    append: dict[str, Any] | UnsetType | None = UNSET
    unappend: dict[str, Any] | UnsetType | None = UNSET
    unset: str | list[str] | UnsetType | None = UNSET


class PatchIdentifiers(Shape):
    """Accepted and without effect here: further identifiers of a profile."""

    append: dict[str, Any] | UnsetType = UNSET
    unappend: dict[str, Any] | UnsetType = UNSET


class ProfileMeta(Shape):
    """What stands in a profile's `meta`."""

    patch_properties: PatchProperties | UnsetType = UNSET
    patch_identifiers: PatchIdentifiers | UnsetType = UNSET


class NewProfileAttributes(Shape, omit_defaults=True):
    """Attributes of POST and PATCH /api/profiles."""

    email: Text = UNSET
    phone_number: Text = UNSET
    external_id: Text = UNSET
    first_name: Text = UNSET
    last_name: Text = UNSET
    organization: Text = UNSET
    locale: Text = UNSET
    title: Text = UNSET
    image: Text = UNSET
    location: Location | UnsetType = UNSET
    properties: NullableObject = ABSENT

    @property
    def identifiers(self) -> tuple[Text, ...]:
        """Each of them, when sent, says whose profile it is."""
        return (self.email, self.phone_number, self.external_id)


class ProfileAttributes(NewProfileAttributes, omit_defaults=True):
    """Attributes of an imported profile."""

    kx: Text = field(default=UNSET, name="_kx")

    @property
    def identifiers(self) -> tuple[Text, ...]:
        """Those of a new profile, and Klaviyo's own cookie."""
        return (*super().identifiers, self.kx)


class EventProfileAttributes(ProfileAttributes, omit_defaults=True):
    """Attributes of the profile inside an event of the bulk endpoint."""

    anonymous_id: Text = UNSET

    @property
    def identifiers(self) -> tuple[Text, ...]:
        """Those of an imported profile, and a nameless visitor's."""
        return (*super().identifiers, self.anonymous_id)


class SingleEventProfileAttributes(EventProfileAttributes, omit_defaults=True):
    """The same for single events, where `meta` stands inside up to revision 2026-07-15."""

    meta: ProfileMeta | UnsetType = UNSET


class ChangedProfile(Shape):
    """A profile of PATCH /api/profiles/{id}."""

    type: Literal["profile"]
    id: str
    attributes: NewProfileAttributes
    meta: ProfileMeta | UnsetType = UNSET


class SentProfile(Shape, Generic[T], omit_defaults=True):
    """A profile of profile-import and of the bulk endpoints, with attributes of one kind."""

    type: Literal["profile"]
    attributes: T
    id: Text = UNSET
    meta: ProfileMeta | UnsetType = UNSET


ImportedProfile: TypeAlias = SentProfile[ProfileAttributes]
BulkEventProfile: TypeAlias = SentProfile[EventProfileAttributes]


class SingleEventProfile(Shape, omit_defaults=True):
    """The profile that a single event belongs to."""

    type: Literal["profile"]
    attributes: SingleEventProfileAttributes
    id: Text = UNSET


class MetricAttributes(Shape):
    """A metric is named, not identified, when events are sent."""

    name: str
    service: Text = UNSET


class EventAttributes(Shape):
    """An event of the bulk endpoint."""

    properties: Object
    metric: Data[Resource[Literal["metric"], MetricAttributes]]
    time: Text = UNSET
    value: Number = UNSET
    value_currency: Text = UNSET
    unique_id: Text = UNSET
    backfill: Flag = UNSET


class BulkEntryAttributes(Shape):
    """One profile and its events."""

    profile: Data[BulkEventProfile]
    events: Data[list[Resource[Literal["event"], EventAttributes]]]
    backfill: Flag = UNSET


BulkEntry: TypeAlias = Resource[Literal["event-bulk-create"], BulkEntryAttributes]


class EventJobAttributes(Shape):
    """What an event job consists of."""

    events: Data[list[BulkEntry]] = field(name="events-bulk-create")


class OwnedEventAttributes(EventAttributes, Generic[T], kw_only=True):
    """A single event carries its profile."""

    profile: Data[T]


class MergeRelationships(Shape):
    """What a merge takes its data from."""

    profiles: References[Literal["profile"]]


class ProfileMerge(Shape):
    """A merge into the profile with that id."""

    type: Literal["profile-merge"]
    id: str
    relationships: MergeRelationships


class ImportJobAttributes(Shape):
    """What an import job consists of."""

    profiles: Data[list[ImportedProfile]]


class ImportJobRelationships(Shape):
    """Lists that all profiles of the job join."""

    lists: References[Literal["list"]] | UnsetType = UNSET


class ImportJob(Shape):
    """The import job."""

    type: Literal["profile-bulk-import-job"]
    attributes: ImportJobAttributes
    relationships: ImportJobRelationships | UnsetType = UNSET


EventBody: TypeAlias = Data[Resource[Literal["event"], OwnedEventAttributes[SingleEventProfile]]]
# Since revision 2026-10-15.
LatestEventBody: TypeAlias = Data[
    Resource[Literal["event"], OwnedEventAttributes[BulkEventProfile]]
]
EventJobBody: TypeAlias = Data[Resource[Literal["event-bulk-create-job"], EventJobAttributes]]
NewProfileBody: TypeAlias = Data[Resource[Literal["profile"], NewProfileAttributes]]
ChangedProfileBody: TypeAlias = Data[ChangedProfile]
ImportedProfileBody: TypeAlias = Data[ImportedProfile]
ImportJobBody: TypeAlias = Data[ImportJob]
MergeBody: TypeAlias = Data[ProfileMerge]
