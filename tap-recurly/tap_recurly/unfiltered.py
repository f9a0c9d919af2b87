"""A list that Recurly does not filter by time: read whole, pages ahead while others are written."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from typing_extensions import override

from tap_recurly.frozen import BoundedList, FrozenPart
from tap_recurly.planning import Plan
from tap_recurly.reading import ListRead
from tap_recurly.rows import rows_in
from tap_recurly.segments import moment_of
from tap_recurly.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_recurly.connections import Connections
    from tap_recurly.frozen import ListReader
    from tap_recurly.rows import Count, Page, Row

FOREVER = datetime.max.replace(tzinfo=timezone.utc)


class UnfilteredList(BoundedList):
    """A list whose server does not filter by time; what is old is left out here.

    Args:
        client: Counts and reads the list.
        path: Where it is, such as `/external_products`.
        connections: One of them reads it, ahead of who takes the rows.
        params: The query parameters that Recurly declares for it.
    """

    def __init__(
        self, client: ListReader, path: str, connections: Connections, params: Mapping[str, str]
    ) -> None:
        self._source = _Everything(client, path, params)
        self._connections = connections

    @override
    def freeze(self, begin: datetime | None) -> Window:
        count = self._source.count(begin, None)
        return Window(begin, count.server_time.replace(microsecond=0), count.row_count)

    @override
    def read(self, frozen: Window) -> Iterator[FrozenPart]:
        # What changed after the frozen moment may come too; it comes again with the next run.
        changed = (row for row in self.everything() if _changed_since(frozen.begin, row))
        yield FrozenPart(changed, lambda: frozen.end)

    def everything(self) -> Iterator[Row]:
        """All rows, in the list's own order."""
        for part in ListRead(self._source, Plan(None, FOREVER, in_one=True), self._connections):
            for lines in part:
                yield from rows_in(lines)


def _changed_since(begin: datetime | None, row: Row) -> bool:
    """Whether a row was updated then or later; one that does not tell counts as changed."""
    moment = moment_of(row)
    return begin is None or moment is None or moment >= begin


class _Everything:
    """The list as the source of a read that nobody bounds or shares out."""

    def __init__(self, client: ListReader, path: str, params: Mapping[str, str]) -> None:
        self._client = client
        self._path = path
        self._params = params

    def count(self, begin: datetime | None, end: datetime | None) -> Count:  # noqa: ARG002 (the list has no bounds)
        """All of its rows."""
        return self._client.count(self._path, self._params)

    def pages(self, begin: datetime | None, end: datetime | None) -> Iterator[Page]:  # noqa: ARG002 (as above)
        """All of the list."""
        return self._client.pages(self._path, self._params)
