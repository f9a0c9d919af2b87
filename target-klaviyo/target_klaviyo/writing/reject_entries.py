"""Entries of a rejects file: RECORD messages with a reason, told apart by stream and key (pure)."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_OLD_REASON = re.compile(rb',"reason":"(?:[^"\\]|\\.)*"\}\Z')
_DIGEST_BYTES = 16


class Line(NamedTuple):
    """A line of the file.

    Attributes:
        content: the line, with its end.
        stream: of a record.
        schema: the SCHEMA that is in force for a record's stream.
        key: of a record, what tells its row apart; None for other lines.
        is_schema: it is a SCHEMA message.
    """

    content: bytes
    stream: str = ""
    schema: bytes = b""
    key: bytes | None = None
    is_schema: bool = False


def lines(file: Iterable[bytes]) -> Iterator[Line]:
    """The lines of a rejects file; one cut short by a crash, the last, is left out."""
    schemas: dict[str, bytes] = {}
    keys: dict[str, Sequence[str]] = {}
    for content in file:
        if not content.endswith(b"\n"):
            return
        message = parsed(content)
        kind, stream = message.get("type"), message.get("stream")
        if kind == "SCHEMA" and isinstance(stream, str):
            schemas[stream] = content
            keys[stream] = key_properties(content)
            yield Line(content, is_schema=True)
        elif kind == "RECORD" and isinstance(stream, str):
            key = row_key(stream, keys.get(stream, ()), message.get("record"), content)
            yield Line(content, stream, schemas.get(stream, b""), key)
        elif not message and content.strip():
            yield Line(content, key=row_key("", (), None, content))
        else:
            yield Line(content)


def row_key(stream: str, names: Sequence[str], record: object, line: bytes) -> bytes:
    """What tells a row apart: its stream and key or, without a key, all that its record holds.

    Args:
        stream: the record's.
        names: the stream's key properties.
        record: the record; None when no parser takes it.
        line: the message, which then stands for it.
    """
    if record is None:
        return digest(without_reason(line))
    values = [record.get(name) for name in names] if isinstance(record, dict) else []
    identity = values if values and None not in values else record
    try:
        return digest(orjson.dumps([stream, identity], option=orjson.OPT_SORT_KEYS))
    except TypeError:  # half of a surrogate pair, or a number beyond 64 bits
        return digest(json.dumps([stream, identity], sort_keys=True).encode())


@lru_cache(maxsize=64)
def key_properties(schema: bytes) -> Sequence[str]:
    """The key properties that a SCHEMA message names."""
    names = parsed(schema).get("key_properties")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def digest(content: bytes) -> bytes:
    """Few bytes that stand for many."""
    return blake2b(content, digest_size=_DIGEST_BYTES).digest()


def parsed(line: bytes) -> dict[str, Any]:
    """The message on a line; of what cannot be read an empty one."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return {}
    return message if isinstance(message, dict) else {}


def without_reason(line: bytes) -> bytes:
    """A RECORD message as it was before a reason was added."""
    message = line.strip()
    body = _OLD_REASON.sub(b"", message)
    return message if body == message else body + b"}"


def with_reason(line: bytes, reason: str) -> bytes:
    """A RECORD message with `reason` as its last key; a reason from an earlier run gives way.

    The message is not parsed: what was rejected may be what a parser chokes on.
    """
    said = orjson.dumps(_printable(reason))
    return without_reason(line)[:-1] + b',"reason":' + said + b"}"


def _printable(text: str) -> str:
    """A reason may quote text that has no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
