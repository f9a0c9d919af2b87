"""Reading the rejects file back: which rows are in it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.rows.contract import Origin
from target_klaviyo.singer.router import InputStats, RecordRouter
from target_klaviyo.writing.reject_entries import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_klaviyo.config import Settings
    from target_klaviyo.errors import RowRejected
    from target_klaviyo.rows.contract import EventRow, ProfileRow
    from target_klaviyo.rows.parser import RowParser
    from target_klaviyo.singer.transforms import Transform

    Row = EventRow | ProfileRow


class RejectedRows:
    """(row, reason) of everything in the rejects file, each time it is iterated over.

    A line cut short by a crash is passed over; what is rejected again was never expected.

    Args:
        settings: say where the file is, which need not exist, and which streams are rows.
        transform: turns raw records into rows, as when they were rejected.
        parser: checks rows.
    """

    def __init__(self, settings: Settings, transform: Transform | None, parser: RowParser) -> None:
        self._path = settings.rejects_path
        self._router = RecordRouter(settings, transform, parser, self, InputStats())
        self._rows: list[Row] = []

    def __iter__(self) -> Iterator[tuple[Row, str]]:
        """Read the file as it is now."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            for line in file:
                message = parsed(line)
                if message.get("type") != "RECORD" or "reason" not in message:
                    continue
                stream = str(message.get("stream"))
                self._router.route(stream, message.get("record"), Origin(stream, b"", b""))
                yield from ((row, str(message["reason"])) for row in self._rows)
                self._rows.clear()

    # One record's rows.

    def take_event(self, row: EventRow) -> None:
        """Keep an event."""
        self._rows.append(row)

    def take_profile(self, row: ProfileRow) -> None:
        """Keep a profile."""
        self._rows.append(row)

    def count_read(self, label: str) -> None:
        """A row was read."""

    def take_reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """A row was rejected again."""
