"""From records to rows: which stream is what, through the transform, to the receiver."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_klaviyo.errors import NothingRecognised, RowRejected
from target_klaviyo.people.address_book import AddressBook
from target_klaviyo.rows.contract import REJECTED_BY_MAPPER, EventRow, Origin
from target_klaviyo.rows.values import serialise
from target_klaviyo.text import counted, enumeration

if TYPE_CHECKING:
    from target_klaviyo.config import Settings
    from target_klaviyo.rows.contract import RowKind, RowReceiver
    from target_klaviyo.rows.parser import RowParser
    from target_klaviyo.singer.transforms import Transform

logger = logging.getLogger("target-klaviyo")

MAPPER_REJECTS_STREAM = "rejects"
MAX_STREAMS_NAMED = 10


@dataclass
class InputStats:
    """Counts of one input.

    Attributes:
        recognised: a stream has been announced, or a record read, that means something here.
        ignored: records of streams that mean nothing here, by stream.
        warnings: by what they say of a row, in words that follow "3 times".
    """

    recognised: bool = False
    ignored: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)

    @property
    def ignored_streams(self) -> str:
        """Their names, as many as anybody wants to read."""
        names = sorted(self.ignored)
        more = len(names) - MAX_STREAMS_NAMED
        if more > 0:
            names[MAX_STREAMS_NAMED:] = [f"{more:,} more"]
        return enumeration(names)

    def check(self) -> None:
        """Raise NothingRecognised when there were records and not one stream that is known."""
        if self.ignored and not self.recognised:
            raise NothingRecognised(
                f"Not one of {counted(self.ignored.total(), 'record')} was recognised, of the "
                f"streams {self.ignored_streams}: name those that hold rows in 'event_streams' or "
                "'profile_streams', make rows of them by 'stream_maps', or set 'transform'."
            )


class RecordRouter:
    """Turns records into checked rows."""

    def __init__(
        self,
        settings: Settings,
        transform: Transform | None,
        parser: RowParser,
        receiver: RowReceiver,
        stats: InputStats,
    ) -> None:
        self._event_streams = settings.event_streams
        self._profile_streams = settings.profile_streams
        self._transform = transform
        self._raw_streams = transform.streams if transform is not None else frozenset()
        self._parser = parser
        self._receiver = receiver
        self._stats = stats
        self._address_book = AddressBook()

    def announce(self, stream: str) -> None:
        """A stream's SCHEMA has come: that it is known shows that the settings fit the input."""
        self._stats.recognised |= self._label(stream) is not None

    def route(self, stream: str, record: object, origin: Origin) -> bool:
        """Take a record; False when its stream is neither rows nor the transform's."""
        if stream in self._event_streams:
            self._take_row("event", record, origin)
        elif stream in self._profile_streams:
            self._take_row("profile", record, origin)
        elif self._transform is not None and stream in self._raw_streams:
            self._take_raw(self._transform, stream, record, origin)
        elif stream != MAPPER_REJECTS_STREAM or not self._take_mapper_reject(record, origin):
            self._stats.ignored[stream] += 1
            return False
        self._stats.recognised = True
        return True

    def reject_unreadable(self, stream: str, rejection: RowRejected, origin: Origin) -> bool:
        """Reject a record that could not even be read; False when its stream means nothing here."""
        label = self._label(stream)
        if label is None:
            self._stats.ignored[stream] += 1
            return False
        self._stats.recognised = True
        self._receiver.count_read(label)
        self._receiver.take_reject(label, rejection, origin)
        return True

    def _label(self, stream: str) -> str | None:
        if stream in self._event_streams:
            return "events"
        if stream in self._profile_streams:
            return "profiles"
        return f"records of {stream}" if stream in self._raw_streams else None

    def _take_row(self, kind: RowKind, row: object, origin: Origin) -> None:
        label = f"{kind}s"
        self._receiver.count_read(label)
        parse = self._parser.parse_event if kind == "event" else self._parser.parse_profile
        try:
            parsed = parse(row, origin)
        except RowRejected as rejection:
            self._receiver.take_reject(label, rejection, origin)
            return
        for warning in parsed.warnings:
            if not self._stats.warnings[warning]:
                logger.warning("For the first time in this run, %s.", warning)
            self._stats.warnings[warning] += 1
        if isinstance(parsed, EventRow):
            self._receiver.take_event(self._address_book.addressed(parsed))
        else:
            self._address_book.note(parsed)
            self._receiver.take_profile(parsed)

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
        for kind, row in rows:
            self._take_row(kind, row, origin)

    def _take_mapper_reject(self, record: object, origin: Origin) -> bool:
        """Put what a mapper has rejected among the rejects; False when it is no such thing.

        A mapper before the target tells of it as {stream, record, reason} and, where it knows them,
        `key_properties`. As the raw record it can be replayed, through a transform, once the cause
        is mended.
        """
        told = record if isinstance(record, dict) else {}
        stream, raw, reason = (told.get(name) for name in ("stream", "record", "reason"))
        if not isinstance(stream, str) or not isinstance(raw, dict) or not isinstance(reason, str):
            return False
        self._receiver.count_read(REJECTED_BY_MAPPER)
        message = {"type": "RECORD", "stream": stream, "record": raw}
        schema: dict[str, Any] = {
            "type": "SCHEMA",
            "stream": stream,
            "schema": {"properties": {}},
            "key_properties": told.get("key_properties") or [],
        }
        try:
            raw_origin = Origin(stream, serialise(message), serialise(schema))
        except RowRejected as unreadable:
            self._receiver.take_reject(REJECTED_BY_MAPPER, unreadable, origin)
            return True
        self._receiver.take_reject(REJECTED_BY_MAPPER, RowRejected(reason), raw_origin)
        origin.rejected = True
        return True
