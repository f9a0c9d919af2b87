"""What a row is once it has been read: checked, serialised, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from target_klaviyo.rows.identity import Identity

RowKind = Literal["event", "profile"]

MAX_PROFILE_BYTES = 100 * 1024
MAX_REQUEST_BYTES = 5 * 1024 * 1024

LOCATION_FIELDS = frozenset(
    {"address1", "address2", "city", "country", "region", "zip", "timezone", "ip"}
)
LOCATION_COORDINATES = frozenset({"latitude", "longitude"})
CLEARED_LOCATION = frozenset(f"location.{name}" for name in LOCATION_FIELDS | LOCATION_COORDINATES)
"""What a null location clears: field by field, so that a later row can set one of them again."""


@dataclass(slots=True, eq=False)
class Origin:
    """Where a row came from: its stream, its RECORD message and the SCHEMA before it, as read.

    `rejected` is set once the record stands in the rejects file, where it need not stand twice.
    """

    stream: str
    line: bytes
    schema: bytes
    rejected: bool = False


@dataclass(slots=True, eq=False)
class EventRow:
    """A valid event, serialised.

    Attributes:
        profile: the JSON:API resource of its profile, as JSON.
        payload: the JSON:API resource of the event, as JSON.
        backfill: the event is history: recorded without triggering flows.
        earliest: the earliest its time can have been, when that moves as the source record
            changes; None when it does not. Klaviyo is never told.
    """

    origin: Origin
    identity: Identity
    metric: str
    unique_id: str
    time: datetime
    value: float | None
    backfill: bool
    profile: bytes
    payload: bytes
    warnings: list[str]
    epoch: int = 0
    earliest: datetime | None = None

    @property
    def origins(self) -> list[Origin]:
        """The records this row stands for."""
        return [self.origin]


@dataclass(slots=True, eq=False)
class ProfileRow:
    """A valid profile, or several of one identity merged into one.

    Attributes:
        attributes: what is set, as JSON: Klaviyo's attributes with `properties`, no nulls.
        cleared_properties: names of properties to clear.
        cleared_attributes: names of attributes to clear, `location.city` for one within.
        parts: the rows merged into this one, oldest first; empty for a row as it came.
        alone: never merged, so that a refusal concerns this row and no other.
    """

    origin: Origin
    identity: Identity
    profile_id: str | None
    attributes: bytes
    cleared_properties: frozenset[str]
    cleared_attributes: frozenset[str]
    warnings: list[str]
    epoch: int = 0
    parts: list[ProfileRow] = field(default_factory=list)
    alone: bool = False

    @property
    def origins(self) -> list[Origin]:
        """The records this row stands for."""
        return [part.origin for part in self.parts] if self.parts else [self.origin]
