"""What all streams share: schema, bookmark, and a short way from record to RECORD line.

The SDK's own way costs a record some 300 microseconds, most of it for conforming types that come
from a typed API. Selection, stream maps and flattening work as everywhere in the SDK.
"""

from __future__ import annotations

import logging
import sqlite3
import tempfile
import time
from abc import abstractmethod
from contextlib import closing
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import msgspec
import orjson
from singer_sdk import Stream
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers._util import utc_now
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import CustomStreamMap, SameRecordTransform
from singer_sdk.singerlib import RecordMessage
from typing_extensions import override

from tap_recurly.config import with_defaults
from tap_recurly.errors import (
    ConfigurationError,
    ForbiddenError,
    IncompleteListError,
    MissingFeatureError,
    NotFoundError,
    OutputClosedError,
    StorageError,
    TapRecurlyError,
    UnexpectedDataError,
)
from tap_recurly.http.pages import Row
from tap_recurly.http.queries import ASCENDING, PAGE_SIZE
from tap_recurly.progress import Progress
from tap_recurly.reading.lists import IncrementalList
from tap_recurly.redaction import SECRET_FIELDS, redact
from tap_recurly.schema import SCALARS, resource_schema, without_in_arrays
from tap_recurly.stream_maps import place
from tap_recurly.streams.fields import ADDITIONAL, FieldFilter, withhold
from tap_recurly.streams.writer import LineWriter, RecordLine
from tap_recurly.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator, Mapping
    from datetime import datetime

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib import MetadataMapping

    from tap_recurly.reading.lists import BoundedList
    from tap_recurly.reading.parallel import Window
    from tap_recurly.site import Site

Item = TypeVar("Item")

UNEXPECTED_DATA = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
"""What reading a record raises when a part of it is of another kind than Recurly says."""

STATE_INTERVAL_SECONDS = 1.0
"""Meltano spends some milliseconds on storing each STATE."""


