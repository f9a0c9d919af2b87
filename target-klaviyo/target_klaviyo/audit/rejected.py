"""Reading the rejects file back: which rows are in it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.rows.contract import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from target_klaviyo.errors import RowRejected
    from target_klaviyo.rows.contract import EventRow, ProfileRow

    Row = EventRow | ProfileRow
    Take = Callable[[str, object, Origin], None]


class RowCollector:
    """A receiver that keeps the rows of one record; what is rejected again was never expected."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def take_event(self, row: EventRow) -> None:
        """Keep an event."""
        self.rows.append(row)

    def take_profile(self, row: ProfileRow) -> None:
        """Keep a profile."""
        self.rows.append(row)

    def count_read(self, label: str) -> None:
        """A row was read."""

    def take_reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """A row was rejected again."""


def rejected_rows(path: Path, take: Take, collector: RowCollector) -> Iterator[tuple[Row, str]]:
    """(row, reason) of everything in a rejects file; a line cut short by a crash is passed over.

    Args:
        path: the file, which need not exist.
        take: turns (stream, record, origin) into rows for `collector`, as when they were written.
        collector: receives them.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            message = _message(line)
            if message.get("type") != "RECORD" or "reason" not in message:
                continue
            stream = str(message.get("stream"))
            take(stream, message.get("record"), Origin(stream, b"", b""))
            reason = str(message["reason"])
            for row in collector.rows:
                yield row, reason
            collector.rows.clear()


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return message if isinstance(message, dict) else {}
