"""The Singer target: the one module that knows the SDK, and the command `target-klaviyo`."""

from __future__ import annotations

import copy
import json
import os
import sys
from collections import Counter
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Target
from singer_sdk.exceptions import (
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
    SingerSDKError,
)
from singer_sdk.io_base import GenericSingerReader

from target_klaviyo import messages, settings
from target_klaviyo.audit.mode import audit_consumer
from target_klaviyo.client import Client
from target_klaviyo.errors import (
    AuditDiffers,
    InputError,
    RunInterrupted,
    SettingsError,
    TargetError,
)
from target_klaviyo.intake import Intake
from target_klaviyo.rejects import RejectsFile
from target_klaviyo.rows import Origin, RowReader
from target_klaviyo.tally import Tally
from target_klaviyo.transforms import load_transform
from target_klaviyo.writer import Writer, WriterOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from singer_sdk.mapper import StreamMap
    from singer_sdk.plugin_base import _ConfigInput

    from target_klaviyo.consumer import RowConsumer
    from target_klaviyo.transforms import Transform

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override


class RecordBeforeSchemaError(InputError, RecordsWithoutSchemaException):
    """A RECORD whose stream has had no SCHEMA."""


class KeyMissingError(InputError, MissingKeyPropertiesError):
    """A RECORD without one of its key properties."""


