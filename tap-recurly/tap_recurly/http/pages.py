"""Rows as Recurly wrote them: JSON text that is read only as far as somebody asks.

Most rows leave as they came, so building Python objects from all of their values would be the
larger part of the tap's work. A row tells its `id` and `updated_at` cheaply; `record` parses it.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from tap_recurly.times import time_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime


OBJECT = ord("{")
CHECKED_AT_ONCE_BYTES = 1 << 16


class _Reference(msgspec.Struct):
    id: Any = None


class _Head(msgspec.Struct):
    """What the tap itself wants to know; any of it may be absent, null or something else."""

    id: Any = None
    created_at: Any = None
    updated_at: Any = None
    email: Any = None
    account: _Reference | str | float | bool | list[Any] | None = None
    state: Any = None
    has_more_line_items: Any = None


_HEADS = msgspec.json.Decoder(_Head)


class Row:
    """One row of a list; `line` is its JSON, an object without line breaks."""

    __slots__ = ("_head", "line")

    def __init__(self, line: bytes) -> None:
        self.line = line
        self._head = _HEADS.decode(line)

    @property
    def id(self) -> Any:
        """The row's key, None when it has none."""
        return self._head.id

    @property
    def created_at(self) -> str:
        """When it was made, as Recurly shows it; empty when it does not."""
        return _text(self._head.created_at)

    @property
    def updated_at(self) -> str:
        """When it last changed, as Recurly shows it; empty when it does not."""
        return _text(self._head.updated_at)

    @property
    def email(self) -> str:
        """An account's e-mail address as Recurly has it; empty when it has none."""
        return _text(self._head.email)

    @property
    def account_id(self) -> str:
        """The id of the account that it belongs to; empty when it names none."""
        account = self._head.account
        return _text(account.id) if isinstance(account, _Reference) else ""

    @property
    def is_past_due(self) -> bool:
        """Whether an invoice was not paid in time and is still open."""
        return bool(self._head.state == "past_due")

    @property
    def is_cut_short(self) -> bool:
        """Whether an invoice embeds only some of its line items, and the rest can be asked for."""
        return bool(self._head.has_more_line_items and isinstance(self.id, str))

    @property
    def record(self) -> dict[str, Any]:
        """The row as an object of its own."""
        record: dict[str, Any] = orjson.loads(self.line)
        return record


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def moment_of(row: Row | None) -> datetime | None:
    """When a row last changed, None when it does not say so."""
    return time_or_none(row.updated_at) if row else None


@dataclass(frozen=True)
class Page:
    """A page of a list: `lines` are its rows, one a line; `more` says whether the list goes on."""

    lines: bytes
    row_count: int
    more: bool

    @property
    def head(self) -> Row | None:
        """The first row, None when the page is empty."""
        return Row(self.lines.partition(b"\n")[0]) if self.row_count else None

    @property
    def last(self) -> Row | None:
        """The last row, None when the page is empty."""
        return Row(self.lines[self.lines.rfind(b"\n") + 1 :]) if self.row_count else None

    def rows(self) -> Iterator[Row]:
        """The rows in order."""
        return rows_in(self.lines)


def rows_in(lines: bytes) -> Iterator[Row]:
    """The rows that stand in these lines."""
    return map(Row, lines.split(b"\n")) if lines else iter(())


def as_lines(rows: Sequence[msgspec.Raw | bytes]) -> bytes:
    """Rows one a line, whatever line breaks a server puts between their values."""
    lines = b"\n".join(rows)
    if lines.count(b"\n") >= len(rows) or b"\r" in lines:
        lines = b"\n".join(msgspec.json.format(bytes(row), indent=-1) for row in rows)
    return lines


def are_objects(rows: Iterable[msgspec.Raw]) -> bool:
    """Whether all of these JSON values are objects."""
    return all(memoryview(row)[0] == OBJECT for row in rows)


def check_utf8(text: bytes) -> None:
    """Make sure that a text is UTF-8, which a parser that skips values does not.

    It goes piece by piece, for as a whole its characters could take four times its memory.

    Raises:
        UnicodeDecodeError: If it is not.
    """
    if not text.isascii():
        decoder = codecs.getincrementaldecoder("utf-8")()
        for start in range(0, len(text), CHECKED_AT_ONCE_BYTES):
            decoder.decode(text[start : start + CHECKED_AT_ONCE_BYTES])
        decoder.decode(b"", final=True)


@dataclass(frozen=True)
class Count:
    """What HEAD says about a list: how many rows it has, and the server's clock at that moment."""

    row_count: int | None
    server_time: datetime
