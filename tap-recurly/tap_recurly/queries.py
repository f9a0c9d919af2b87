"""The query parameters of Recurly's lists (pure).

An undeclared parameter is answered with 400, so a list is asked with those that Recurly declares
for it and no other.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from tap_recurly.windows import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PAGE_SIZE = 200
"""Recurly's largest page, and the most `ids` one request may name; the default page of 20 would
cost ten times the requests."""

SMALLEST_PAGE = 25
"""Below this a smaller page does not help a list that times out."""

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


def with_smaller_page(url: str) -> str:
    """The same URL with half the `limit`: a page too heavy to arrive in time may do in halves.

    All else stays as it was written: a cursor is Recurly's own affair.
    """

    def halved(limit: re.Match[str]) -> str:
        half = int(limit[0]) // 2
        return str(half) if half >= SMALLEST_PAGE else limit[0]

    return re.sub(r"(?<=[?&]limit=)\d+", halved, url)
