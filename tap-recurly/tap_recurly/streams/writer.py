"""Singer messages as lines on stdout: orjson for the line, a flush only where one is due."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import orjson
from singer_sdk.singerlib import Message, SingerMessageType
from singer_sdk.singerlib.encoding.base import GenericSingerWriter

from tap_recurly.errors import OutputClosedError


class LineWriter(GenericSingerWriter[bytes, Message]):
    """Writes messages; RECORD lines wait in stdout's buffer until the next other message."""

    def serialize_message(self, message: Message) -> bytes:
        """The message as one line of JSON."""
        return orjson.dumps(message.to_dict(), default=_plain, option=orjson.OPT_APPEND_NEWLINE)

    def write_message(self, message: Message) -> None:
        """Write a message, and with a STATE or SCHEMA everything before it.

        Raises:
            OutputClosedError: If nobody reads on.
        """
        line = self.serialize_message(message)
        try:
            sys.stdout.buffer.write(line)
            if message.type is not SingerMessageType.RECORD:
                sys.stdout.buffer.flush()
        except BrokenPipeError as fault:
            raise OutputClosedError(
                "Nobody reads the tap's output any more: look for the error of the target."
            ) from fault


def _plain(value: Any) -> Any:
    """What a stream map may have made of a value, as JSON."""
    return float(value) if isinstance(value, Decimal) else str(value)