class BytesReader(GenericSingerReader[bytes]):
    """Reads messages from bytes; `line` is the one being processed.

    The target sets `pump`, which works while the input is slow and waits while Klaviyo is.
    """

    pump: Callable[[int | None], None]
    refuse_deep: Callable[[str], None]

    def __init__(self) -> None:
        super().__init__()
        self.line = b""
        self.line_number = 0

    @property
    @override
    def default_input(self) -> IO[bytes]:
        return sys.stdin.buffer

    @override
    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        return messages.parse(line, self.line_number)

    @override
    def process_lines(
        self,
        file_input: IO[bytes] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        source = file_input or self.default_input
        for line in messages.lines(source, self._wait):
            self.line = line
            self.line_number += 1
            try:
                message = messages.parse(line, self.line_number)
            except messages.TooDeep as too_deep:
                self.refuse_deep(too_deep.stream)
                continue
            callback = callbacks.get(message["type"])
            if callback is None:
                raise InputError(
                    f"Line {self.line_number} of the input is a message of the unknown type "
                    f"{message['type'][:50]!r}; check the tap."
                )
            callback(message)
            counts[message["type"]] += 1
        return counts

    def _wait(self, descriptor: int | None) -> None:
        """Whatever `pump` is by now: it changes once the run has begun."""
        self.pump(descriptor)


class TargetKlaviyo(Target):
    """Singer target for Klaviyo: events and profiles, in bulk, with certainty per row."""

    name = "target-klaviyo"
    package_name = "target-klaviyo"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.json_schema()
    message_reader_class = BytesReader
    message_reader: BytesReader

    _settings: settings.Settings

    @override
    def __init__(self, **kwargs: Any) -> None:
        self._consumer: RowConsumer | None = None
        self._tally = Tally(max_reject_percent=100)
        super().__init__(**kwargs)
        self._transform = self._load_transform()
        self._schemas: dict[str, bytes] = {}
        self._key_properties: dict[str, Sequence[str]] = {}
        self._maps_streams = bool(
            self.config.get("stream_maps") or self.config.get("flattening_enabled")
        )
        self.message_reader.pump = self._begin
        self.message_reader.refuse_deep = self._refuse_deep

    # Settings.

    @classmethod
    def _builtin_settings(cls) -> set[str]:
        """Names of the settings that the SDK adds."""
        schema: dict[str, Any] = {"properties": {}}
        cls.append_builtin_config(schema)
        return set(schema["properties"])

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Our own sentences come before the SDK's, which quote JSON Schema."""
        settings.check_names(self._config, self._builtin_settings())
        self._settings = settings.read_settings(self._config)
        for setting in settings.SETTINGS:
            value = self._config.pop(setting.name, None)
            if value is not None and value != "":
                self._config[setting.name] = setting.read(value)
        return super()._validate_config(raise_errors=raise_errors)

    def _load_transform(self) -> Transform | None:
        given = self._settings
        if given.transform is None:
            return None
        return load_transform(given.transform, given.transform_config)

    # The run.

    def _begin(self, source: int | None) -> None:
        """The first `pump`: the run begins now, and its input is known."""
        given = self._settings
        self._reader = RowReader(now=datetime.now(timezone.utc), live_window=given.live_window)
        self._tally = Tally(max_reject_percent=given.max_reject_percent)
        if given.mode == "write":
            self._consumer = self._writer(RejectsFile(given.rejects_path, source), self._tally)
            self.logger.info(
                "Events before %s (live_window_days) are history: recorded without triggering "
                "flows.",
                self._reader.live_from.isoformat(timespec="seconds"),
            )
        else:
            self._consumer = audit_consumer(
                given,
                client=self._client(),
                intake_for=self._intake_for,
                make_writer=self._repair_writer,
            )
        self._intake = Intake(given, self._transform, self._reader, self._consumer, self._tally)
        self.message_reader.pump = self._consumer.pump
        self._consumer.pump(source)

    def _client(self) -> Client:
        given = self._settings
        return Client(
            api_url=given.api_url,
            api_key=given.api_key,
            revision=given.revision,
            timeout=given.request_timeout,
        )

    def _writer(self, rejects: RejectsFile, tally: Tally) -> Writer:
        given = self._settings
        return Writer(
            client=self._client(),
            options=WriterOptions(
                concurrency=given.concurrency,
                list_id=given.list_id,
                clear_one_by_one=given.clear_with == "single",
                rejects_path=given.rejects_path,
                batch_size_rows=self.config.get("batch_size_rows"),
            ),
            rejects=rejects,
            tally=tally,
            print_state=_print_state,
        )

    def _repair_writer(self) -> Writer:
        """A writer for what an audit found missing; it never gets a STATE to print."""
        tally = Tally(max_reject_percent=self._settings.max_reject_percent)
        return self._writer(RejectsFile(self._settings.rejects_path), tally)

    def _intake_for(self, consumer: RowConsumer) -> Callable[[str, object, Origin], None]:
        """Another way for records to become rows: those that an earlier run rejected."""
        transform = self._load_transform()
        return Intake(self._settings, transform, self._reader, consumer, Tally(100)).take

    @override
    def process_endofpipe(self) -> None:
        if self._consumer is None:
            return
        if self._settings.mode == "write":
            self._consumer.finish(all_taken=self._intake.all_taken)
            self.log_summary()
        else:
            self.log_summary()  # an audit's verdict comes last
            self._consumer.finish(all_taken=self._intake.all_taken)

    def stop(self, reason: BaseException) -> None:
        """End a run before its time: finish or hear what is under way, print what it covers."""
        if self._consumer is None:
            return
        if isinstance(reason, RunInterrupted):
            self.logger.warning("Stopping on a signal: finishing what is under way.")
            try:
                self._consumer.wind_down()
            except TargetError as error:
                self.logger.error("%s", error)  # noqa: TRY400  (a sentence, not a fault)
        else:
            self._consumer.abandon()
        if not isinstance(reason, AuditDiffers):
            self.log_summary()

    def log_summary(self) -> None:
        """Say what the run has done."""
        transform_says = self._transform.summary() if self._transform is not None else []
        wrote = self._settings.mode == "write"
        lines = self._tally.lines(str(self._settings.rejects_path)) if wrote else []
        for line in (*lines, *transform_says):
            self.logger.info("%s", line)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Only note the signal: whatever is half done now must be finished first.

        The SDK's own handler drains its sinks from within the handler, which loses rows when the
        signal falls into a drain.
        """
        if self._consumer is None:
            raise RunInterrupted(signum)
        self._consumer.interrupt(signum)

    # Messages.

    @override
    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        line_number = self.message_reader.line_number
        stream = messages.require(message_dict, "stream", str, line_number)
        schema = messages.require(message_dict, "schema", dict, line_number)
        if not isinstance(schema.get("properties"), dict):
            raise InputError(
                f"The SCHEMA message on line {line_number} of the input has no properties; check "
                "the tap."
            )
        self._schemas[stream] = self.message_reader.line
        keys = message_dict.get("key_properties") or []
        self._key_properties[stream] = keys
        if self._maps_streams:
            self.mapper.register_raw_stream_schema(stream, schema, keys)

    @override
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        line_number = self.message_reader.line_number
        stream = messages.require(message_dict, "stream", str, line_number)
        record = messages.require(message_dict, "record", object, line_number)
        schema = self._schemas.get(stream)
        if schema is None:
            raise RecordBeforeSchemaError(
                f"The RECORD on line {line_number} of the input belongs to stream {stream}, which "
                "has had no SCHEMA yet; check the tap."
            )
        origin = Origin(stream, self.message_reader.line, schema)
        if self._maps_streams:
            self._take_mapped(stream, record, origin)
            return
        if not self._intake.knows(stream):
            self._require_keys(stream, record)
        self._intake.take(stream, record, origin)

    def _take_mapped(self, stream: str, record: Any, origin: Origin) -> None:
        """Through the SDK's stream maps and flattening, when those are configured."""
        stream_map: StreamMap
        for stream_map in self.mapper.stream_maps[stream]:
            alias = stream_map.stream_alias
            try:
                mapped = stream_map.transform(copy.copy(record))
            except (SingerSDKError, ValueError, TypeError, LookupError, AttributeError) as fault:
                reason = f"The stream map fails on this record ({type(fault).__name__}: {fault})."
                self._intake.refuse(alias, reason, origin)
                continue
            if mapped is not None:
                self._intake.take(alias, mapped, origin)

    def _require_keys(self, stream: str, record: Any) -> None:
        """Rows of ours are judged one by one; elsewhere a missing key means a broken tap."""
        for name in self._key_properties[stream]:
            if not isinstance(record, dict) or name not in record:
                raise KeyMissingError(
                    f"The RECORD on line {self.message_reader.line_number} of the input lacks its "
                    f"key property {name}; check the tap."
                )

    def _refuse_deep(self, stream: str) -> None:
        reader = self.message_reader
        origin = Origin(stream, reader.line, self._schemas.get(stream, b""))
        self._intake.refuse(stream, "The record is nested too deeply to be read.", origin)

    @override
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        if "value" not in message_dict:
            raise InputError(
                f"The STATE message on line {self.message_reader.line_number} of the input has no "
                "value; check the tap."
            )
        if self._consumer is not None:
            self._consumer.state(message_dict["value"])

    @override
    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Klaviyo keeps what it has; there are no versions to activate."""

    @override
    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        raise InputError(
            f"Line {self.message_reader.line_number} of the input is a BATCH message, which "
            "target-klaviyo does not read; remove batch_config from the tap's settings."
        )

    # The command.

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        files = " or ".join(name for name in value if name != "ENV")
        try:
            return super().cb_config(ctx, param, value)
        except OSError as error:
            raise SettingsError(
                f"The settings file {files} cannot be read ({error.strerror or 'not found'}); "
                "check what follows --config."
            ) from error
        except (ValueError, TypeError) as error:
            raise SettingsError(f"The settings file {files} is not a JSON object.") from error

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # the SDK narrows its own base in the same way
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
    ) -> None:
        given = config.config if config is not None else {}
        parse_env = config is not None and config.parse_env
        if parse_env:
            settings.check_environment(os.environ)
        if about:
            settings.check_names(given, cls._builtin_settings())
            settings.read_settings({"api_key": "not-needed", **given})
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        try:
            target = cls(config=given, parse_env_config=parse_env)
        except ValueError as error:
            raise SettingsError(f"A TARGET_KLAVIYO_ variable cannot be read: {error}.") from error
        try:
            target.listen(file_input)
        except (Exception, RunInterrupted) as reason:
            target.stop(reason)
            raise


def _print_state(value: Any) -> None:
    try:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer must not fail once more when the interpreter shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise TargetError(
            f"STATE cannot be handed on, since nobody reads it any more ({error.strerror})."
        ) from error


def main() -> None:
    """Run the command; every failure that is not a bug ends with one sentence on stderr."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments; returns the exit code."""
    try:
        TargetKlaviyo.cli.main(list(arguments), prog_name="target-klaviyo", standalone_mode=False)
    except RunInterrupted as interruption:
        return interruption.exit_code
    except click.ClickException as error:
        return _fail(error.format_message())
    except (TargetError, SingerSDKError) as error:
        return _fail(str(error))
    return 0


def _fail(sentence: str) -> int:
    sys.stderr.write(" ".join(sentence.split()) + "\n")
    sys.stderr.flush()
    return 1
