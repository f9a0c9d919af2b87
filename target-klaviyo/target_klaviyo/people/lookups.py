"""The questions that find people by their identifiers, 100 at a time (pure).

`GET /api/profiles?filter=any(external_id,[...])` shows whoever bears one of them. An address is
asked for in lower case and as it came, since filters may mind its case (docs/klaviyo.md: People).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import quote

from target_klaviyo.klaviyo.endpoints import PROFILES
from target_klaviyo.klaviyo.json_api import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from target_klaviyo.klaviyo.endpoints import Call

Item = TypeVar("Item")
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
    return PROFILES.call(query=query)


def questions(values: Iterable[str]) -> Iterator[list[str]]:
    """Identifiers of one kind, gathered into as many as one question can hold."""
    share = MAX_FILTER_BYTES // MAX_IDENTIFIERS  # with which so many fill a question by themselves
    return chunks(
        dict.fromkeys(values), lambda value: max(share, encoded_length(value)), MAX_FILTER_BYTES
    )


def chunks(items: Iterable[Item], size: Callable[[Item], int], limit: int) -> Iterator[list[Item]]:
    """Items in lists whose sizes add up to the limit at most; a larger item is alone."""
    chunk: list[Item] = []
    total = 0
    for item in items:
        if chunk and total + size(item) > limit:
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += size(item)
    if chunk:
        yield chunk


def encoded_length(value: str) -> int:
    """Bytes that an identifier takes in the address of a question."""
    return len(quote(quoted(value) + ",", safe=""))
