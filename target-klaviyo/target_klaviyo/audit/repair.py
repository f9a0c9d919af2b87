"""Sending what is missing, through the ordinary writer, and looking again.

What is moved, altered, unexpected or elsewhere stays: Klaviyo keeps the first event of a unique_id,
and nothing is ever deleted.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.report.findings import KINDS
from target_klaviyo.rows.contract import Origin, attributes_with_nulls
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_klaviyo.audit.auditor import Auditor
    from target_klaviyo.config import Settings
    from target_klaviyo.rows.contract import EventRow, ProfileRow
    from target_klaviyo.writing.writer import Writer

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

logger = logging.getLogger("target-klaviyo")


def send_missing(auditor: Auditor, writer: Writer, settings: Settings) -> tuple[int, int]:
    """Send missing events and differing profiles; returns how many of each.

    Profiles first, so that events find the person they belong to. A row that Klaviyo refuses is
    rejected under the name of a stream of rows.
    """
    event_stream = min(settings.event_streams, default="events")
    profile_stream = min(settings.profile_streams, default="profiles")
    events = profiles = 0
    for profile in auditor.differing_profiles():
        writer.count_read("profiles")
        writer.take_profile(replace(profile, origin=_origin(profile_stream, _profile(profile))))
        writer.poll()
        profiles += 1
    for event in auditor.missing_events():
        writer.count_read("events")
        writer.take_event(replace(event, origin=_origin(event_stream, _event(event))))
        writer.poll()
        events += 1
    logger.info(
        "Sending %s and %s.",
        counted(events, "missing event"),
        counted(profiles, "differing profile"),
    )
    writer.finish()
    return events, profiles


def look_again(
    auditor: Auditor, seconds: float, wait: Callable[[float], None], clock: Callable[[], float]
) -> dict[str, Any]:
    """Audit again, until what was sent is there or has had so many seconds."""
    deadline = clock() + seconds
    pause = FIRST_PAUSE_SECONDS
    report = auditor.compare(again=auditor.unconfirmed())
    while (unconfirmed := auditor.unconfirmed()) and clock() + pause <= deadline:
        logger.info("Waiting %g s for Klaviyo to show what was sent.", pause)
        wait(pause)
        pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)
        report = auditor.compare(again=unconfirmed)
    return report


def repair_of(totals: dict[str, int], sent: tuple[int, int]) -> dict[str, Any]:
    """What the report says of a repair: what was sent, and what was wrong before."""
    events, profiles = sent
    before = {kind: totals[kind] for kind in KINDS if totals[kind]}
    return {
        "events_sent": events,
        "profiles_sent": profiles,
        "before": {**before, "profiles": totals["profiles_differing"]},
    }


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
