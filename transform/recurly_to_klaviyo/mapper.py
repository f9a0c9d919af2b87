"""The standalone Singer mapper: Recurly streams in, `events` and `profiles` out.

The same rows that target-klaviyo's `transform: recurly` sends, for any other target:
`meltano run tap-recurly recurly-to-klaviyo target-jsonl`.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import typing as th
from singer_sdk.exceptions import InvalidInputLine
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.io_base import SingerReader
from singer_sdk.mapper_base import InlineMapper
from singer_sdk.singerlib import RecordMessage, SchemaMessage, StateMessage

from recurly_to_klaviyo.settings import IDENTIFIERS, INVOICE_TYPES
from recurly_to_klaviyo.transform import Transform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput
    from singer_sdk.singerlib import Message

STREAMS = {"event": "events", "profile": "profiles"}

_PROFILE_IDENTIFIERS = (
    th.Property("email", th.StringType),
    th.Property("external_id", th.StringType),
)
SCHEMAS = {
    "events": th.PropertiesList(
        th.Property("metric", th.StringType, required=True),
        th.Property("unique_id", th.StringType, required=True),
        th.Property("time", th.DateTimeType, required=True),
        th.Property("earliest_time", th.DateTimeType),
        th.Property("value", th.NumberType),
        th.Property("value_currency", th.StringType),
        th.Property("profile", th.ObjectType(*_PROFILE_IDENTIFIERS), required=True),
        th.Property("properties", th.ObjectType(additional_properties=True), required=True),
    ).to_dict(),
    "profiles": th.PropertiesList(
        *_PROFILE_IDENTIFIERS,
        th.Property("properties", th.ObjectType(additional_properties=True), required=True),
    ).to_dict(),
    "rejects": th.PropertiesList(
        th.Property("stream", th.StringType, required=True),
        th.Property("reason", th.StringType, required=True),
        th.Property("record", th.ObjectType(additional_properties=True), required=True),
    ).to_dict(),
}
KEYS = {"events": ["unique_id"], "profiles": [], "rejects": []}


class Reader(SingerReader):
    """Reads messages with plain JSON numbers, and never logs a line: it holds customers' data."""

    def deserialize_json(self, line: str) -> dict[str, Any]:
        """Decode one line.

        Raises:
            InvalidInputLine: The line is no JSON object.
        """
        try:
            message = json.loads(line)
        except json.JSONDecodeError:
            message = None
        if not isinstance(message, dict):
            raise InvalidInputLine("The input holds a line that is no Singer message.")
        return message


class RecurlyToKlaviyo(InlineMapper):
    """Maps Recurly's invoices, transactions and account snapshots to Klaviyo rows.

    A record that cannot become a row goes to the stream `rejects` with the reason, so that
    nothing is lost on the way.
    """

    name = "recurly-to-klaviyo"
    message_reader_class = Reader
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    config_jsonschema = th.PropertiesList(
        th.Property(
            "issued_invoice_types",
            th.ArrayType(th.StringType(allowed_values=list(INVOICE_TYPES))),
            default=["charge", "legacy"],
            description="Invoice types that count as Issued Invoice; `credit` can be added.",
        ),
        th.Property(
            "ordered_product_origins",
            th.ArrayType(th.StringType),
            description="Invoice origins whose charges count as Ordered Product; all by default.",
        ),
        th.Property(
            "names",
            th.ObjectType(additional_properties=th.StringType),
            description="Own names of metrics and profile properties: `{default name: own name}`.",
        ),
        th.Property(
            "identify_by",
            th.StringType(allowed_values=list(IDENTIFIERS)),
            default="email",
            description="Whose profile it is: that of the account's `email` (of its code, as "
            "`external_id`, where there is none), or that of the `account_code` for all.",
        ),
    ).to_dict()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._announced: set[str] = set()
        self._ignored: set[str] = set()

    @classmethod
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the configuration files.

        Raises:
            ClickException: One of them cannot be read.
        """
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as error:
            raise click.ClickException(
                f"The configuration cannot be read as a JSON object ({', '.join(value)}): "
                f"{str(error).rstrip('.')}."
            ) from None

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Let the transform judge its settings: its sentences say what would do instead."""
        try:
            self._transform = Transform(self.config)
        except ValueError as error:
            if raise_errors:
                raise click.ClickException(str(error)) from None
            return [str(error)]
        return []

    def map_schema_message(self, message_dict: dict[str, Any]) -> Iterator[Message]:
        """Announce the row streams once, before the first record; ignore unknown streams."""
        if not self._knows(message_dict["stream"]):
            return
        for stream in STREAMS.values():
            yield from self._announce(stream)

    def map_record_message(self, message_dict: dict[str, Any]) -> Iterator[Message]:
        """The record's rows in order, or a reject that says why there are none."""
        stream, record = message_dict["stream"], message_dict["record"]
        if not self._knows(stream):
            return
        try:
            rows = self._transform.rows(stream, record)
        except ValueError as error:
            yield from self._announce("rejects")
            reject = {"stream": stream, "reason": str(error), "record": record}
            yield RecordMessage("rejects", reject)
            return
        for kind, row in rows:
            yield RecordMessage(STREAMS[kind], row)

    def map_state_message(self, message_dict: dict[str, Any]) -> Iterator[Message]:
        """States pass in their place among the rows."""
        yield StateMessage(message_dict["value"])

    def map_activate_version_message(self, message_dict: dict[str, Any]) -> Iterator[Message]:
        """Versions of raw tables mean nothing to events and profiles."""
        del message_dict
        yield from ()

    def process_endofpipe(self) -> None:
        """Log what is worth knowing about the whole run."""
        for sentence in self._transform.summary():
            self.logger.warning(sentence)
        super().process_endofpipe()

    def _announce(self, stream: str) -> Iterator[Message]:
        if stream not in self._announced:
            self._announced.add(stream)
            yield SchemaMessage(stream, SCHEMAS[stream], KEYS[stream])

    def _knows(self, stream: str) -> bool:
        if stream in self._transform.streams:
            return True
        if stream not in self._ignored:
            self._ignored.add(stream)
            self.logger.info("Stream '%s' holds nothing for Klaviyo and is ignored.", stream)
        return False


def main() -> None:
    """Run the mapper; a user's mistake ends it with one sentence and exit code 1."""
    try:
        sys.exit(RecurlyToKlaviyo.cli.main(standalone_mode=False))
    except click.ClickException as error:
        sys.exit(error.format_message())
    except InvalidInputLine as error:
        sys.exit(f"{error} Feed recurly-to-klaviyo the output of a tap.")
