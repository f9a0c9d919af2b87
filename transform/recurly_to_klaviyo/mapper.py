"""The standalone Singer mapper: Recurly streams in, `events`, `profiles` and `rejects` out.

The same rows that target-klaviyo's `transform: recurly` sends, for any other target:
`meltano run tap-recurly recurly-to-klaviyo target-jsonl`.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import click
from singer_sdk import typing as th
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.mapper_base import InlineMapper
from singer_sdk.singerlib import RecordMessage, SchemaMessage

from recurly_to_klaviyo.config import from_environment, json_schema
from recurly_to_klaviyo.errors import ConfigurationError, MapperError, OutputError
from recurly_to_klaviyo.messages import LineReader, LineWriter, abandon_output
from recurly_to_klaviyo.redaction import text_without_secrets, without_secrets
from recurly_to_klaviyo.transform import Transform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput
    from singer_sdk.singerlib import Message

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

STREAMS = {"event": "events", "profile": "profiles"}
REJECTS = "rejects"
SIGNAL_EXIT_CODE = 128

_ANY_OBJECT = th.ObjectType(additional_properties=True)
_IDENTIFIERS = (th.Property("email", th.StringType), th.Property("external_id", th.StringType))
SCHEMAS = {
    "events": th.PropertiesList(
        th.Property("metric", th.StringType, required=True),
        th.Property("unique_id", th.StringType, required=True),
        th.Property("time", th.DateTimeType, required=True),
        th.Property("earliest_time", th.DateTimeType),
        th.Property("latest_time", th.DateTimeType),
        th.Property("was_true", th.BooleanType),
        th.Property("value", th.NumberType),
        th.Property("value_currency", th.StringType),
        th.Property("profile", th.ObjectType(*_IDENTIFIERS), required=True),
        th.Property("known_as", th.StringType),
        th.Property("properties", _ANY_OBJECT, required=True),
    ).to_dict(),
    "profiles": th.PropertiesList(
        *_IDENTIFIERS,
        th.Property("also_known_as", th.ArrayType(th.StringType)),
        th.Property("first_name", th.StringType),
        th.Property("last_name", th.StringType),
        th.Property("organization", th.StringType),
        th.Property("locale", th.StringType),
        th.Property("properties", _ANY_OBJECT, required=True),
    ).to_dict(),
    REJECTS: th.PropertiesList(
        th.Property("stream", th.StringType, required=True),
        th.Property("reason", th.StringType, required=True),
        th.Property("record", _ANY_OBJECT, required=True),
        th.Property("key_properties", th.ArrayType(th.StringType)),
    ).to_dict(),
}


class RecurlyToKlaviyo(InlineMapper):
    """Maps Recurly's invoices, transactions and account snapshots to Klaviyo rows.

    A record that cannot become a row goes to the stream `rejects` with the reason, so that
    nothing is lost on the way.
    """

    name = "recurly-to-klaviyo"
    message_reader_class = LineReader
    message_writer_class = LineWriter
    message_reader: LineReader
    message_writer: LineWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._announced: set[str] = set()
        self._ignored: set[str] = set()
        self._raw_keys: dict[str, list[str]] = {}
        self.message_reader.refuse_unreadable = self._refuse_unreadable

    # Settings.

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805  (a property of the class)
        # The SDK would first read any .env file in the folders above, over what was passed.
        return from_environment(os.environ, cls._env_var_prefix)

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"The configuration cannot be read as a JSON object ({', '.join(value)}): "
                f"{str(error).rstrip('.')}."
            ) from None

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Let the transform judge its settings: its sentences say what would do instead."""
        try:
            self._transform = Transform(self.config)
        except ValueError as error:
            if raise_errors:
                raise ConfigurationError(str(error)) from None
            return [str(error)]
        return []

    # Messages.

    @override
    def map_schema_message(self, message_dict: dict[str, Any]) -> Iterator[Message]:
        """Announce the row streams once, before the first record; ignore unknown streams."""
        raw = self.message_reader.require(message_dict, "stream", str)
        self._raw_keys[raw] = message_dict.get("key_properties") or []
        if self._knows(raw):
            for stream in STREAMS.values():
                yield from self._announce(stream)

    @override
    def map_record_message(self, message_dict: dict[str, Any]) -> Iterator[Message]:
        """The record's rows in order, or a reject that says why there are none."""
        stream = self.message_reader.require(message_dict, "stream", str)
        record = self.message_reader.require(message_dict, "record", dict)
        if not self._knows(stream):
            return
        for target in STREAMS.values():
            yield from self._announce(target)
        try:
            rows = self._transform.rows(stream, record)
        except ValueError as error:
            yield from self._reject(stream, str(error), without_secrets(record))
            return
        for kind, row in rows:
            yield RecordMessage(STREAMS[kind], row)

    @override
    def map_state_message(self, message_dict: dict[str, Any]) -> Iterator[Message]:
        """States pass in their place among the rows, in the very bytes they came in."""
        self.message_reader.require(message_dict, "value", object)
        self.message_writer.write_line(self.message_reader.line.rstrip(b"\r\n") + b"\n")
        self.message_writer.flush()
        yield from ()

    @override
    def map_activate_version_message(self, message_dict: dict[str, Any]) -> Iterator[Message]:
        """Versions of raw tables mean nothing to events and profiles."""
        del message_dict
        yield from ()

    @override
    def map_batch_message(self, message_dict: dict[str, Any]) -> Iterator[Message]:
        raise self.message_reader.error(
            "is a BATCH message, which recurly-to-klaviyo does not read; remove batch_config from "
            "the tap's settings."
        )

    @override
    def process_endofpipe(self) -> None:
        """Log what is worth knowing about the whole run."""
        self.message_writer.flush()
        for sentence in self._transform.summary():
            self.logger.warning(sentence)
        super().process_endofpipe()

    def _announce(self, stream: str) -> Iterator[Message]:
        if stream not in self._announced:
            self._announced.add(stream)
            yield SchemaMessage(stream, SCHEMAS[stream], self._keys(stream))

    def _keys(self, stream: str) -> list[str]:
        """What tells the rows of a stream apart, so that a warehouse updates instead of appending.

        Without `link_accounts` a profile has an address or an id, and no column that always holds
        something.
        """
        if stream == "profiles":
            return ["external_id"] if self._transform.names_every_profile else []
        return ["unique_id"] if stream == "events" else []

    def _reject(self, stream: str, reason: str, record: dict[str, Any]) -> Iterator[Message]:
        yield from self._announce(REJECTS)
        reject = {
            "stream": stream,
            "reason": reason,
            "record": record,
            "key_properties": self._raw_keys.get(stream, []),
        }
        yield RecordMessage(REJECTS, reject)

    def _refuse_unreadable(self, stream: str) -> None:
        """Keep a record that no parser takes as the text it came as."""
        if self._knows(stream):
            line = text_without_secrets(self.message_reader.line.decode("utf-8", "replace"))
            reason = "The record is nested too deeply to be read."
            self._write_messages(self._reject(stream, reason, {"message": line.strip()}))

    def _knows(self, stream: str) -> bool:
        if stream in self._transform.streams:
            return True
        if stream not in self._ignored:
            self._ignored.add(stream)
            self.logger.info("Stream '%s' holds nothing for Klaviyo and is ignored.", stream)
        return False

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> NoReturn:
        """End at once, and not like a run that was done: the SDK would exit with 0."""
        del frame
        sys.exit(SIGNAL_EXIT_CODE + signum)


def main() -> NoReturn:
    """Run the mapper; whatever ends it early is one sentence and exit code 1."""
    if sys.stdout is None:
        sys.exit(_fail("Standard output is closed: pipe the mapper's output into a target."))
    try:
        code = RecurlyToKlaviyo.cli.main(standalone_mode=False)
    except MapperError as error:
        if isinstance(error, OutputError):
            abandon_output()
        code = _fail(str(error))
    except click.ClickException as error:
        code = _fail(f"{error.format_message().rstrip('.')}: see recurly-to-klaviyo --help.")
    except SingerSDKError as error:
        code = _fail(str(error))
    sys.exit(code)


def _fail(sentence: str) -> int:
    # It is to be the last line.
    logging.disable()
    click.echo(" ".join(sentence.split()), err=True)
    return 1
