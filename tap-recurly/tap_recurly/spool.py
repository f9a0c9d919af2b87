"""Pages of one list on their way from the thread that reads them to the one that writes."""

from __future__ import annotations

import weakref
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

from tap_recurly.rows import rows_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

IN_MEMORY_BYTES = 1 << 18
"""Most parents have a page or less; what is longer waits in an unnamed temporary file."""


class Spool:
    """A list read to its end, its rows as lines of JSON; they can be taken once."""

    def __init__(self, pages: Iterable[bytes]) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 (closed below)
        # When a run stops early nobody takes the rows that were read ahead.
        weakref.finalize(self, self._file.close)
        self._sizes = [self._file.write(page) for page in pages]

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows as objects, page by page; the file is gone afterwards."""
        with self._file as file:
            file.seek(0)
            for size in self._sizes:
                yield from (row.record for row in rows_in(file.read(size)))
