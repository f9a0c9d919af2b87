"""Singer messages as lines on stdout: a record's JSON as it came, a flush only where one is due."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
from singer_sdk.singerlib import Message, SingerMessageType
from singer_sdk.singerlib.encoding.base import GenericSingerWriter

from tap_recurly.errors import OutputClosedError, StorageError

if TYPE_CHECKING:
    from tap_recurly.errors import StoppedError

BUFFERED_BYTES = 1 << 16
"""What a pipe takes at once on Linux."""


class LineWriter(GenericSingerWriter[bytes, Message]):
    """Writes messages; RECORD lines wait for one another, and for the next other message."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0
        self._busy = False
        self._interruption: StoppedError | None = None

    def serialize_message(self, message: Message) -> bytes:
        """The message as one line of JSON."""
        return orjson.dumps(message.to_dict(), default=_plain, option=orjson.OPT_APPEND_NEWLINE)

    def write_message(self, message: Message) -> None:
        """Write a message, and with a STATE or SCHEMA everything before it; raises as `flush`."""
        self.write_line(self.serialize_message(message))
        if message.type is not SingerMessageType.RECORD:
            self.flush()

    def write_line(self, line: bytes) -> None:
        """Write a RECORD that is a line of JSON already; raises as `flush`."""
        self._lines.append(line)
        self._size += len(line)
        if self._size >= BUFFERED_BYTES:
            self.flush()

    def interrupt(self, reason: StoppedError) -> None:
        """Raise the reason; while a line is on its way out, after that, at the second call at once.

        To be called by a signal's handler: half a line would spoil the STATE that follows it.
        """
        if self._busy and self._interruption is None:
            self._interruption = reason
        else:
            raise reason

    def flush(self) -> None:
        """Write out what waits, all of it before a signal ends the run.

        Raises:
            OutputClosedError: If nobody reads on.
            StorageError: If the output takes no more, as a full disk does.
        """
        self._busy = True
        try:
            text = b"".join(self._lines)
            self._lines.clear()
            self._size = 0
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        except BrokenPipeError as fault:
            raise OutputClosedError from fault
        except OSError as fault:
            raise StorageError("The tap's output", fault, "make room") from fault
        finally:
            self._busy = False
        if self._interruption is not None:
            reason, self._interruption = self._interruption, None
            raise reason


class RecordLine:
    """RECORD messages of one stream around records that are JSON already."""

    def __init__(self, stream: str, version: int | None) -> None:
        self._start = b'{"type":"RECORD","stream":%s,"record":' % orjson.dumps(stream)
        self._version = b"" if version is None else b',"version":%d' % version
        self._end = b""
        self._second = 0

    def of(self, record: bytes, now: float) -> bytes:
        """The line for a record extracted now, in epoch seconds; it shows whole seconds."""
        if int(now) != self._second:
            self._second = int(now)
            shown = datetime.fromtimestamp(self._second, timezone.utc).isoformat().encode()
            self._end = b'%s,"time_extracted":"%s"}\n' % (self._version, shown)
        return self._start + record + self._end


def _plain(value: Any) -> Any:
    """What a stream map may have made of a value, as JSON."""
    return float(value) if isinstance(value, Decimal) else str(value)
