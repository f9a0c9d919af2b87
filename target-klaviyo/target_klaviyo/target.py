"""The Singer target: messages in, records to the run; the module that knows the SDK."""

from __future__ import annotations

import copy
import os
import sys
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Target
from singer_sdk.exceptions import (
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
    SingerSDKError,
)
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities

from target_klaviyo.audit.zones import check_period
from target_klaviyo.check import check as try_settings
from target_klaviyo.config import (
    STARTED_BY_MELTANO,
    Settings,
    check_environment,
    check_names,
    from_environment,
    leave_out_idle,
    read_settings,
)
from target_klaviyo.errors import (
    InputError,
    RowRejected,
    RunInterrupted,
    SettingsError,
)
from target_klaviyo.rows.contract import Origin
from target_klaviyo.run import Run
from target_klaviyo.samples import send_samples
from target_klaviyo.settings import DECLARED, WITHOUT_EFFECT, coerced, json_schema
from target_klaviyo.singer import stream_maps
from target_klaviyo.singer.reader import MessageReader, member, require
from target_klaviyo.singer.transforms import configured_transform

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.mapper import StreamMap
    from singer_sdk.plugin_base import _ConfigInput


if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

_MAP_ERRORS = (
    SingerSDKError,
    NotImplementedError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
)
"""What a mistake in the setting `stream_maps` can raise: its expressions are the user's own."""


class RecordBeforeSchemaError(InputError, RecordsWithoutSchemaException):
    """A RECORD whose stream has had no SCHEMA."""


class KeyMissingError(InputError, MissingKeyPropertiesError):
    """A RECORD without one of its key properties."""


