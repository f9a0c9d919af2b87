"""tap-recurly: the plugin and its command line."""

from __future__ import annotations

import copy
import logging
import os
import sys
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

import click
import orjson
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from typing_extensions import override

from tap_recurly.check import check_site
from tap_recurly.errors import (
    ConfigurationError,
    ForbiddenError,
    OutputClosedError,
    StoppedError,
    TapRecurlyError,
)
from tap_recurly.memory import share_one_arena
from tap_recurly.settings import (
    SETTINGS_SCHEMA,
    absent,
    check_config,
    check_environment,
)
from tap_recurly.site import Site
from tap_recurly.streams import STREAMS, RecurlyStream
from tap_recurly.streams.writer import LineWriter

if TYPE_CHECKING:
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput


class TapRecurly(Tap):
    """Singer tap for Recurly: incremental, concurrent, nothing lost."""

    name = "tap-recurly"
    package_name = "tap-recurly-v3"
    config_jsonschema: ClassVar[dict[str, Any]] = copy.deepcopy(SETTINGS_SCHEMA)
    message_writer_class = LineWriter
    # All of the SDK's but BATCH: a batch file would come after the STATE that covers it.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("parse_env_config"):
            # The SDK turns variables into numbers and does not say which one is none.
            check_environment(os.environ, prefix="TAP_RECURLY_")
        super().__init__(**kwargs)

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
        return check_site(self.site.client, self.site.settings, sizes)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        self.append_builtin_config(self.config_jsonschema)
        builtin = self.config_jsonschema["properties"]
        check_config(self._config, builtin=builtin, key_needed=raise_errors)
        self._config = {
            name: int(value) if _is_number(name) else value
            for name, value in self._config.items()
            if not absent(value)
        }
        if not raise_errors:
            return []
        try:
            return super()._validate_config(raise_errors=True)
        except ConfigValidationError as fault:
            raise ConfigurationError(
                f"The configuration is not as it should be: {fault.errors[0]}."
            ) from fault

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        cast("LineWriter", self.message_writer).stop(StoppedError(signum))

    # Command line

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
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as fault:
            files = ", ".join(path for path in value if path != "ENV")
            raise ConfigurationError(
                f"The configuration file cannot be read as a JSON object ({files}): "
                f"{str(fault).rstrip('.')}."
            ) from fault

    @classmethod
    def cb_check(cls, ctx: click.Context, _param: click.Option, value: bool) -> None:  # noqa: FBT001 (click calls it so)
        """Run the check instead of a sync."""
        if value:
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
        if about:
            cls.append_builtin_config(cls.config_jsonschema)
            builtin = cls.config_jsonschema["properties"]
            check_config(given, builtin=builtin, key_needed=False)
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=given,
            parse_env_config=config.parse_env if config else False,
            state=_json_object(state, "STATE"),
            catalog=_json_object(catalog, "catalogue"),
        )
        try:
            tap.sync_all()
        finally:
            tap.site.connections.close()
        if forbidden := tap.site.forbidden:
            names = ", ".join(f"'{name}'" for name in forbidden)
            first = next(iter(forbidden.values()))
            raise ForbiddenError(f"All streams were read but {names}: {first}")


def _is_number(name: str) -> bool:
    definition = SETTINGS_SCHEMA["properties"].get(name, {})
    return bool(definition.get("type") == "integer")


def _json_object(file: IO[str] | None, what: str) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        content = orjson.loads(file.read())
    except (OSError, ValueError) as fault:
        raise ConfigurationError(f"The {what} file {file.name} is not JSON: {fault}.") from fault
    if not isinstance(content, dict):
        raise ConfigurationError(f"The {what} file {file.name} does not hold a JSON object.")
    return content


def main() -> None:
    """Run the command line; a fault the user can mend is one sentence, the last line on stderr."""
    share_one_arena()
    try:
        code = TapRecurly.cli.main(standalone_mode=False)
    except TapRecurlyError as fault:
        if isinstance(fault, OutputClosedError):
            # What is still in stdout's buffer has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _fail(str(fault))
        if isinstance(fault, StoppedError):
            code = fault.exit_code
    except click.ClickException as fault:
        code = _fail(f"{fault.format_message().rstrip('.')}: see tap-recurly --help.")
    sys.exit(code)


def _fail(sentence: str) -> int:
    # It is to be the last line: threads that are under way have nothing more to say.
    logging.disable()
    click.echo(sentence, err=True)
    return 1
