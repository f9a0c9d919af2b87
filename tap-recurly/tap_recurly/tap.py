"""tap-recurly: the plugin and its command line."""

from __future__ import annotations

import logging
import os
import sys
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

import click
from singer_sdk import Stream, Tap
from singer_sdk.exceptions import ConfigValidationError, MappingError
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers._util import read_json_file
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.plugin_base import _ConfigInput
from typing_extensions import override

from tap_recurly.catalog import read_catalog
from tap_recurly.check import check_site
from tap_recurly.config import (
    SETTINGS,
    check_config,
    with_defaults,
    without_absent,
)
from tap_recurly.environment import STARTED_BY_MELTANO, from_environment, refuse_misspelt
from tap_recurly.errors import (
    ConfigurationError,
    OutputClosedError,
    StoppedError,
    StorageError,
    TapRecurlyError,
)
from tap_recurly.logs import quiet_sdk
from tap_recurly.process import leave, leave_with_reader, limit_malloc_arenas
from tap_recurly.redaction import SECRET_FIELDS
from tap_recurly.site import Site
from tap_recurly.state import check_state, read_state
from tap_recurly.stream_maps import check_stream_maps
from tap_recurly.streams import STREAMS, RecurlyStream
from tap_recurly.streams.child import ChildStream
from tap_recurly.streams.fields import withhold
from tap_recurly.streams.writer import LineWriter

if TYPE_CHECKING:
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

logger = logging.getLogger(__name__)