class RecurlyStream(Stream):
    """A list of the site; `resource` is its class in Recurly's official client.

    `params` are those query parameters that Recurly declares for the list, and no other: an
    undeclared one is answered with 400. `reading` says in words how it is read,
    `vanishes` whether a row that is deleted at Recurly is simply listed no more. `total` is how
    many records this run reads, None as long as nobody knows.
    """

    name: str
    path: ClassVar[str]
    resource: ClassVar[str]
    params: ClassVar[Mapping[str, str]] = ASCENDING
    reading: ClassVar[str]
    vanishes: ClassVar[bool] = False
    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    replication_key: str | None = "updated_at"
    total: int | None = None

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: Tap, site: Site) -> None:
        choices = with_defaults(tap.config)
        self._withheld = SECRET_FIELDS - {*choices["secret_fields"]}
        self._undeclared = choices["undeclared_fields"]
        schema = without_in_arrays(self.record_schema(), self._withheld)
        if self._undeclared == ADDITIONAL:
            schema["properties"][ADDITIONAL] = SCALARS[dict]
        super().__init__(tap, schema=schema)
        self._site = site
        self._writer = cast("LineWriter", tap.message_writer)
        self._state_written = 0.0

    @classmethod
    def record_schema(cls) -> dict[str, Any]:
        """JSON Schema of the stream's records."""
        return resource_schema(cls.resource, keys=cls.primary_keys)

    @abstractmethod
    @override
    def get_records(self, context: Context | None = None) -> Generator[Any, None, None]:
        """Read the list, moving the bookmark by `checkpoint` whenever all before it is out."""

    def size(self) -> int | None:
        """How many records there are to read, from one HEAD request; None when that cannot be told.

        Raises:
            RequestError: If the stream cannot be read on this site with this key.
        """
        return self._site.client.count(self.path, self.params).row_count

    def enrich(self, rows: Iterator[Row]) -> Iterator[Row | Record]:
        """The rows as records: as they came, or with what their list does not tell."""
        return rows

    @property
    @override
    def metadata(self) -> MetadataMapping:
        if self._metadata is None:
            withhold(super().metadata, self._withheld)
        return super().metadata

    @property
    def is_incremental(self) -> bool:
        """Whether to begin at the bookmark; a catalog may force reading everything."""
        return self.replication_method == "INCREMENTAL"

    @property
    def bookmark(self) -> datetime | None:
        """Up to where the last run read, None before the first."""
        value = self.stream_state.get("replication_key_value") if self.is_incremental else None
        return parse_time(value) if value else None

    def sweep_due(self, now: datetime) -> bool:
        """Whether it is time to read also what has not changed, as far as Recurly's times tell."""
        interval = self._site.settings.account_sweep
        last = self.stream_state.get("last_sweep")
        return interval is not None and (last is None or now - parse_time(last) >= interval)

    def incremental_list(self, path: str, connections: int | None = None) -> IncrementalList:
        """A list of the site, to be read up to a frozen moment, on all connections or on some."""
        connections = connections or self._site.settings.concurrency
        return IncrementalList(self._site.client, path, connections)

    def frozen_window(self, bounded: BoundedList) -> Window | None:
        """What this run has to read of a list; None, and said so, when that is nothing."""
        settings = self._site.settings
        frozen = bounded.freeze_since(self.bookmark, settings.start_date, settings.lookback)
        if frozen is None:
            self.logger.info("Nothing to read: 'start_date' lies in the future.")
        return frozen

    def checkpoint(self, moment: datetime, *, extra: Mapping[str, Any] | None = None) -> None:
        """Set the bookmark; the STATE goes out at most once a second."""
        if not self.is_incremental:
            return
        self.stream_state.update(
            {
                "replication_key": self.replication_key,
                "replication_key_value": format_time(moment),
                **(extra or {}),
            }
        )
        self.state_manager.is_flushed = False
        if self.state_is_due:
            self._write_state_message()
            self._state_written = time.monotonic()

    def _rewind(self, began: datetime | None, complete_until: datetime | None) -> None:
        """Take the bookmark back to before what is missing, at most to where this run began."""
        reached = self.bookmark
        before = max(filter(None, (began, complete_until)), default=None)
        if reached is not None and before is None:
            self.stream_state.pop("replication_key_value")
            self.state_manager.is_flushed = False
        elif reached is not None and before is not None and before < reached:
            self.checkpoint(before)

    def checkpoint_amid(self) -> None:
        """Move the bookmark to where the rows have come, if that can be told; here it cannot."""

    @property
    def state_is_due(self) -> bool:
        """Whether it is time for the next STATE."""
        return time.monotonic() - self._state_written >= STATE_INTERVAL_SECONDS

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Any, None, None]:
        """Write every record; without the SDK's own bookkeeping of bookmarks by record.

        What fails the stream, a signal included, still leaves a STATE to go on from.
        """
        count = 0
        records = self.watched(self._readable_records(context), "records", lambda: self.total)
        try:
            with self.get_record_counter() as counter, self.get_sync_timer():
                for count, record in enumerate(records, 1):
                    self._check_max_record_limit(current_record_index=count - 1)
                    if write_messages:
                        self._write(record)
                    counter.increment()
                    yield record
        except (OutputClosedError, StorageError):
            raise
        except TapRecurlyError:
            if write_messages:
                self.checkpoint_amid()
                self._write_state()
            raise
        self._site.read[self.name] = count
        if write_messages:
            self._write_state()

    @override
    def log(self, message: str, *args: Any, level: int = logging.DEBUG, **kwargs: Any) -> None:
        """Log what the SDK remarks on its own doings, which is for whoever looks for a fault.

        That a stream failed is one of these remarks: the run's last sentence says why.
        """
        super().log(message, *args, level=min(level, logging.DEBUG), **kwargs)

    def watched(
        self, rows: Iterator[Item], what: str, total: Callable[[], int | None]
    ) -> Iterator[Item]:
        """The rows, while the log tells every few seconds how many of them have come."""
        pace = self._site.client.limiter.request_rate
        progress = Progress(f"{self.name}: {what}", pace, time.monotonic())
        for number, row in enumerate(rows, 1):
            if sentence := progress.report(time.monotonic(), number, total()):
                self.logger.info("%s", sentence)
            yield row

    def _write_state(self) -> None:
        """Write the STATE if it has changed, and what was written before it in any case."""
        self._write_state_message()
        self._writer.flush()

    def _write(self, record: Row | Record) -> None:
        """Write a record; the SDK's way where a stream map has a word in it."""
        if self._line is not None:
            line = record.line if isinstance(record, Row) else orjson.dumps(record)
            self._writer.write_line(self._line.of(self._fields.line(line), time.time()))
            self.state_manager.is_flushed = False
        else:
            self._write_record_message(record.record if isinstance(record, Row) else record)

    @cached_property
    def _line(self) -> RecordLine | None:
        """What stands around a record that is JSON already; None when a stream map wants more."""
        plain = len(self.stream_maps) == 1 and type(self.stream_maps[0]) is SameRecordTransform
        if not plain or self.stream_maps[0].flattening_enabled:
            return None
        return RecordLine(self.stream_maps[0].stream_alias, self._stream_version)

    @cached_property
    def _fields(self) -> FieldFilter:
        """Which fields are written."""
        declared = None if self._undeclared == "keep" else self.effective_schema["properties"]
        return FieldFilter(self.mask, declared, self._withheld, self._tell_undeclared)

    def _tell_undeclared(self, names: Collection[str]) -> None:
        listed = redact(", ".join(sorted(names)))
        if ADDITIONAL in self.effective_schema["properties"]:
            self.logger.info(
                "Fields that the schema does not know are in 'additional': %s.", listed
            )
        else:
            self.logger.warning(
                "Fields that the schema does not know are left out: %s; the setting "
                "'undeclared_fields' can have them written.",
                listed,
            )

    def _readable_records(self, context: Context | None) -> Iterator[Any]:
        """The records, as far as this key may read them on this site.

        A list that is not there for this site or this key does not hold up the other streams.
        """
        began = self.bookmark
        try:
            with closing(self._sample() if self._is_sample else self.get_records(context)) as rows:
                yield from rows
        except MissingFeatureError as fault:
            self.logger.warning("%s", fault)
        except (ForbiddenError, NotFoundError) as fault:
            if self._is_sample:
                raise
            self._site.unread[self.name] = fault
        except IncompleteListError as fault:
            self._rewind(began, fault.complete_until)
            self._site.unread[self.name] = fault
        except (OSError, sqlite3.OperationalError) as fault:
            folder = f"The temporary folder {tempfile.gettempdir()}"
            advice = "make room there or let TMPDIR name another folder"
            raise StorageError(folder, fault, advice) from fault
        except UNEXPECTED_DATA as fault:
            self.logger.debug("Unexpected data.", exc_info=True)
            odd = UnexpectedDataError(
                f"The stream '{self.name}' met data that is not as Recurly describes it "
                f"({redact(str(fault)).rstrip('.') or type(fault).__name__}): deselect the "
                f"stream, and tell the maintainers of tap-recurly."
            )
            if self._is_sample:
                raise odd from fault
            self._site.unread[self.name] = odd

    def wants(self, *path: str) -> bool:
        """Whether a property is selected, given the names of those it stands in and its own."""
        return self.mask[tuple(chain.from_iterable(("properties", name) for name in path))]

    @property
    def _is_sample(self) -> bool:
        return self.ABORT_AT_RECORD_COUNT is not None

    def _sample(self) -> Generator[Any, None, None]:
        """The first rows only, for `--test`; no bookmark is moved."""
        limit = {"limit": str(min((self.ABORT_AT_RECORD_COUNT or 0) + 1, PAGE_SIZE))}
        params = {**self.params, **(limit if "limit" in self.params else {})}
        page = next(self._site.client.pages(self.path, params))
        yield from self.enrich(page.rows())

    @override
    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage, None, None]:
        record = self._fields.record(record)
        for stream_map in self.stream_maps:
            mapped = self._mapped(stream_map, record)
            if mapped is not None:
                yield RecordMessage(
                    stream=stream_map.stream_alias,
                    record=mapped,
                    version=self._stream_version,
                    time_extracted=utc_now(),
                )

    def _mapped(self, stream_map: StreamMap, record: Record) -> Record | None:
        """A record as a stream map wants it; None when it filters the record out."""
        try:
            return stream_map.transform(record)
        except Exception as fault:
            # Expressions are the user's own code, which can fail in any way.
            if not isinstance(stream_map, CustomStreamMap):
                raise
            expression = stream_map.expr_evaluator.expr
            where = place(self.config["stream_maps"], self.name, expression)
            # Python's own words may quote the record, which is not to be shown.
            quotable = isinstance(fault, MappingError) and fault.__cause__
            reason = str(quotable or type(fault).__name__).rstrip(".")
            raise ConfigurationError(
                f"The setting 'stream_maps' fails on a record at {where} ({expression}: {reason}): "
                f"correct the expression; any field of a record may be null or missing."
            ) from fault

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Need none: no bookmark lies beyond the frozen upper bound."""
