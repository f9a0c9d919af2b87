"""Answers that are right but for one thing: pages that lead astray, and texts that are broken."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXT = re.compile(rb'"(?:company|last_name|description|name)": ?"')


def circle(address: str, body: bytes) -> bytes:
    """The next page is the first one, for ever."""
    path, _, query = address.partition("?")
    kept = [
        pair
        for pair in parse_qsl(query, keep_blank_values=True)
        if pair[0] not in {"cursor", "page[cursor]"}
    ]
    first = f"{path}?{urlencode(kept)}" if kept else path
    return _page(body, lambda page: _lead(page, first))


def empty_pages(address: str, body: bytes) -> bytes:
    """A page without rows says that more will come."""
    return _page(body, lambda page: _lead(page | {"data": []}, address))


def short_read(_address: str, body: bytes) -> bytes:
    """The first half of a page, and the word that it was all."""
    return _page(body, lambda page: _lead(page | {"data": page["data"][: len(page["data"]) // 2]}))


def half_emoji(_address: str, body: bytes) -> bytes:
    """A text has half a character in it, which JSON allows and UTF-8 does not."""
    return _TEXT.sub(lambda match: match[0] + rb"\ud83d", body, count=1)


def bad_byte(_address: str, body: bytes) -> bytes:
    """A text has a byte in it that is not UTF-8."""
    return _TEXT.sub(lambda match: match[0] + b"\xff", body, count=1)


def _page(body: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """A changed list; what is none passes as it is."""
    document = orjson.loads(body) if body else None
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        return body
    return orjson.dumps(change(document))


def _lead(page: dict[str, Any], address: str | None = None) -> dict[str, Any]:
    """The page with another next one, or with none."""
    if "has_more" in page:
        return page | {"has_more": address is not None, "next": address}
    links = page["links"]
    base = re.sub(r"^(\w+://[^/]+).*", r"\1", links["self"])
    return page | {"links": links | {"next": None if address is None else base + address}}