class TargetKlaviyo(Target):
    """Singer target for Klaviyo: events and profiles, in bulk, with certainty per row."""

    name = "target-klaviyo"
    package_name = "target-klaviyo"
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema()
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    message_reader_class = MessageReader
    message_reader: MessageReader

    _settings: Settings

    @override
    def __init__(self, **kwargs: Any) -> None:
        self._run: Run | None = None
        super().__init__(**kwargs)
        self._transform = configured_transform(self._settings)
        self._schemas: dict[str, bytes] = {}
        self._key_properties: dict[str, Sequence[str]] = {}
        self.message_reader.listener = self

    # Settings.

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        super().append_builtin_config(config_jsonschema)
        for name in WITHOUT_EFFECT:
            config_jsonschema["properties"].pop(name, None)

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805  (a property of the class)
        """The settings that variables give.

        The SDK would first read any .env file in the folders above its own, over what was passed.
        """
        cls.append_builtin_config(cls.config_jsonschema)
        return from_environment(os.environ, cls.config_jsonschema)

    @classmethod
    def _builtin_settings(cls) -> set[str]:
        """Names of the settings that the SDK adds, as far as they work here."""
        schema: dict[str, Any] = {"properties": {}}
        cls.append_builtin_config(schema)
        return set(schema["properties"])

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Our own sentences come before the SDK's, which quote JSON Schema."""
        check_names(self._config, self._builtin_settings())
        leave_out_idle(self._config)
        self._settings = read_settings(self._config)
        check_period(self._settings, today=datetime.now(timezone.utc).date())
        of_the_sdk = {name: it for name, it in self._config.items() if name not in DECLARED}
        # A copy, since the SDK takes `__else__` out of the stream maps when it reads them.
        self._config = copy.deepcopy(of_the_sdk) | coerced(self._config)
        self._maps_streams = bool(
            self._config.get("stream_maps") or self._config.get("flattening_enabled")
        )
        return super()._validate_config(raise_errors=raise_errors)

    # The run.

    def begin_run(self, source: int | None) -> None:
        """The input is known: the run begins now."""
        self._run = Run(self._settings, transform=self._transform, source=source)
        self._router = self._run.router
        self._consumer = self._run.consumer

    def poll(self, source: int | None) -> None:
        """Work while the input is slow, and wait while Klaviyo is."""
        self._consumer.poll(source)

    @override
    def process_endofpipe(self) -> None:
        if self._run is not None:
            self._run.finish()

    def stop(self, reason: BaseException) -> None:
        """End the run before its time, for this reason."""
        if self._run is not None:
            self._run.stop(reason)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Only note the signal: whatever is half done now must be finished first.

        The SDK's own handler drains its sinks from within the handler, which loses rows when the
        signal falls into a drain.
        """
        if self._run is None:
            raise RunInterrupted(signum)
        self._consumer.interrupt(signum)

    # Messages.

    @override
    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        line_number = self.message_reader.line_number
        stream = require(message_dict, "stream", str, line_number)
        schema = require(message_dict, "schema", dict, line_number)
        self._schemas[stream] = self.message_reader.line
        keys = message_dict.get("key_properties") or []
        self._key_properties[stream] = keys
        if self._maps_streams:
            try:
                properties = schema.get("properties")  # a schema may leave all open
                declared = {**schema, "properties": properties or {}}
                self.mapper.register_raw_stream_schema(stream, declared, keys)
            except _MAP_ERRORS as error:
                maps = self.config.get("stream_maps")
                raise stream_maps.unreadable_map(stream, maps, error) from error
            for stream_map in self.mapper.stream_maps[stream]:
                self._router.announce(stream_map.stream_alias)
        else:
            self._router.announce(stream)

    @override
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        line_number = self.message_reader.line_number
        stream = require(message_dict, "stream", str, line_number)
        record = require(message_dict, "record", object, line_number)
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
        if self._router.route(stream, record, origin):
            self._consumer.end_record(origin, record)
        else:
            self._require_keys(stream, record)

    def _take_mapped(self, stream: str, record: Any, origin: Origin) -> None:
        """Through the SDK's stream maps and flattening, when those are configured."""
        recognised = False
        stream_map: StreamMap
        for stream_map in self.mapper.stream_maps[stream]:
            alias = stream_map.stream_alias
            try:
                mapped = stream_map.transform(copy.copy(record))
            except _MAP_ERRORS as error:
                rejection = stream_maps.failure(stream, self.config.get("stream_maps"), error)
                recognised |= self._router.reject_unreadable(alias, rejection, origin)
                continue
            if mapped is not None:
                recognised |= self._router.route(alias, mapped, origin)
        if recognised:
            self._consumer.end_record(origin, record)

    def _require_keys(self, stream: str, record: Any) -> None:
        """Rows of ours are judged one by one; elsewhere a missing key means a broken tap."""
        for name in self._key_properties[stream]:
            if not isinstance(record, dict) or name not in record:
                raise KeyMissingError(
                    f"The RECORD on line {self.message_reader.line_number} of the input lacks its "
                    f"key property {name}; check the tap."
                )

    def reject_too_deep(self, stream: str) -> None:
        """Reject the RECORD on the line, which is nested too deeply to be read."""
        reader = self.message_reader
        origin = Origin(stream, reader.line, self._schemas.get(stream, b""))
        rejection = RowRejected("The record is nested too deeply to be read.")
        if self._router.reject_unreadable(stream, rejection, origin):
            self._consumer.end_record(origin, None)

    @override
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        if "value" not in message_dict:
            raise InputError(
                f"The STATE message on line {self.message_reader.line_number} of the input has no "
                "value; check the tap."
            )
        reader = self.message_reader
        self._consumer.take_state(member(reader.line, "value", reader.line_number))

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
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        command.params.append(
            click.Option(
                ["--check"],
                is_flag=True,
                help="Try key and settings on Klaviyo, write nothing, and say what was found.",
            )
        )
        command.params.append(
            click.Option(
                ["--samples"],
                is_flag=True,
                help="Send one sample of each metric of the transform to the profile of --email.",
            )
        )
        command.params.append(
            click.Option(["--email"], help="The address of your own that --samples go to.")
        )
        return command

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
        check: bool = False,
        samples: bool = False,
        email: str | None = None,
    ) -> None:
        given = config.config if config is not None else {}
        parse_env = config is not None and config.parse_env
        if parse_env or STARTED_BY_MELTANO in os.environ:
            cls.append_builtin_config(cls.config_jsonschema)
            check_environment(os.environ, cls.config_jsonschema)
        if about:
            check_names(given, cls._builtin_settings())
            read_settings({"api_key": "not-needed", **given})
            cls.print_about(about_format)
            return
        if not (check or samples):
            cls.print_version(print_fn=cls.logger.info)
        target = cls(config=given, parse_env_config=parse_env)
        now = datetime.now(timezone.utc)
        if check:
            click.echo(try_settings(target._settings, today=now.date()))
            return
        if samples:
            click.echo(send_samples(target._settings, target._transform, email, now=now))
            return
        try:
            target.listen(file_input)
        except (Exception, RunInterrupted) as reason:
            target.stop(reason)
            raise
