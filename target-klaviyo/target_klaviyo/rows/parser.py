"""Reads rows into checked ones: what breaks the contract or a limit is rejected here (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from target_klaviyo.errors import RowRejected
from target_klaviyo.rows.contract import (
    CLEARED_LOCATION,
    LOCATION_COORDINATES,
    LOCATION_FIELDS,
    MAX_PROFILE_BYTES,
    MAX_REQUEST_BYTES,
    EventRow,
    Origin,
    ProfileRow,
    without_nulls,
)
from target_klaviyo.rows.flat import EVENT_OBJECTS, PROFILE_OBJECTS, nested
from target_klaviyo.rows.identity import IDENTIFIER_KINDS, Identity, identity_of, read_identifiers
from target_klaviyo.rows.values import (
    MAX_STRING_BYTES,
    check_properties,
    instant,
    number,
    serialise,
    utf8_length,
)

MAX_EVENT_PROPERTIES = 400
MAX_METRIC_CHARS = 127  # Klaviyo: "must be less than 128 characters"
MAX_UNIQUE_ID_CHARS = 255
MAX_EVENT_PROFILE_BYTES = 95 * 1024
EARLIEST = datetime(1990, 1, 1, tzinfo=timezone.utc)
LATEST_AHEAD = timedelta(days=365)

EVENT_FIELDS = frozenset(
    {
        "metric",
        "unique_id",
        "time",
        "earliest_time",
        "latest_time",
        "profile",
        "properties",
        "value",
        "value_currency",
        "was_true",
        "known_as",
    }
)
TEXT_ATTRIBUTES = frozenset(
    {"first_name", "last_name", "organization", "locale", "title", "image", "_kx"}
)
PROFILE_FIELDS = TEXT_ATTRIBUTES | {"location", "properties"} | frozenset(IDENTIFIER_KINDS)
EVENT_PROFILE_FIELDS = PROFILE_FIELDS | {"anonymous_id"}

_CURRENCY_CHARS = 3


class RowParser:
    """Reads rows as they come into rows that Klaviyo will take.

    Args:
        now: the moment the run began; event times are judged by it.
        live_window: older events are history and do not trigger flows.
    """

    def __init__(self, *, now: datetime, live_window: timedelta) -> None:
        self._latest = now + LATEST_AHEAD
        self.live_from = now - live_window

    def parse_event(self, row: object, origin: Origin) -> EventRow:
        """Check and serialise an event.

        Raises:
            RowRejected: it breaks the contract or a limit.
        """
        if not isinstance(row, Mapping):
            raise RowRejected("The event is not an object.")
        row = nested(row, EVENT_OBJECTS)
        _refuse_unknown(row, EVENT_FIELDS, "an event")
        metric = _required_text(row, "metric", MAX_METRIC_CHARS)
        unique_id = _required_text(row, "unique_id", MAX_UNIQUE_ID_CHARS)
        if row.get("time") is None:
            raise RowRejected("The event has no time.")
        time, time_text = self._time(row["time"], "The event's time")
        earliest = self._bound(row, "earliest_time", min, time)
        latest = self._bound(row, "latest_time", max, time)
        properties = _object(row.get("properties"), "The event's properties")
        if len(properties) > MAX_EVENT_PROPERTIES:
            raise RowRejected("The event has more than 400 properties.")
        check_properties(properties, "The event's property")
        identity, profile, warnings = _event_profile(row.get("profile"))
        attributes: dict[str, Any] = {
            "properties": properties,
            "time": time_text,
            "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
            "unique_id": unique_id,
        }
        value = row.get("value")
        if value is not None:
            attributes["value"] = value = number(value, "The event's value")
        if row.get("value_currency") is not None:
            attributes["value_currency"] = _currency(row["value_currency"])
        backfill = time < self.live_from
        if backfill:
            attributes["backfill"] = True
        payload = serialise({"type": "event", "attributes": attributes})
        if len(payload) + len(profile) > MAX_REQUEST_BYTES:
            raise RowRejected("The event is larger than 5 MB.")
        return EventRow(
            origin,
            identity,
            metric,
            unique_id,
            time,
            value,
            backfill,
            profile,
            payload,
            warnings,
            earliest=earliest,
            latest=latest,
            was_true=row.get("was_true") is True,
            known_as=_known_as(row.get("known_as")),
        )

    def parse_profile(self, row: object, origin: Origin) -> ProfileRow:
        """Check and serialise a profile.

        Raises:
            RowRejected: it breaks the contract or a limit.
        """
        if not isinstance(row, Mapping):
            raise RowRejected("The profile is not an object.")
        row = nested(row, PROFILE_OBJECTS)
        _refuse_unknown(row, PROFILE_FIELDS | {"also_known_as"}, "a profile")
        identifiers, warnings = read_identifiers(row)
        identity = identity_of(identifiers)
        profile_id = identifiers.pop("id", None)
        attributes = serialise({**identifiers, **_fields(row, TEXT_ATTRIBUTES)})
        if len(attributes) > MAX_PROFILE_BYTES:
            raise RowRejected("The profile is larger than 100 KB.")
        also_known_as = _other_ids(row.get("also_known_as"))
        return ProfileRow(
            origin, identity, profile_id, attributes, warnings, also_known_as=also_known_as
        )

    def _time(self, value: object, what: str) -> tuple[datetime, str]:
        time, text = instant(value, what)
        if time < EARLIEST:
            raise RowRejected(f"{what} lies before 1990.")
        if time > self._latest:
            raise RowRejected(f"{what} lies more than a year ahead.")
        return time, text

    def _bound(
        self,
        row: Mapping[str, Any],
        name: str,
        outermost: Callable[[datetime, datetime], datetime],
        time: datetime,
    ) -> datetime:
        """The earliest or latest time; `time` itself where there is none, or none beyond it.

        A source's clock may be ahead of ours.
        """
        if row.get(name) is None:
            return time
        bound, _ = self._time(row[name], f"The event's {name}")
        return outermost(bound, time)


def _other_ids(value: object) -> tuple[str, ...]:
    """Further external ids of the person; raises RowRejected when they are no array of texts."""
    ids = [] if value is None else value
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise RowRejected("The profile's also_known_as is not an array of texts.")
    return tuple(ids)


def _known_as(value: object) -> str | None:
    """The anchor of an event's person, None without one; raises RowRejected when it is no id."""
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise RowRejected("The event's known_as is not a text.")
    return value.strip()