class TapRecurly(Tap):
    """Singer tap for Recurly: incremental, concurrent, nothing lost."""

    name = "tap-recurly"
    package_name = "tap-recurly-v3"
    config_jsonschema: ClassVar[dict[str, Any]] = SETTINGS.to_dict()
    message_writer_class = LineWriter
    # Not BATCH, for a batch file would come after the STATE that covers it, and not
    # ACTIVATE_VERSION, for what a run does not deliver has not gone from Recurly.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 (a property of the class)
        # The SDK's own reading ends in a traceback that does not say which variable is at fault. It
        # also lets a .env file, found from the virtual environment upwards, win over what Meltano
        # and the shell pass; Meltano has read the project's own already.
        cls.append_builtin_config(cls.config_jsonschema)
        return from_environment(os.environ, cls._env_var_prefix, cls.config_jsonschema)

    @cached_property
    def site(self) -> Site:
        """The site to read."""
        return Site(self.config)

    @override
    def discover_streams(self) -> list[RecurlyStream]:
        return [stream(self, self.site) for stream in STREAMS]

    def check(self) -> str:
        """Try the settings on the site; the message says what was found."""
        sizes = {stream.name: stream.size for stream in self.discover_streams()}
        found = check_site(self.site.client, self.site.settings, sizes)
        withheld = ", ".join(sorted(self._withheld)) or "none"
        return f"{found.removesuffix('.')}; secret fields left out: {withheld}."

    @property
    def _withheld(self) -> frozenset[str]:
        """Names of the secret fields that no record carries."""
        return SECRET_FIELDS - {*with_defaults(self.config)["secret_fields"]}

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        self.append_builtin_config(self.config_jsonschema)
        check_config(self._config, self.config_jsonschema, key_needed=raise_errors)
        check_stream_maps(self._config.get("stream_maps") or {}, STREAMS)
        self._config = without_absent(self._config, self.config_jsonschema)
        if not raise_errors:
            return []
        try:
            return super()._validate_config(raise_errors=True)
        except ConfigValidationError as fault:
            raise ConfigurationError(
                f"The configuration is not accepted ({fault.errors[0]}): correct that setting."
            ) from fault

    @override
    def setup_mapper(self) -> None:
        super(Tap, self).setup_mapper()
        try:
            for entry in self.catalog.streams:
                withhold(entry.metadata, self._withheld)
                selection = entry.metadata.resolve_selection()
                schema = entry.schema.to_dict()
                # The SDK leaves no property to a deselected stream, and then a stream map of it
                # fails the run.
                if selection[()]:
                    schema = get_selected_schema(entry.tap_stream_id, schema, selection)
                self.mapper.register_raw_stream_schema(
                    entry.tap_stream_id, schema, entry.key_properties
                )
        except MappingError as fault:
            raise ConfigurationError(
                f"The setting 'stream_maps' cannot be used for stream '{entry.tap_stream_id}' "
                f"({str(fault).rstrip('.')}): correct it."
            ) from fault

    def choose_streams(self) -> None:
        """Keep the streams that this run reads, and say once which they are.

        Meltano's default selection `*.*` is nobody's wish for streams that ask every parent.

        Raises:
            ConfigurationError: If that is none: such a run would look like success.
        """
        chosen = {name: stream for name, stream in self.streams.items() if stream.selected}
        if chosen.keys() == self.streams.keys() and not self.site.settings.per_parent_streams:
            costly = [name for name, stream in chosen.items() if isinstance(stream, ChildStream)]
            for name in costly:
                del chosen[name]
            self.logger.warning(
                "Every stream is selected; those that cost a request for each account, invoice or "
                "other parent are left out (%s): select streams by name, or turn the setting "
                "'per_parent_streams' on.",
                ", ".join(costly),
            )
        removed = [name for name, stream in chosen.items() if _is_mapped_away(stream)]
        for name in removed:
            del chosen[name]
        if not chosen:
            what = "setting 'stream_maps' leaves" if removed else "catalog selects"
            raise ConfigurationError(
                f"The {what} no stream to read: choose at least one, such as 'invoices'."
            )
        for name in self.streams.keys() - chosen.keys():
            del self.streams[name]
        self.logger.info("Streams to read: %s.", ", ".join(chosen))

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        check_state(state, [stream.name for stream in STREAMS])
        super().load_state(state)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        cast("LineWriter", self.message_writer).interrupt(StoppedError(signum))

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        command.params.append(
            click.Option(
                ["--check"],
                is_flag=True,
                help="Try the settings on the site and say what was found.",
                callback=cls.cb_check,
                expose_value=False,
            )
        )
        return command

    @override
    @classmethod
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        try:
            # The SDK's own way takes an empty array for an empty object.
            config: dict[str, Any] = {}
            for path in value:
                config |= {} if path == "ENV" else _checked_object(read_json_file(path))
            return _ConfigInput(config=config, parse_env="ENV" in value)
        except (OSError, ValueError, TypeError) as fault:
            files = ", ".join(path for path in value if path != "ENV")
            raise ConfigurationError(
                f"The configuration cannot be read as a JSON object ({str(fault).rstrip('.')}): "
                f"correct what --config names ({files})."
            ) from fault

    @classmethod
    def cb_check(cls, ctx: click.Context, _param: click.Option, value: bool) -> None:  # noqa: FBT001 (click calls it so)
        """Run the check instead of a sync."""
        if value:
            # The one message is to stand alone; how the settings came in is no news.
            cls.logger.setLevel(logging.WARNING)
            config: _ConfigInput = ctx.params["config"]
            tap = cls(config=config.config, parse_env_config=config.parse_env)
            click.echo(tap.check())
            ctx.exit()

    @override
    @classmethod
    def invoke(  # type: ignore[override]  # (the SDK's own taps narrow it the same way)
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        given = config.config if config else {}
        cls.append_builtin_config(cls.config_jsonschema)
        if STARTED_BY_MELTANO in os.environ:
            refuse_misspelt(os.environ, cls._env_var_prefix, cls.config_jsonschema)
        if about:
            check_config(given, cls.config_jsonschema, key_needed=False)
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=given,
            parse_env_config=config.parse_env if config else False,
            state=read_state(state) if state else None,
            catalog=read_catalog(catalog, STREAMS) if catalog else None,
        )
        tap.choose_streams()
        leave_with_reader()
        try:
            tap.sync_all()
        finally:
            tap.site.close()
        read = (f"{count:,} {name}" for name, count in tap.site.read.items())
        cls.logger.info("Read %s.", ", ".join(read))
        if unread := tap.site.unread:
            names = ", ".join(f"'{name}'" for name in unread)
            first = next(iter(unread.values()))
            raise type(first)(f"All streams were read but {names}: {first}")


def _checked_object(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise TypeError("it holds something else")
    return content


def _is_mapped_away(stream: Stream) -> bool:
    """Whether the stream maps want none of its records."""
    return all(isinstance(each, RemoveRecordTransform) for each in stream.stream_maps)


def main() -> None:
    """Run the command line; a fault the user can mend is one sentence, the last line on stderr."""
    limit_malloc_arenas()
    quiet_sdk(os.environ)
    if sys.stdout is None:
        leave(1, str(OutputClosedError()))
    try:
        code = TapRecurly.cli.main(standalone_mode=False)
        sys.stdout.flush()
    except StoppedError as stop:
        leave(stop.exit_code, str(stop))
    except TapRecurlyError as fault:
        leave(1, str(fault))
    except click.ClickException as fault:
        leave(1, f"{fault.format_message().rstrip('.')}: see tap-recurly --help.")
    except BrokenPipeError:
        leave(1, str(OutputClosedError()))
    except OSError as fault:
        leave(1, str(StorageError("The tap's output", fault, "make room")))
    except SystemExit as end:
        leave(end.code if isinstance(end.code, int) else 1)
    except Exception as fault:
        logger.exception("What happened:")
        leave(1, f"The tap has a fault of its own ({type(fault).__name__}): tell its maintainers.")
    leave(code or 0)
