"""Numbers, lists and the words of others as sentences have them (pure)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


_MAIL = re.compile(r"[^\s\"'<>(),;:=/]+(?:@|%40)[^\s\"'<>(),;:=/]+", re.IGNORECASE)
_PHONE = re.compile(r"\+\d(?:[ ().-]{0,2}\d){5,}|(?<![\w-])\(?\d(?:[ ().-]{0,2}\d){8,}(?!\w)")


def redact(text: str) -> str:
    """What a service says, fit for a log: without what looks like an e-mail address or a phone."""
    return _PHONE.sub("…", _MAIL.sub("…", text))


def counted(count: int, noun: str) -> str:
    """A number and its noun: `1 event`, `2,000 import jobs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def were(count: int) -> str:
    """The verb that goes with a number of things."""
    return "was" if count == 1 else "were"


def enumeration(parts: Iterable[str], conjunction: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; of nothing an empty text."""
    *most, last = tuple(parts) or ("",)
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows as lines: the first column to the left, all others, numbers, to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join((first.ljust(widths[0]), *cells))
