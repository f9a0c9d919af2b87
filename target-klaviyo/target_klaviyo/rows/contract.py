"""What a row is once it has been read, and what those who take rows offer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

from target_klaviyo.rows.identity import identity_of
from target_klaviyo.rows.values import serialise

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from target_klaviyo.errors import RowRejected
    from target_klaviyo.rows.identity import Identity

REJECTED_BY_MAPPER = "records of a mapper"
"""The label of records that a mapper before the target made no rows of."""

SAMPLE_PROPERTY = "Sample"
SAMPLE_ID_PREFIX = "sample-"
"""What tells an event that was sent to build a flow on from those that happened."""

RowKind = Literal["event", "profile"]

MAX_PROFILE_BYTES = 100 * 1024
MAX_REQUEST_BYTES = 5 * 1024 * 1024

LOCATION_FIELDS = frozenset(
    {"address1", "address2", "city", "country", "region", "zip", "timezone", "ip"}
)
LOCATION_COORDINATES = frozenset({"latitude", "longitude"})
WITH_FIELDS_WITHIN = frozenset({"properties", "location"})
CLEARED_LOCATION = dict.fromkeys(LOCATION_FIELDS | LOCATION_COORDINATES)
"""What a null location clears: field by field, so that a later row can set one of them again."""


@dataclass(slots=True, eq=False)
class Origin:
    """Where a row came from: its stream, its RECORD message and the SCHEMA before it, as read.

    `rejected` is set once the record stands in the rejects file, where it need not stand twice;
    `number` counts the records once all rows of each were taken.
    """

    stream: str
    line: bytes
    schema: bytes
    rejected: bool = False
    number: int = 0


@dataclass(slots=True, eq=False)
class EventRow:
    """A valid event, serialised.

    Attributes:
        profile: the JSON:API resource of its profile, as JSON.
        payload: the JSON:API resource of the event, as JSON.
        backfill: the event is history: recorded without triggering flows.
        earliest: the earliest its time can have been, when that moves as the source record
            changes; `time` when it does not. Klaviyo is never told.
        latest: the latest its time can have been, likewise.
        was_true: not to be written now, but an earlier read may have written it.
        known_as: the anchor of its person, should a profile row have told one. Klaviyo is never
            told.
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
    earliest: datetime
    latest: datetime
    was_true: bool = False
    known_as: str | None = None
    epoch: int = 0


@dataclass(slots=True, eq=False)
class ProfileRow:
    """A valid profile, or several of one identity merged into one.

    Attributes:
        attributes: Klaviyo's attributes with `properties` and `location`, as JSON; a null clears.
        parts: the rows merged into this one, oldest first; empty for a row as it came.
        alone: never merged, so that a refusal concerns this row and no other.
        also_known_as: further external ids under which Klaviyo may know this person. Klaviyo is
            never told.
    """

    origin: Origin
    identity: Identity
    profile_id: str | None
    attributes: bytes
    warnings: list[str]
    epoch: int = 0
    parts: list[ProfileRow] = field(default_factory=list)
    alone: bool = False
    also_known_as: tuple[str, ...] = ()

    @property
    def email(self) -> str | None:
        """Its address in lower case."""
        return dict(self.identity).get("email")

    @property
    def anchor(self) -> str | None:
        """Its `external_id`, which never changes."""
        return dict(self.identity).get("external_id")

    @property
    def external_ids(self) -> frozenset[str]:
        """Every external id that is its person's."""
        anchor = self.anchor
        return frozenset(self.also_known_as if anchor is None else (anchor, *self.also_known_as))

    @property
    def claims(self) -> Identity:
        """Every identifier whose profile the row may change."""
        if not self.also_known_as:
            return self.identity
        further = (("external_id", each) for each in self.also_known_as)
        return tuple(dict.fromkeys((*self.identity, *further)))

    def fields(self) -> dict[str, Any]:
        """What the row sets, and a null for each single field that it clears."""
        fields: dict[str, Any] = orjson.loads(self.attributes)
        return fields


def attributes_with_nulls(row: ProfileRow) -> dict[str, Any]:
    """What the row sets, and a null for all that it clears; a whole location is one null."""
    attributes = row.fields()
    if attributes.get("location") == CLEARED_LOCATION:
        attributes["location"] = None
    return attributes


def without_nulls(
    fields: Mapping[str, Any],
) -> tuple[dict[str, Any], frozenset[str], frozenset[str]]:
    """What fields set, and the names of the properties and of the attributes that they clear.

    An attribute within another is named like `location.city`.
    """
    kept: dict[str, Any] = {}
    cleared: dict[str, set[str]] = {"properties": set(), "location": set(), "": set()}
    for name, value in fields.items():
        if name in WITH_FIELDS_WITHIN:
            within = {key: inner for key, inner in value.items() if inner is not None}
            cleared[name] = value.keys() - within.keys()
            if within:
                kept[name] = within
        elif value is None:
            cleared[""].add(name)
        else:
            kept[name] = value
    attributes = cleared[""].union(f"location.{name}" for name in cleared["location"])
    return kept, frozenset(cleared["properties"]), frozenset(attributes)


def merge_profiles(earlier: ProfileRow, later: ProfileRow) -> ProfileRow | None:
    """Two rows of one identity as one; per field the later one wins, a null as any other value.

    Returns None when together they would be too large for one profile.
    """
    attributes = serialise(updated(earlier.fields(), later.fields()))
    if len(attributes) > MAX_PROFILE_BYTES:
        return None
    return ProfileRow(
        later.origin,
        identity_of({**dict(earlier.identity), **dict(later.identity)}),
        later.profile_id or earlier.profile_id,
        attributes,
        [],
        epoch=earlier.epoch,
        also_known_as=(later if "external_id" in dict(later.identity) else earlier).also_known_as,
        parts=[*(earlier.parts or [earlier]), *(later.parts or [later])],
    )


def updated(fields: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with later ones over them, property by property and place by place."""
    both = {**fields, **later}
    for name in WITH_FIELDS_WITHIN & fields.keys() & later.keys():
        both[name] = {**fields[name], **later[name]}
    return both


class RowReceiver(Protocol):
    """Takes rows, in order."""

    def take_event(self, row: EventRow) -> None:
        """A valid event."""

    def take_profile(self, row: ProfileRow) -> None:
        """A valid profile."""

    def count_read(self, label: str) -> None:
        """A row, or a record for the transform, was read; `reject` may follow."""

    def take_reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """A row, or a record the transform refused; `label` names what it is in summaries."""


class RowConsumer(RowReceiver, Protocol):
    """Takes a run's rows, and brings them to an end."""

    def take_state(self, value: bytes) -> None:
        """The value of a STATE, as the JSON it came in; it stands for all rows before it."""

    def poll(self, source: Any = None) -> None:
        """Work until there is room for more rows and `source`, when given, can be read.

        Raises:
            RunInterrupted: a signal asked to stop.
            TargetError: the run cannot go on.
        """

    def end_record(self, origin: Origin, record: object) -> None:
        """All rows of a record, which is here as it came, have been taken."""

    def finish(self) -> None:
        """The input has ended: bring everything to its end."""

    def drain(self) -> None:
        """The run was interrupted: finish what is under way, in limited time."""

    def abort(self) -> None:
        """The run has failed: await what is in flight, send nothing more."""

    def interrupt(self, signum: int) -> None:
        """A signal came; safe to call from a signal handler."""
