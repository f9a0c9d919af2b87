"""Sending what is missing, through the ordinary writer, and looking again."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.audit.findings import Repair
from target_klaviyo.rows.contract import EventRow, Origin, attributes_with_nulls
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_klaviyo.audit.auditor import Auditor
    from target_klaviyo.audit.comparison import MissingEvent
    from target_klaviyo.audit.findings import AuditResult
    from target_klaviyo.config import Settings
    from target_klaviyo.rows.contract import ProfileRow
    from target_klaviyo.writing.writer import Writer

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

logger = logging.getLogger("target-klaviyo")


class Repairer:
    """Mends what an audit found missing.

    What is moved, altered, unexpected or elsewhere stays: Klaviyo keeps the first event of a
    unique_id, and nothing is ever deleted.

    Args:
        auditor: knows what is missing, and looks again.
        settings: name streams of rows, under which a refused one is rejected, and say how long
            Klaviyo may take to show what was sent.
        wait: lets seconds pass; raises RunInterrupted when a signal ends the wait.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        auditor: Auditor,
        settings: Settings,
        wait: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._auditor = auditor
        self._event_stream = min(settings.event_streams, default="events")
        self._profile_stream = min(settings.profile_streams, default="profiles")
        self._settle_seconds = settings.settle.total_seconds()
        self._wait = wait
        self._clock = clock

    def send(self, writer: Writer) -> tuple[int, int]:
        """Send missing events and differing profiles; returns how many of each.

        Profiles first, so that events find the person they belong to.
        """
        events = profiles = 0
        for row in self._auditor.differing_profiles():
            writer.count_read("profiles")
            writer.take_profile(self._with_origin(row))
            writer.poll()
            profiles += 1
        for missing in self._auditor.missing_events():
            writer.count_read("events")
            writer.take_event(self._event_row(missing))
            writer.poll()
            events += 1
        logger.info(
            "Sending %s and %s.",
            counted(events, "missing event"),
            counted(profiles, "differing profile"),
        )
        writer.finish()
        return events, profiles

    def look_again(self, before: AuditResult, sent: tuple[int, int]) -> AuditResult:
        """Audit again, until what was sent is there or has had time enough."""
        deadline = self._clock() + self._settle_seconds
        pause = FIRST_PAUSE_SECONDS
        result = self._auditor.compare()
        while self._auditor.sent_and_missing() and self._clock() + pause <= deadline:
            logger.info("Waiting %g s for Klaviyo to show what was sent.", pause)
            self._wait(pause)
            pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)
            result = self._auditor.compare()
        counts = {each.value: count for each, count in before.counts.items()}
        counts["profiles"] = before.profiles.differing
        return replace(result, repair=Repair(*sent, counts))

    def _event_row(self, missing: MissingEvent) -> EventRow:
        """The event as it was once parsed, `backfill` included."""
        attributes = orjson.loads(missing.payload)["attributes"]
        backfill = attributes.pop("backfill", False)
        profile = orjson.loads(missing.profile)
        owner = dict(profile["attributes"])
        if "id" in profile:
            owner["id"] = profile["id"]
        attributes["metric"] = missing.metric
        record = {**attributes, "profile": owner}
        if missing.earliest < missing.time:
            record["earliest_time"] = _timestamp(missing.earliest).isoformat()
        if missing.latest > missing.time:
            record["latest_time"] = _timestamp(missing.latest).isoformat()
        return EventRow(
            _origin(self._event_stream, record),
            missing.identity,
            missing.metric,
            missing.unique_id,
            _timestamp(missing.time),
            missing.value,
            backfill,
            missing.profile,
            missing.payload,
            [],
            earliest=_timestamp(missing.earliest),
            latest=_timestamp(missing.latest),
        )

    def _with_origin(self, row: ProfileRow) -> ProfileRow:
        """The profile with a record of its own, for the rejects file."""
        record = attributes_with_nulls(row)
        if row.profile_id:
            record["id"] = row.profile_id
        if row.also_known_as:
            record["also_known_as"] = list(row.also_known_as)
        return replace(row, origin=_origin(self._profile_stream, record))


def _timestamp(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


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
