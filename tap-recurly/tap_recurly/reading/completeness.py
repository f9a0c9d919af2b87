"""Whether the pages of a list gave as many rows as Recurly counts in it.

A list may say that it goes on no further although it does. Nothing in its pages tells, so what was
read is counted, stretch by stretch, soon after it was read. Fewer rows than were read are no
trouble: rows that changed meanwhile have moved beyond the read's upper bound. More rows are: they
became visible late or were left out, and reading the stretch again finds them.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from tap_recurly.errors import IncompleteListError
from tap_recurly.times import SECOND, SECONDS_SHOWN, format_time, time_or_none

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_recurly.http.pages import Row
    from tap_recurly.reading.parallel import Source

logger = logging.getLogger(__name__)

STRETCH_ROWS = 20_000
"""Rows that are counted at once: 100 pages, so that counting costs 1 % of the requests."""

MAX_REREADS = 2

LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""No site has rows as old as this."""


class BoundaryFilter:
    """Drops the rows that two adjacent partitions both hold in the second they share.

    Rows come in order of time, so only those of one second are remembered. A row is its `id` in
    one version, that is one `updated_at`; the same row changed since is another and passes.

    Attributes:
        admitted: How many rows have passed.
        second: The second of the latest row, as Recurly shows it.
        admitted_before_second: How many rows have passed up to the second before that.
    """

    def __init__(self) -> None:
        self.admitted = 0
        self.second = ""
        self._seen: set[tuple[str, str]] = set()
        self.admitted_before_second = 0

    def admits(self, row: Row) -> bool:
        """Whether the row is new; to be asked once per row, in order."""
        row_id, updated_at = row.id, row.updated_at
        version = (row_id, updated_at)
        second = updated_at[:SECONDS_SHOWN]
        if second != self.second:
            self.second = second
            self._seen = {version}
            self.admitted_before_second = self.admitted
        elif row_id is None or version not in self._seen:
            self._seen.add(version)
        else:
            return False
        self.admitted += 1
        return True


class CompletenessCheck:
    """Compares what was read of one list, in order of time, with what Recurly counts."""

    def __init__(self, source: Source, begin: datetime | None) -> None:
        self._source = source
        self._begin = begin
        self._checked_rows = 0
        self.complete_until: datetime | None = None

    def amid(self, boundary: BoundaryFilter) -> Iterator[Row]:
        """Check what was read up to now, when that is long enough; give what is read again.

        The second that was read last may go on, so it belongs to the next stretch.

        Raises:
            IncompleteListError: If rows stay out, however often they are asked for.
        """
        row_count = boundary.admitted_before_second - self._checked_rows
        second = time_or_none(boundary.second)
        if row_count >= STRETCH_ROWS and second is not None:
            yield from self._check(row_count, second - SECOND)

    def at_end(
        self, boundary: BoundaryFilter, end: datetime, expected: int | None
    ) -> Iterator[Row]:
        """Check the last stretch, unless all the rows that were expected have come.

        Raises:
            IncompleteListError: If rows stay out, however often they are asked for.
        """
        all_came = expected is not None and boundary.admitted >= expected
        if not all_came and not (self._begin and self._begin > end):
            yield from self._check(boundary.admitted - self._checked_rows, end)

    def _check(self, row_count: int, end: datetime) -> Iterator[Row]:
        read = row_count
        for rereads in range(MAX_REREADS + 1):
            counted = self._source.count(self._begin, end).row_count
            if counted is None or counted <= read or not self._counts_by_time():
                break
            where = f"{self._source} up to {format_time(end)}"
            if self._begin is not None:
                where = f"{self._source} from {format_time(self._begin)} to {format_time(end)}"
            if rereads == MAX_REREADS:
                raise IncompleteListError(
                    f"Recurly counts {counted} rows in {where} but its pages give only {read}: run "
                    f"again, it continues before them, and tell Recurly's support if it stays so.",
                    self.complete_until,
                )
            logger.warning("Recurly counts %d rows in %s, %d came: again.", counted, where, read)
            again = BoundaryFilter()
            for page in self._source.pages(self._begin, end):
                yield from filter(again.admits, page.rows())
            read = again.admitted
        self._checked_rows += row_count
        self.complete_until = end
        self._begin = end + SECOND

    def _counts_by_time(self) -> bool:
        """Whether counts heed the time filter, without which they say nothing here."""
        return not self._source.count(LONG_AGO, LONG_AGO).row_count
