"""Reading the rejects file back: which rows are in it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.rows.contract import Origin
from target_klaviyo.singer.input_stats import InputStats
from target_klaviyo.singer.router import RecordRouter

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
        self._collector = _RowCollector()
        self._router = RecordRouter(settings, transform, parser, self._collector, InputStats())

    def __iter__(self) -> Iterator[tuple[Row, str]]:
        """Read the file as it is now."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            for line in file:
                message = _message(line)
                if message.get("type") != "RECORD" or "reason" not in message:
                    continue
                stream = str(message.get("stream"))
                self._router.route(stream, message.get("record"), Origin(stream, b"", b""))
                for row in self._collector.take_all():
                    yield row, str(message["reason"])


class _RowCollector:
    """A receiver that keeps the rows of one record."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def take_all(self) -> list[Row]:
        """What was kept, which is not kept any more."""
        rows, self._rows = self._rows, []
        return rows

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


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return message if isinstance(message, dict) else {}
