"""The rules of events and profiles that no schema can say, checked on decoded bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from recurly_klaviyo_sandbox.klaviyo import values
from recurly_klaviyo_sandbox.klaviyo.errors import Problem

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.klaviyo.shapes import (
        BulkEventProfile,
        EventAttributes,
        ImportedProfile,
        NewProfileAttributes,
        SingleEventProfile,
        Text,
    )

PROFILE_BYTES = 100_000  # documented: 100 KB per imported profile
EVENT_PROFILE_BYTES = 95_000  # documented: 95 KB per profile of an event
_encode = msgspec.json.Encoder().encode


def event_problems(event: EventAttributes, now: float) -> list[Problem]:
    """What is wrong with an event; pointers are relative to its attributes."""
    found: list[Problem] = []
    name = event.metric.data.attributes.name
    if not 0 < len(name) <= values.METRIC_NAME_LENGTH:
        found.append(
            Problem(
                "/metric/data/attributes/name",
                f"A metric's name has 1 to {values.METRIC_NAME_LENGTH} characters.",
            )
        )
    if isinstance(event.unique_id, str) and (
        not 0 < len(event.unique_id) <= values.UNIQUE_ID_LENGTH
    ):
        detail = f"A unique_id has 1 to {values.UNIQUE_ID_LENGTH} characters."
        found.append(Problem("/unique_id", detail))
    if event.time:
        found.extend(_time_problems(event.time, now))
    if isinstance(event.value, int) and not -values.INTEGER <= event.value < values.INTEGER:
        found.append(Problem("/value", "An integer leaves the 64 bits it may have."))
    raw = bytes(event.properties)
    return found + _property_problems(raw, "/properties", count=values.PROPERTIES)


def _time_problems(text: str, now: float) -> list[Problem]:
    moment = values.epoch_second(text)
    if moment is None:
        return [Problem("/time", "Invalid time: send ISO 8601, as 2026-07-15T10:00:00+00:00.")]
    if moment < values.EARLIEST.timestamp():
        return [Problem("/time", "An event's time lies after 1990.")]
    if moment > now + values.LATEST_AHEAD.total_seconds():
        return [Problem("/time", "An event's time lies at most one year ahead.")]
    return []


def event_profile_problems(profile: BulkEventProfile | SingleEventProfile) -> list[Problem]:
    """What is wrong with the profile of an event; pointers are relative to the profile.

    An invalid phone number is dropped, as in bulk imports (assumed).
    """
    found = profile_problems(profile.attributes, profile.id, refuse_phones=False)
    if len(_encode(profile)) > EVENT_PROFILE_BYTES:
        found.append(Problem("", "The profile of an event has at most 95 KB."))
    return found


def imported_profile_problems(profile: ImportedProfile, *, refuse_phones: bool) -> list[Problem]:
    """What is wrong with a profile to import; pointers are relative to the profile."""
    found = profile_problems(profile.attributes, profile.id, refuse_phones=refuse_phones)
    if len(_encode(profile)) > PROFILE_BYTES:
        found.append(Problem("", "A profile has at most 100 KB."))
    return found


def profile_problems(
    attributes: NewProfileAttributes, identifier: Text = None, *, refuse_phones: bool = True
) -> list[Problem]:
    """What is wrong with a profile's attributes; pointers are relative to the profile.

    `identifier` is the profile's id, which stands beside the attributes.
    """
    found: list[Problem] = []
    if isinstance(attributes.email, str) and not values.is_email(attributes.email):
        found.append(Problem("/attributes/email", values.EMAIL_DETAIL))
    phone = attributes.phone_number
    if refuse_phones and phone and not values.is_phone(phone):
        found.append(Problem("/attributes/phone_number", values.PHONE_DETAIL))
    if attributes.external_id and len(attributes.external_id) > values.EXTERNAL_ID_LENGTH:
        detail = f"An external_id has at most {values.EXTERNAL_ID_LENGTH} characters."
        found.append(Problem("/attributes/external_id", detail))
    raw = bytes(attributes.properties)
    if raw and raw != b"null":
        found += _property_problems(raw, "/attributes/properties", count=None)
    if not identifier and not any(attributes.identifiers):
        detail = "One of 'id', 'email', 'phone_number' or 'external_id' must identify the profile."
        found.append(Problem("/attributes", detail))
    return found


def _property_problems(raw: bytes, pointer: str, *, count: int | None) -> list[Problem]:
    if raw[:1] != b"{":
        return [Problem(pointer, "Invalid value: send an object.")]
    return [problem.below(pointer) for problem in values.property_problems(raw, count=count)]
