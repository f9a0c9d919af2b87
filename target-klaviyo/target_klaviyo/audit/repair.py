"""Sending what is missing, through the ordinary writer.

What is moved, altered, unexpected or elsewhere stays: Klaviyo keeps the first event of a unique_id,
and nothing is ever deleted.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.rows.contract import Origin, attributes_with_nulls
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_klaviyo.config import Settings
    from target_klaviyo.rows.contract import EventRow, ProfileRow
    from target_klaviyo.writing.writer import Writer

logger = logging.getLogger("target-klaviyo")


def send_missing(
    writer: Writer,
    settings: Settings,
    profiles: Iterable[ProfileRow],
    events: Iterable[EventRow],
) -> dict[str, int]:
    """Send differing profiles and missing events; how many of each, as the report has it.

    Profiles first, so that events find the person they belong to. A row that Klaviyo refuses is
    rejected under the name of a stream of rows.
    """
    event_stream = min(settings.event_streams, default="events")
    profile_stream = min(settings.profile_streams, default="profiles")
    sent = {"events_sent": 0, "profiles_sent": 0}
    for profile in profiles:
        writer.count_read("profiles")
        writer.take_profile(replace(profile, origin=_origin(profile_stream, _profile(profile))))
        writer.poll()
        sent["profiles_sent"] += 1
    for event in events:
        writer.count_read("events")
        writer.take_event(replace(event, origin=_origin(event_stream, _event(event))))
        writer.poll()
        sent["events_sent"] += 1
    logger.info(
        "Sending %s and %s.",
        counted(sent["events_sent"], "missing event"),
        counted(sent["profiles_sent"], "differing profile"),
    )
    writer.finish()
    return sent


def _event(row: EventRow) -> dict[str, Any]:
    """The event as a record of a stream of events."""
    record: dict[str, Any] = orjson.loads(row.payload)["attributes"]
    record.pop("backfill", None)
    profile = orjson.loads(row.profile)
    known = {"id": profile["id"]} if "id" in profile else {}
    record |= {"metric": row.metric, "profile": {**profile["attributes"], **known}}
    if row.earliest < row.time:
        record["earliest_time"] = row.earliest.isoformat()
    if row.latest > row.time:
        record["latest_time"] = row.latest.isoformat()
    return record


def _profile(row: ProfileRow) -> dict[str, Any]:
    """The profile as a record of a stream of profiles."""
    record = attributes_with_nulls(row)
    if row.profile_id:
        record["id"] = row.profile_id
    if row.also_known_as:
        record["also_known_as"] = list(row.also_known_as)
    return record


def _origin(stream: str, record: dict[str, Any]) -> Origin:
    """Messages as a tap would have sent them: what a replay of the rejects file reads."""
    message = {"type": "RECORD", "stream": stream, "record": record}
    return Origin(stream, orjson.dumps(message), _schema(stream))


@lru_cache
def _schema(stream: str) -> bytes:
    """One and the same for all rows of a stream, as a tap sends it once."""
    return orjson.dumps(
        {"type": "SCHEMA", "stream": stream, "key_properties": [], "schema": {"properties": {}}}
    )
