"""Klaviyo's JSON:API documents, read without faith in what they should hold (pure)."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit


def resources(document: Any) -> list[dict[str, Any]]:
    """The resources under `data`."""
    return objects(as_object(document).get("data"))


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of an array; none when it is no array."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def as_object(value: Any) -> dict[str, Any]:
    """`value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def next_cursor(document: Any) -> str | None:
    """The cursor of the next page, from `links.next`; raises ValueError when that is no address."""
    following = as_object(as_object(document).get("links")).get("next")
    if not isinstance(following, str) or not following:
        return None
    cursors = parse_qs(urlsplit(following).query).get("page[cursor]", [])
    return next(iter(cursors), None)


def quoted(text: str) -> str:
    r"""A string in a filter: in double quotes, with `"` and `\` escaped.

    (docs/klaviyo.md: Reading events)
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_timestamp(text: str) -> datetime:
    """A time in ISO 8601, without a zone in UTC; raises ValueError when it is none."""
    # Python 3.10 does not know the Z.
    time = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)
