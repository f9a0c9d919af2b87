"""Lists that Recurly does not filter by time: read whole, pages ahead while others are written."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import orjson
from typing_extensions import override

from tap_recurly.frozen import FrozenList, ListReader
from tap_recurly.reading import WindowedRead
from tap_recurly.windows import Window, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EVERYTHING = Window(None, datetime.max.replace(tzinfo=timezone.utc))


class WholeList(FrozenList):
    """One list of the site whose server does not filter by time; what is old is left out here.

    Args:
        client: Counts and reads the list.
        path: Where it is, such as `/external_products`.
        params: The query parameters that Recurly declares for it.
    """

    def __init__(self, client: ListReader, path: str, params: Mapping[str, str]) -> None:
        super().__init__(client, path, connections=1)
        self._params = params

    @override
    def freeze(self, begin: datetime | None) -> Window:
        count = self._client.count(self._path, self._params)
        return Window(begin, count.server_time.replace(microsecond=0), count.rows)

    @override
    def windows(self, frozen: Window) -> Iterator[tuple[Window, Iterator[dict[str, Any]]]]:
        # What changed after the frozen moment may come too; it comes again with the next run.
        yield frozen, (row for row in self.everything() if _changed_since(frozen.begin, row))

    def everything(self) -> Iterator[dict[str, Any]]:
        """All rows, in the list's own order."""
        read = WindowedRead(
            _Pages(self._client, self._path, self._params), EVERYTHING, size=1, connections=1
        )
        for _, pages in read:
            for page in pages:
                yield from orjson.loads(page)


def _changed_since(begin: datetime | None, row: dict[str, Any]) -> bool:
    """Whether a row was updated then or later; one that does not tell counts as changed."""
    updated_at = row.get("updated_at")
    return begin is None or not updated_at or parse_time(updated_at) >= begin


class _Pages:
    """The list as the source of a read in one single window."""

    def __init__(self, client: ListReader, path: str, params: Mapping[str, str]) -> None:
        self._client = client
        self._path = path
        self._params = params

    def count(self, begin: datetime | None, end: datetime | None) -> int | None:  # noqa: ARG002 (the list has no bounds)
        """Unknown: one single window needs no balancing."""
        return None

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[bytes]:  # noqa: ARG002 (as above)
        """All of the list."""
        return self._client.pages(self._path, self._params)
