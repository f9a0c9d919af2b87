"""Secrets are no part of a rejects file, nor of a reason (pure)."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALWAYS = (
    r"(?:\w+_)?(?:token|password|secret)|api_key|iban|card_number|cvv|bank_account_number"
    r"|routing_number\w*"
)
"""Names of fields that are secrets in any source: snake case, as APIs have them."""

MIN_SECRET_CHARS = 4  # what is shorter is also part of other words

_DECODER = json.JSONDecoder()


def without_secrets(line: bytes, names: frozenset[str]) -> tuple[bytes, list[str]]:
    """A line of JSON without the members that are secrets, and the texts that these held.

    They are left out, not emptied: an absent field is one that was not read. All else stays as it
    came, to the byte, for what was rejected may be what a parser chokes on.

    Args:
        line: an object; need not be strict JSON.
        names: further fields that are secrets.
    """
    text = line.decode("latin-1")  # a character for a byte: JSON's own marks are all ASCII
    found: list[str] = []
    kept = ""
    at = 0
    for start, end, value in _secrets(text, names):
        kept += text[at:start]
        rest = text[end:].lstrip()
        if rest.startswith(","):
            at = text.index(",", end) + 1
        else:
            kept = kept.rstrip().removesuffix(",")
            at = end
        found += (
            each.encode("latin-1", "ignore").decode(errors="replace") for each in _texts(value)
        )
    return (kept + text[at:]).encode("latin-1"), found


def hide(secrets: list[str], text: str) -> str:
    """The text without any of the secrets."""
    for secret in secrets:
        if len(secret) >= MIN_SECRET_CHARS:
            text = text.replace(secret, "…")
    return text


def _secrets(text: str, names: frozenset[str]) -> Iterator[tuple[int, int, object]]:
    """(start, end, value) of each member that is a secret; those within one are part of it."""
    pattern = _pattern(names)
    at = 0
    while match := pattern.search(text, at):
        at = match.end()
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        yield match.start(), at, value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


@lru_cache(maxsize=8)
def _pattern(names: frozenset[str]) -> re.Pattern[str]:
    listed = "|".join([*map(re.escape, sorted(names)), _ALWAYS])
    return re.compile(rf'"(?:{listed})"\s*:\s*', re.ASCII)
