"""Lists: named groups. Profiles join by import without consent, or by subscription with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import UNSET, UnsetType

from recurly_klaviyo_sandbox.klaviyo.shapes import Flag, ListReference, Shape, Text

if TYPE_CHECKING:
    from collections.abc import Iterator


class ListAttributes(Shape):
    """A new list."""

    name: str
    opt_in_process: Literal["double_opt_in", "single_opt_in"] | UnsetType | None = UNSET


class NewList(Shape):
    """The list of POST /api/lists."""

    type: Literal["list"]
    attributes: ListAttributes


class ListBody(Shape):
    """Body of POST /api/lists."""

    data: NewList


class SubscribedAttributes(Shape):
    """Who gives which consent."""

    subscriptions: dict[str, Any]
    email: Text = UNSET
    phone_number: Text = UNSET
    age_gated_date_of_birth: Text = UNSET


class SubscribedProfile(Shape):
    """A profile that subscribes."""

    type: Literal["profile"]
    attributes: SubscribedAttributes
    id: Text = UNSET


class SubscribedProfiles(Shape):
    """`profiles: {data}`."""

    data: list[SubscribedProfile]


class SubscriptionAttributes(Shape):
    """What a subscription job consists of."""

    profiles: SubscribedProfiles
    custom_source: Text = UNSET
    historical_import: Flag = UNSET


class ListHolder(Shape):
    """`list: {data}`."""

    data: ListReference | UnsetType = UNSET


class SubscriptionRelationships(Shape):
    """The list that is subscribed to."""

    list: ListHolder | UnsetType = UNSET


class Subscription(Shape):
    """The subscription job."""

    type: Literal["profile-subscription-bulk-create-job"]
    attributes: SubscriptionAttributes
    relationships: SubscriptionRelationships | UnsetType = UNSET


class SubscriptionBody(Shape):
    """Body of POST /api/profile-subscription-bulk-create-jobs."""

    data: Subscription


class ProfileList(NamedTuple):
    """A list; `created` in seconds since 1970."""

    id: str
    name: str
    created: float
    opt_in_process: str


class Lists:
    """All lists of the account."""

    def __init__(self) -> None:
        self._by_id: dict[str, ProfileList] = {}

    def __iter__(self) -> Iterator[ProfileList]:
        return iter(self._by_id.values())

    def get(self, identifier: str) -> ProfileList | None:
        """The list with that id."""
        return self._by_id.get(identifier)

    def create(self, name: str, now: float, opt_in_process: str = "double_opt_in") -> ProfileList:
        """A new list; names need not differ (assumed)."""
        identifier = f"L{len(self._by_id) + 1:05d}"
        created = ProfileList(identifier, name, now, opt_in_process)
        self._by_id[identifier] = created
        return created
