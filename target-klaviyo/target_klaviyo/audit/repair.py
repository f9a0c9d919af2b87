"""Sending what is missing, through the ordinary writer, and looking again."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timezone
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.audit.findings import Repair
from target_klaviyo.errors import RunInterrupted
from target_klaviyo.rows.contract import EventRow, Origin, attributes_with_nulls
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from target_klaviyo.audit.auditor import Auditor
    from target_klaviyo.audit.findings import AuditResult
    from target_klaviyo.audit.sightings import MissingEvent
    from target_klaviyo.rows.contract import ProfileRow
    from target_klaviyo.writing.writer import Writer

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

logger = logging.getLogger("target-klaviyo")


class Repairer:
    """Mends what an audit found missing.

    Args:
        make_writer: a writer for the rows to be sent.
        event_stream: a stream whose records are event rows: under it a refused row is rejected.
        profile_stream: the same for profile rows.
        settle: how long Klaviyo may take to show what was sent.
        wait: lets seconds pass; raises RunInterrupted when a signal ends the wait.
        clock: seconds of a monotonic clock.
    """

    def __init__(  # noqa: PLR0913  (its collaborators, each by name)
        self,
        *,
        make_writer: Callable[[], Writer],
        event_stream: str,
        profile_stream: str,
        settle: timedelta,
        wait: Callable[[float], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._make_writer = make_writer
        self._event_stream = event_stream
        self._profile_stream = profile_stream
        self._settle = settle
        self._wait = wait
        self._clock = clock

    def repair(self, auditor: Auditor, before: AuditResult) -> AuditResult:
        """Send what is missing and audit again, until it is there or has had time enough.

        What is moved, altered or unexpected stays: Klaviyo keeps the first event of a unique_id,
        and nothing is ever deleted.
        """
        events, profiles = self._send(auditor)
        auditor.read_rejects()
        deadline = self._clock() + self._settle.total_seconds()
        pause = FIRST_PAUSE_SECONDS
        result = auditor.compare()
        while auditor.sent_and_missing() and self._clock() + pause <= deadline:
            logger.info("Waiting %g s for Klaviyo to show what was sent.", pause)
            self._wait(pause)
            pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)
            result = auditor.compare()
        counts = {each.value: count for each, count in before.counts.items()}
        counts["profiles"] = before.profiles.differing
        return replace(result, repair=Repair(events, profiles, counts))

    def _send(self, auditor: Auditor) -> tuple[int, int]:
        """Send missing events and differing profiles; returns how many."""
        writer = self._make_writer()
        auditor.shutdown.listener = writer.interrupt
        events = profiles = 0
        try:
            for missing in auditor.events_to_send():
                writer.count_read("events")
                writer.take_event(self._event_row(missing))
                writer.poll()
                events += 1
            for row in auditor.profiles_to_send():
                writer.count_read("profiles")
                writer.take_profile(self._with_origin(row))
                writer.poll()
                profiles += 1
            logger.info(
                "Sending %s and %s again.", counted(events, "event"), counted(profiles, "profile")
            )
            writer.finish(all_taken=False)
        except RunInterrupted:
            writer.drain()
            raise
        except Exception:
            writer.abort()
            raise
        finally:
            auditor.shutdown.listener = None
        return events, profiles

    def _event_row(self, missing: MissingEvent) -> EventRow:
        """The event as the reader once made it, `backfill` included."""
        attributes = orjson.loads(missing.payload)["attributes"]
        backfill = attributes.pop("backfill", False)
        profile = orjson.loads(missing.profile)
        owner = dict(profile["attributes"])
        if "id" in profile:
            owner["id"] = profile["id"]
        attributes["metric"] = missing.metric
        record = {**attributes, "profile": owner}
        if missing.earliest < missing.time:
            record["earliest_time"] = _moment(missing.earliest).isoformat()
        return EventRow(
            _origin(self._event_stream, record),
            missing.identity,
            missing.metric,
            missing.unique_id,
            _moment(missing.time),
            missing.value,
            backfill,
            missing.profile,
            missing.payload,
            [],
            earliest=_moment(missing.earliest),
        )

    def _with_origin(self, row: ProfileRow) -> ProfileRow:
        """The profile with a record of its own, for the rejects file."""
        record = attributes_with_nulls(row)
        if row.profile_id:
            record["id"] = row.profile_id
        return replace(row, origin=_origin(self._profile_stream, record))


def _moment(seconds: int) -> datetime:
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
