"""Request bodies, joined from rows already serialised, and the way back from an error to its rows.

Klaviyo's bulk event body holds entries of one profile and its events, so events are grouped by
profile. Errors name their place by JSON pointer; `events_at` and `profiles_at` follow it back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.rows.contract import attributes_with_nulls, bytes_to_clear
from target_klaviyo.rows.merging import updated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_klaviyo.rows.contract import EventRow, ProfileRow

_BULK_EVENTS_HEAD = (
    b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
)
_BULK_EVENTS_TAIL = b"]}}}}"
_ENTRY_HEAD = b'{"type":"event-bulk-create","attributes":{"profile":{"data":'
_ENTRY_MIDDLE = b'},"events":{"data":['
_ENTRY_TAIL = b"]}}}"
_IMPORT_HEAD = b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":['
_IMPORT_TAIL = b"]}}"

BODY_OVERHEAD = 256
_ENTRY_OVERHEAD = len(_ENTRY_HEAD + _ENTRY_MIDDLE + _ENTRY_TAIL) + 1
_PROFILE_OVERHEAD = 100

_EVENT_POINTER = re.compile(
    r"/events-bulk-create/(?:data/)?(?P<entry>\d{1,9})(?=/|$)"
    r"(?:/attributes)?(?:/events/(?:data/)?(?P<event>\d{1,9})(?=/|$)|(?P<profile>/profile(?=/|$)))?"
)
_PROFILE_POINTER = re.compile(r"/profiles/(?:data/)?(\d{1,9})(?=/|$)")


def event_size(row: EventRow) -> int:
    """Bytes of an event in a body at most: it may share its entry with others of its profile."""
    return len(row.payload) + len(row.profile) + _ENTRY_OVERHEAD + 1


def profile_size(row: ProfileRow) -> int:
    """Bytes of a profile in a body, rounded up."""
    cleared = bytes_to_clear(row.cleared_properties)
    return len(row.attributes) + cleared + len(row.profile_id or "") + _PROFILE_OVERHEAD


def entries(rows: Sequence[EventRow]) -> list[list[EventRow]]:
    """Events grouped by profile, in order of first appearance."""
    groups: dict[object, list[EventRow]] = {}
    for row in rows:
        groups.setdefault(row.identity, []).append(row)
    return list(groups.values())


def bulk_events(groups: Sequence[Sequence[EventRow]]) -> bytes:
    """Body of POST /api/event-bulk-create-jobs."""
    pieces: list[bytes] = []  # joined once: several bodies of 5 MB are made at the same time
    for group in groups:
        pieces += (
            b"," if pieces else _BULK_EVENTS_HEAD,
            _ENTRY_HEAD,
            _common_profile(group),
            _ENTRY_MIDDLE,
            b",".join([row.payload for row in group]),
            _ENTRY_TAIL,
        )
    pieces.append(_BULK_EVENTS_TAIL)
    return b"".join(pieces)


def _common_profile(group: Sequence[EventRow]) -> bytes:
    """The group's one profile; where its events differ, the later ones win per attribute."""
    profiles = list(dict.fromkeys(row.profile for row in group))
    if len(profiles) == 1:
        return profiles[0]
    merged = orjson.loads(profiles[0])
    for other in profiles[1:]:
        merged["attributes"] = updated(merged["attributes"], orjson.loads(other)["attributes"])
    return orjson.dumps(merged)


def profile_resource(row: ProfileRow) -> bytes:
    """One profile in a bulk import; null properties are unset, since a null would be ignored."""
    identifier = b'"id":' + orjson.dumps(row.profile_id) + b"," if row.profile_id else b""
    unset = b""
    if row.cleared_properties:
        names = orjson.dumps(sorted(row.cleared_properties))
        unset = b',"meta":{"patch_properties":{"unset":' + names + b"}}"
    return b'{"type":"profile",' + identifier + b'"attributes":' + row.attributes + unset + b"}"


def bulk_import(rows: Sequence[ProfileRow], list_id: str | None) -> bytes:
    """Body of POST /api/profile-bulk-import-jobs."""
    lists = b""
    if list_id is not None:
        identifier = orjson.dumps(list_id)
        lists = b',"relationships":{"lists":{"data":[{"type":"list","id":' + identifier + b"}]}}"
    pieces: list[bytes] = []
    for row in rows:
        pieces += (b"," if pieces else _IMPORT_HEAD, profile_resource(row))
    pieces += (_IMPORT_TAIL, lists, b"}}")
    return b"".join(pieces)


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
