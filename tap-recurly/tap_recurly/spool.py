"""Pages of one list on their way from the thread that reads them to the one that writes."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

IN_MEMORY_BYTES = 1 << 18
"""Most parents have a page or less; what is longer waits in an unnamed temporary file."""


class Spool:
    """A list read to its end, each page a JSON array; its rows can be taken once."""

    def __init__(self, pages: Iterable[bytes]) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 (closed by rows)
        self._sizes: list[int] = []
        try:
            for page in pages:
                self._sizes.append(self._file.write(page))
        except BaseException:
            self._file.close()
            raise

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, page by page; the file is gone afterwards."""
        with self._file as file:
            file.seek(0)
            for size in self._sizes:
                yield from orjson.loads(file.read(size))
