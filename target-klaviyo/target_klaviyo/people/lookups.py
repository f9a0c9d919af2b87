"""The questions that find people by their identifiers, 100 at a time (pure).

`GET /api/profiles?filter=any(external_id,[...])` shows whoever bears one of them. An address is
asked for in lower case and as it came, since whether filters mind its case is not documented.
(docs/klaviyo.md: People)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from target_klaviyo.klaviyo.endpoints import PROFILES, Call
from target_klaviyo.klaviyo.json_api import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Kind = Literal["external_id", "email", "id"]

MAX_IDENTIFIERS = 100
PEOPLE_PER_PAGE = 100
MAX_FILTER_BYTES = 7_000  # percent-encoded: many a server refuses addresses of more than 8 KB


def lookup(kind: str, values: Sequence[str], cursor: str | None) -> Call:
    """GET /api/profiles: the people who bear one of these identifiers."""
    listed = ",".join(map(quoted, values))
    query = {"filter": f"any({kind},[{listed}])", "page[size]": str(PEOPLE_PER_PAGE)}
    if cursor is not None:
        query["page[cursor]"] = cursor
    return Call(PROFILES, PROFILES.path, query=query)


def questions(values: Iterable[str]) -> Iterator[list[str]]:
    """Identifiers of one kind, gathered into as many as one question can hold."""
    asked: list[str] = []
    size = 0
    for value in dict.fromkeys(values):
        length = encoded_length(value)
        if asked and (len(asked) >= MAX_IDENTIFIERS or size + length > MAX_FILTER_BYTES):
            yield asked
            asked, size = [], 0
        asked.append(value)
        size += length
    if asked:
        yield asked


def encoded_length(value: str) -> int:
    """Bytes that an identifier takes in the address of a question."""
    return len(quote(quoted(value) + ",", safe=""))
