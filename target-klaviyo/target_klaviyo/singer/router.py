"""From records to rows: which stream is what, through the transform, to the receiver."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from target_klaviyo.errors import RowRejected

if TYPE_CHECKING:
    from collections import Counter

    from target_klaviyo.config import Settings
    from target_klaviyo.rows.contract import Origin, RowReceiver
    from target_klaviyo.rows.parser import RowParser
    from target_klaviyo.singer.transforms import Transform

logger = logging.getLogger("target-klaviyo")


class RecordRouter:
    """Turns records into checked rows."""

    def __init__(
        self,
        settings: Settings,
        transform: Transform | None,
        parser: RowParser,
        receiver: RowReceiver,
        warnings: Counter[str],
    ) -> None:
        self._event_streams = settings.event_streams
        self._profile_streams = settings.profile_streams
        self._transform = transform
        self._raw_streams = transform.streams if transform is not None else frozenset()
        self._parser = parser
        self._receiver = receiver
        self._warnings = warnings
        self._ignored: set[str] = set()

    def knows(self, stream: str) -> bool:
        """Whether records of the stream mean anything here."""
        return (
            stream in self._event_streams
            or stream in self._profile_streams
            or stream in self._raw_streams
        )

    def route(self, stream: str, record: object, origin: Origin) -> None:
        """Take a record; a stream that is neither rows nor the transform's is ignored."""
        if stream in self._event_streams:
            self._take_event(record, origin)
        elif stream in self._profile_streams:
            self._take_profile(record, origin)
        elif self._transform is not None and stream in self._raw_streams:
            self._take_raw(self._transform, stream, record, origin)
        else:
            self._ignore(stream)

    def reject_unreadable(self, stream: str, rejection: RowRejected, origin: Origin) -> None:
        """Reject a record that could not even be read."""
        label = self._label(stream)
        if label is None:
            self._ignore(stream)
            return
        self._receiver.count_read(label)
        self._receiver.take_reject(label, rejection, origin)

    def _label(self, stream: str) -> str | None:
        if stream in self._event_streams:
            return "events"
        if stream in self._profile_streams:
            return "profiles"
        return f"records of {stream}" if stream in self._raw_streams else None

    def _take_event(self, row: object, origin: Origin) -> None:
        self._receiver.count_read("events")
        try:
            event = self._parser.parse_event(row, origin)
        except RowRejected as rejection:
            self._receiver.take_reject("events", rejection, origin)
            return
        if event.warnings:
            self._warn(event.warnings)
        self._receiver.take_event(event)

    def _take_profile(self, row: object, origin: Origin) -> None:
        self._receiver.count_read("profiles")
        try:
            profile = self._parser.parse_profile(row, origin)
        except RowRejected as rejection:
            self._receiver.take_reject("profiles", rejection, origin)
            return
        if profile.warnings:
            self._warn(profile.warnings)
        self._receiver.take_profile(profile)

    def _take_raw(self, transform: Transform, stream: str, record: object, origin: Origin) -> None:
        label = f"records of {stream}"
        self._receiver.count_read(label)
        if not isinstance(record, dict):
            self._receiver.take_reject(label, RowRejected("The record is not an object."), origin)
            return
        try:
            rows = list(transform.rows(stream, record))
        except ValueError as refusal:
            self._receiver.take_reject(label, RowRejected(str(refusal)), origin)
            return
        except (TypeError, LookupError, AttributeError, ArithmeticError) as error:
            # A record of a shape its author did not think of concerns that record, not the run.
            sentence = f"The transform fails on this record ({type(error).__name__}: {error})."
            rule = f"The transform fails on it ({type(error).__name__})."
            self._receiver.take_reject(label, RowRejected(sentence, rule=rule), origin)
            return
        for row_kind, row in rows:
            if row_kind == "event":
                self._take_event(row, origin)
            else:
                self._take_profile(row, origin)

    def _warn(self, warnings: list[str]) -> None:
        for warning in warnings:
            if not self._warnings[warning]:
                logger.warning("For the first time in this run, %s.", warning)
            self._warnings[warning] += 1

    def _ignore(self, stream: str) -> None:
        if stream not in self._ignored:
            self._ignored.add(stream)
            logger.info(
                "Stream %s is ignored: it is neither among event_streams or profile_streams nor "
                "known to a transform.",
                stream,
            )
