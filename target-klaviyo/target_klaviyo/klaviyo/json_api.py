"""Klaviyo's JSON:API documents, read without faith in what they should hold (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

from target_klaviyo.errors import KlaviyoError


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


@dataclass(frozen=True)
class Account:
    """The account behind the key; `currency` is an ISO 4217 code, empty when it tells none."""

    name: str
    timezone: str
    currency: str
    is_test: bool


def read_account(document: Any) -> Account:
    """The account that GET /api/accounts shows; raises KlaviyoError when it shows none."""
    for resource in resources(document):
        attributes = as_object(resource.get("attributes"))
        contact = as_object(attributes.get("contact_information"))
        return Account(
            str(contact.get("organization_name") or resource.get("id") or "Klaviyo"),
            str(attributes.get("timezone") or "UTC"),
            str(attributes.get("preferred_currency") or ""),
            is_test=attributes.get("test_account") is True,
        )
    raise KlaviyoError("Klaviyo names no account for this key; check the setting 'api_key'.")
