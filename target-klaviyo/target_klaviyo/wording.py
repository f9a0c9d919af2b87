"""Numbers and lists as sentences have them (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def counted(count: int, noun: str) -> str:
    """A number and its noun: `1 event`, `2,000 import jobs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def enumeration(parts: Iterable[str], conjunction: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; of nothing an empty text."""
    *most, last = tuple(parts) or ("",)
    return f"{', '.join(most)} {conjunction} {last}" if most else last
