"""Request bodies, made of rows already serialised, and the way back from an error to its rows.

Klaviyo's bulk event body holds entries of one profile and its events, so events are grouped by
profile. Errors name their place by JSON pointer; `events_at` and `profiles_at` follow it back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
from orjson import Fragment

from target_klaviyo.rows.contract import attributes_with_nulls, updated, without_nulls
from target_klaviyo.rows.values import serialise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_klaviyo.rows.contract import EventRow, ProfileRow

BODY_OVERHEAD = 256  # bytes of a body beside its rows, at most
_ENTRY_OVERHEAD = 128
_PROFILE_OVERHEAD = 128

_EVENT_POINTER = re.compile(
    r"/events-bulk-create/(?:data/)?(?P<entry>\d{1,9})(?=/|$)"
    r"(?:/attributes)?(?:/events/(?:data/)?(?P<event>\d{1,9})(?=/|$)|(?P<profile>/profile(?=/|$)))?"
)
_PROFILE_POINTER = re.compile(r"/profiles/(?:data/)?(\d{1,9})(?=/|$)")


def event_size(row: EventRow) -> int:
    """Bytes of an event in a body at most: it may share its entry with others of its profile."""
    return len(row.payload) + len(row.profile) + _ENTRY_OVERHEAD


def profile_size(row: ProfileRow) -> int:
    """Bytes of a profile in a body, rounded up: a null takes more than a name to be unset."""
    return len(row.attributes) + len(row.profile_id or "") + _PROFILE_OVERHEAD


def entries(rows: Sequence[EventRow]) -> list[list[EventRow]]:
    """Events grouped by profile, in order of first appearance."""
    groups: dict[object, list[EventRow]] = {}
    for row in rows:
        groups.setdefault(row.identity, []).append(row)
    return list(groups.values())


def bulk_events(groups: Sequence[Sequence[EventRow]]) -> bytes:
    """Body of POST /api/event-bulk-create-jobs."""
    listed = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": {"data": _common_profile(group)},
                "events": {"data": [Fragment(row.payload) for row in group]},
            },
        }
        for group in groups
    ]
    attributes = {"events-bulk-create": {"data": listed}}
    return orjson.dumps({"data": {"type": "event-bulk-create-job", "attributes": attributes}})


def _common_profile(group: Sequence[EventRow]) -> Fragment | dict[str, Any]:
    """The group's one profile; where its events differ, the later ones win per attribute."""
    first, *others = dict.fromkeys(row.profile for row in group)
    if not others:
        return Fragment(first)
    merged: dict[str, Any] = orjson.loads(first)
    for other in others:
        merged["attributes"] = updated(merged["attributes"], orjson.loads(other)["attributes"])
    return merged


def bulk_import(rows: Sequence[ProfileRow], list_id: str | None) -> bytes:
    """Body of POST /api/profile-bulk-import-jobs."""
    profiles = {"data": [_profile(row) for row in rows]}
    job: dict[str, Any] = {"type": "profile-bulk-import-job", "attributes": {"profiles": profiles}}
    if list_id is not None:
        job["relationships"] = {"lists": {"data": [{"type": "list", "id": list_id}]}}
    return orjson.dumps({"data": job})


def _profile(row: ProfileRow) -> dict[str, Any]:
    """One profile in a bulk import; null properties are unset, since a null would be ignored."""
    attributes, cleared_properties, _ = without_nulls(row.fields())
    profile: dict[str, Any] = {"type": "profile", "attributes": Fragment(serialise(attributes))}
    if row.profile_id:
        profile["id"] = row.profile_id
    if cleared_properties:
        profile["meta"] = {"patch_properties": {"unset": sorted(cleared_properties)}}
    return profile


def single_import(row: ProfileRow) -> bytes:
    """Body of POST /api/profile-import, which clears what is null and leaves what is missing."""
    resource: dict[str, Any] = {"type": "profile", "attributes": attributes_with_nulls(row)}
    if row.profile_id:
        resource["id"] = row.profile_id
    return orjson.dumps({"data": resource})


def events_at(
    pointer: str, groups: Sequence[Sequence[EventRow]]
) -> tuple[Sequence[EventRow], bool]:
    """The events a pointer speaks of, none when it names no row; whether all are at fault.

    What is wrong with an entry's profile is wrong with all its events, if that is what they all
    brought. Of an entry as a whole, one of its events may be at fault, or some.
    """
    match = _EVENT_POINTER.search(pointer)
    if match is None or int(match["entry"]) >= len(groups):
        return (), True
    group = groups[int(match["entry"])]
    if match["event"]:
        return group[int(match["event"]) :][:1], True
    shares_profile = match["profile"] is not None and len({row.profile for row in group}) == 1
    return group, len(group) == 1 or shares_profile


def profiles_at(pointer: str, rows: Sequence[ProfileRow]) -> list[ProfileRow]:
    """The profile a pointer speaks of; none when it names no row."""
    match = _PROFILE_POINTER.search(pointer)
    if match is None or int(match[1]) >= len(rows):
        return []
    return [rows[int(match[1])]]