def _event_profile(profile: object) -> tuple[Identity, bytes, list[str]]:
    """Identity, JSON:API resource and warnings of an event's profile; its nulls are left out."""
    if not isinstance(profile, Mapping):
        raise RowRejected("The event has no profile object.")
    _refuse_unknown(profile, EVENT_PROFILE_FIELDS, "an event's profile")
    identifiers, warnings = read_identifiers(profile)
    attributes, _, _ = without_nulls(_fields(profile, TEXT_ATTRIBUTES | {"anonymous_id"}))
    identity = identity_of(identifiers)
    resource: dict[str, Any] = {"type": "profile"}
    if "id" in identifiers:
        resource["id"] = identifiers.pop("id")
    resource["attributes"] = {**identifiers, **attributes}
    serialised = serialise(resource)
    if len(serialised) > MAX_EVENT_PROFILE_BYTES:
        raise RowRejected("The event's profile is larger than 95 KB.")
    return identity, serialised, warnings


def _fields(profile: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The profile's fields beside its identifiers, checked; what is null stays so."""
    fields: dict[str, Any] = {
        name: None if profile[name] is None else _text(profile[name], name)
        for name in names & profile.keys()
    }
    if "location" in profile and (location := _location(profile["location"])):
        fields["location"] = location
    if properties := _object(profile.get("properties"), "The profile's properties"):
        check_properties(properties, "The profile's property")
        fields["properties"] = properties
    return fields


def _location(location: object) -> dict[str, Any]:
    """The location's fields; a null one is a null in each of them."""
    if location is None:
        return CLEARED_LOCATION
    if not isinstance(location, Mapping):
        raise RowRejected("The profile's location is not an object.")
    _refuse_unknown(location, LOCATION_FIELDS | LOCATION_COORDINATES, "a location")
    found: dict[str, Any] = {}
    for name, value in location.items():
        if name.startswith("_sdc_"):
            continue
        if value is None:
            found[name] = None
        elif name in LOCATION_COORDINATES and not isinstance(value, str):
            found[name] = number(value, f"The profile's {name}")
        else:
            found[name] = _text(value, name)
    return found


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise RowRejected(f"The profile's {name} is not a text.")
    if utf8_length(value) > MAX_STRING_BYTES:
        raise RowRejected(f"The profile's {name} is larger than 100 KB.")
    return value


def _required_text(row: Mapping[str, Any], name: str, max_chars: int) -> str:
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # a source's numeric key
    if value is None or value == "":
        raise RowRejected(f"The event has no {name}.")
    if not isinstance(value, str):
        raise RowRejected(f"The event's {name} is not a text.")
    if len(value) > max_chars:
        raise RowRejected(f"The event's {name} is longer than {max_chars} characters.")
    return value


def _currency(value: object) -> str:
    if (
        not isinstance(value, str)
        or len(value) != _CURRENCY_CHARS
        or not (value.isascii() and value.isalpha())
    ):
        raise RowRejected("The event's value_currency is not an ISO 4217 code (like EUR).")
    return value.upper()


def _object(value: object, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RowRejected(f"{what} are not an object.")
    return value


def _refuse_unknown(row: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    """Klaviyo refuses a request with an unknown field; `_sdc_` ones are Singer's own metadata."""
    if row.keys() <= known:
        return
    unknown = sorted(str(name) for name in row.keys() - known)
    strange = [name for name in unknown if not name.startswith("_sdc_")]
    if strange:
        raise RowRejected(
            f"{strange[0][:100]!r} is not a field of {what}; put it under properties.",
            rule=f"A field is not one of {what}; put it under properties.",
        )
