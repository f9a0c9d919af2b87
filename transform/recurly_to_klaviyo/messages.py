"""Singer messages as bytes, in and out, so that no console's encoding can garble them."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.io_base import GenericSingerReader, GenericSingerWriter

from recurly_to_klaviyo.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.singerlib import Message

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

MAX_INTEGER_DIGITS = 30
"""Python refuses to read integers of thousands of digits; longer ones are read as floats."""

_STREAM = re.compile(rb'"stream"\s*:\s*"((?:[^"\\]|\\.)*)"')
_RECORD = re.compile(rb'"type"\s*:\s*"RECORD"')


class LineReader(GenericSingerReader[bytes]):
    """Reads messages from bytes.

    Attributes:
        line: The line being processed.
        line_number: Its number.
        refuse_unreadable: Takes the stream of a RECORD that is nested too deeply to be read; set by
            the mapper.
    """

    refuse_unreadable: Callable[[str], None]

    def __init__(self) -> None:
        super().__init__()
        self.line = b""
        self.line_number = 0

    @property
    @override
    def default_input(self) -> IO[bytes]:
        if sys.stdin is None:
            raise InputError("Standard input is closed: feed the mapper the output of a tap.")
        return sys.stdin.buffer

    @override
    def process_lines(
        self,
        file_input: IO[bytes] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        # A file named by --input was opened as text.
        source = getattr(file_input, "buffer", file_input) or self.default_input
        for line in source:
            self.line = line
            self.line_number += 1
            if not line.strip():
                continue
            message = self._parsed(line)
            if message is None:
                continue
            kind = message["type"]
            if kind not in callbacks:
                raise self.error(f"is a message of the unknown type {kind[:50]!r}; check the tap.")
            callbacks[kind](message)
            counts[kind] += 1
        return counts

    @override
    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        message = json.loads(line, parse_int=_integer)
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise TypeError
        return message

    def require(self, message: dict[str, Any], name: str, of_type: type) -> Any:
        """A member that a message must have.

        Raises:
            InputError: It is missing or of another type.
        """
        value = message.get(name)
        if name not in message or not isinstance(value, of_type):
            raise self.error(f"is a {message['type']} message without {name}; check the tap.")
        return value

    def error(self, flaw: str) -> InputError:
        """What is wrong with the line being processed."""
        return InputError(f"Line {self.line_number} of the input {flaw}")

    def _parsed(self, line: bytes) -> dict[str, Any] | None:
        """The message on the line; None when it was a record that could only be refused."""
        try:
            return self.deserialize_json(line)
        except RecursionError:
            stream = _STREAM.search(line)
            if stream is None or not _RECORD.search(line):
                raise self.error("is nested too deeply to be read; check the tap.") from None
            self.refuse_unreadable(stream[1].decode("utf-8", "replace"))
            return None
        except (ValueError, TypeError):
            raise self.error(
                "is no Singer message: feed recurly-to-klaviyo the output of a tap."
            ) from None


class LineWriter(GenericSingerWriter[bytes, "Message"]):
    """Writes messages as bytes; every STATE and SCHEMA goes out at once, with all before it."""

    @override
    def serialize_message(self, message: Message) -> bytes:
        return json.dumps(message.to_dict(), separators=(",", ":"), default=str).encode() + b"\n"

    @override
    def write_message(self, message: Message) -> None:
        self.write_line(self.serialize_message(message))

    def write_line(self, line: bytes) -> None:
        """Write a message that is a line of JSON already.

        Raises:
            OutputError: Nobody reads on, or there is no room.
        """
        try:
            sys.stdout.buffer.write(line)
        except OSError as error:
            raise _output_error(error) from error

    def flush(self) -> None:
        """Write out what waits.

        Raises:
            OutputError: Nobody reads on, or there is no room.
        """
        try:
            sys.stdout.buffer.flush()
        except OSError as error:
            raise _output_error(error) from error


def abandon_output() -> None:
    """Let what is still buffered go nowhere: writing it at exit would fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _output_error(error: OSError) -> OutputError:
    if isinstance(error, BrokenPipeError):
        return OutputError(
            "Nobody reads the mapper's output any more: look for the error of the target."
        )
    return OutputError(
        f"The mapper's output cannot be written ({error.strerror}): make room where it goes and "
        "run again."
    )


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else float(digits)
