"""Singer messages from bytes: reading lines without waiting in vain, and parsing them fast."""

from __future__ import annotations

import io
import json
import re
import select
import sys
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, Protocol

import orjson
from singer_sdk.io_base import GenericSingerReader

from target_klaviyo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

CHUNK_BYTES = 256 * 1024
MAX_INTEGER_DIGITS = 30

_STREAM = re.compile(rb'"stream"\s*:\s*"((?:[^"\\]|\\.)*)"')
_AS_TEXT = json.JSONDecoder(parse_int=str, parse_float=str)
_RECORD = re.compile(rb'"type"\s*:\s*"RECORD"')


def byte_source(source: Any) -> IO[bytes]:
    """The bytes below a text stream; of text in memory, its bytes."""
    if hasattr(source, "buffer"):
        found: IO[bytes] = source.buffer
        return found
    if isinstance(source.read(0), bytes):
        there: IO[bytes] = source
        return there
    return io.BytesIO(source.read().encode("utf-8", "surrogatepass"))


def descriptor(source: Any) -> int | None:
    """The file descriptor to sleep on, None for a stream that lives in memory."""
    try:
        number: int = source.fileno()
        select.select([number], [], [], 0)
    except (OSError, ValueError, AttributeError):
        return None
    return number


def lines(source: IO[bytes], poll: Callable[[int | None], None]) -> Iterator[bytes]:
    """The lines of `source`, without their ends; blank ones are left out.

    `poll` is called before each read, with the descriptor to wait for: it returns when there is
    room for more and something to read, and may work in the meantime.
    """
    number = descriptor(source)
    read = getattr(source, "read1", source.read)
    pieces: list[bytes] = []
    while True:
        poll(number)
        chunk = read(CHUNK_BYTES)
        if not chunk:
            break
        first, *rest = chunk.split(b"\n")
        pieces.append(first)
        if not rest:
            continue
        for line in (b"".join(pieces), *rest[:-1]):
            if line.strip():
                yield line
        pieces = [rest[-1]]
    last = b"".join(pieces)
    if last.strip():
        yield last


def decodable(line: bytes) -> bytes:
    """The line, with half of a surrogate pair in place of each byte that is not UTF-8.

    So such a text concerns the row that holds it, and not the run.
    """
    if line.isascii():
        return line
    try:
        line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return line.decode("utf-8", "surrogateescape").encode("utf-8", "surrogatepass")
    return line


class TooDeep(Exception):  # noqa: N818  (a property of the line)
    """A RECORD that no parser takes, for its nesting; it can still be rejected."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.stream = stream


def parse(line: bytes, line_number: int) -> dict[str, Any]:
    """The message on a line.

    What strict JSON forbids but Python's writers produce (NaN, halves of surrogate pairs) is read
    all the same, so that it becomes a rejected row and not the end of the run.

    Raises:
        InputError: it is not JSON, not an object, or has no type.
        TooDeep: it is a RECORD nested more deeply than can be read.
    """
    message: Any
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        message = _parse_leniently(line, line_number)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise InputError(
            f"Line {line_number} of the input is no Singer message: it is not an object with a "
            "type; check what is piped into target-klaviyo."
        )
    return message


def member(line: bytes, name: str, line_number: int) -> bytes:
    """The value of a member of the message on a line, which has it, in the very bytes it came in.

    Raises:
        InputError: it is nested more deeply than can be read.
    """
    text = line.decode("utf-8", "surrogatepass")
    found = ""
    try:
        at = text.index("{") + 1
        while text[at := _after_space(text, at)] != "}":
            key, at = _AS_TEXT.raw_decode(text, at)
            start = _after_space(text, text.index(":", at) + 1)
            _, end = _AS_TEXT.raw_decode(text, start)
            if key == name:
                found = text[start:end]
            at = _after_space(text, end)
            at += text[at] == ","
    except RecursionError:
        raise _too_deep(line_number) from None
    return found.encode("utf-8", "surrogatepass")


def _after_space(text: str, at: int) -> int:
    while text[at].isspace():
        at += 1
    return at


def _too_deep(line_number: int) -> InputError:
    return InputError(
        f"Line {line_number} of the input is nested too deeply to be read, and is no RECORD that "
        "could be rejected; check the tap."
    )


def _parse_leniently(line: bytes, line_number: int) -> Any:
    try:
        return json.loads(line, parse_int=_integer)
    except RecursionError:
        stream = _STREAM.search(line)
        if stream is not None and _RECORD.search(line):
            raise TooDeep(stream[1].decode("utf-8", "replace")) from None
        raise _too_deep(line_number) from None
    except ValueError as error:
        raise InputError(
            f"Line {line_number} of the input is not JSON ({_shortly(error)}); check what is piped "
            "into target-klaviyo."
        ) from error


def _integer(digits: str) -> float:
    """Python refuses to read integers of thousands of digits; none of them fits 64 bits anyway."""
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else float(digits)


def _shortly(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__


def require(message: dict[str, Any], name: str, of_type: type, line_number: int) -> Any:
    """`message[name]`.

    Raises:
        InputError: it is missing or of another type.
    """
    value = message.get(name)
    if name not in message or not isinstance(value, of_type):
        raise InputError(
            f"The {message['type']} message on line {line_number} of the input has no {name}; "
            "check the tap."
        )
    return value


class Listener(Protocol):
    """What reading needs beside the callbacks for messages."""

    def begin_run(self, source: int | None) -> None:
        """Reading begins; `source` is the input's file descriptor, when it has one."""

    def poll(self, source: int | None) -> None:
        """Work while the input is slow, and wait while Klaviyo is."""

    def reject_too_deep(self, stream: str) -> None:
        """Reject the RECORD on the line, which is nested too deeply to be read."""


class MessageReader(GenericSingerReader[bytes]):
    """Reads messages from bytes for `listener`; `line` is the one being processed."""

    listener: Listener

    def __init__(self) -> None:
        super().__init__()
        self.line = b""
        self.line_number = 0

    @property
    @override
    def default_input(self) -> IO[bytes]:
        if sys.stdin is None:
            raise InputError(
                "Standard input is closed: pipe a tap's output into target-klaviyo, or name a file "
                "of it with --input."
            )
        return sys.stdin.buffer

    @override
    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        return parse(line, self.line_number)

    @override
    def process_lines(
        self,
        file_input: IO[bytes] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        source = byte_source(file_input or self.default_input)
        self.listener.begin_run(descriptor(source))
        for line in lines(source, self.listener.poll):
            self.line = decodable(line)
            self.line_number += 1
            try:
                message = parse(self.line, self.line_number)
            except TooDeep as too_deep:
                self.listener.reject_too_deep(too_deep.stream)
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
