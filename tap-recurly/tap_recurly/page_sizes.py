"""How many rows a page of each list may have so that it arrives in time, learned during a run."""

from __future__ import annotations

import re

SMALLEST_PAGE = 25
"""Below this a smaller page does not help a list that times out."""

LIMIT = re.compile(r"(?<=[?&]limit=)\d+")


class PageSizes:
    """The sizes to which pages have been halved, by list; shared by the threads of a client.

    What one connection has learned the others need not pay for with timeouts of their own.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def fitted(self, endpoint: str, url: str) -> str:
        """The same URL with a `limit` no larger than the list is known to bear."""
        size = self._sizes.get(endpoint)
        return url if size is None else with_limit(url, size)

    def halve(self, endpoint: str, url: str) -> None:
        """Remember that pages as large as this URL's are too heavy to arrive in time."""
        if found := LIMIT.search(url):
            half = int(found[0]) // 2
            if half >= SMALLEST_PAGE:
                self._sizes[endpoint] = min(half, self._sizes.get(endpoint, half))


def with_limit(url: str, most: int) -> str:
    """The same URL with a `limit` of no more than this, if it has one.

    All else stays as it was written: a cursor is Recurly's own affair.
    """
    return LIMIT.sub(lambda limit: str(min(int(limit[0]), most)), url)
