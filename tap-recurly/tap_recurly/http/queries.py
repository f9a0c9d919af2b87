"""The query parameters of Recurly's lists (pure).

An undeclared parameter is answered with 400, so a list is asked with those that Recurly declares
for it and no other.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from tap_recurly.times import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PAGE_SIZE = 200
"""Recurly's largest page, and the most `ids` one request may name; the default page of 20 would
cost ten times the requests."""

ASCENDING: Mapping[str, str] = MappingProxyType(
    {"sort": "updated_at", "order": "asc", "limit": str(PAGE_SIZE)}
)
"""Recurly's advice: only by ascending `updated_at` do changed rows move ahead of the cursor."""

NEWEST_FIRST: Mapping[str, str] = MappingProxyType({"sort": "created_at"})
"""For lists whose order cannot be chosen: descending, only the time of creation keeps still. By
`updated_at`, a row that changes meanwhile would move behind the cursor and be lost."""

NO_PARAMS: Mapping[str, str] = MappingProxyType({})


def between(begin: datetime | None, end: datetime | None) -> dict[str, str]:
    """Parameters for the rows updated between two moments, both included, ascending."""
    bounds = {"begin_time": begin, "end_time": end}
    return {**ASCENDING, **{name: format_time(bound) for name, bound in bounds.items() if bound}}


def encoded(params: Mapping[str, str]) -> str:
    """Parameters as a URL carries them; what Recurly's own URLs leave readable stays so."""
    return urlencode(params, quote_via=quote, safe=",:")


def endpoint(path: str) -> str:
    """A list's path without the ids in it: `/accounts/*/notes`.

    Collections and ids alternate in Recurly's paths.
    """
    return "/*/".join(path.strip("/").split("/")[::2])
