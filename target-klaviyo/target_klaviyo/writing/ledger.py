"""What becomes of each row: admitted, then stored, found to be a duplicate, or rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.errors import RowRejected
from target_klaviyo.rows.contract import EventRow
from target_klaviyo.writing.fences import Fences

if TYPE_CHECKING:
    from pathlib import Path

    from target_klaviyo.klaviyo.verdicts import ApiError
    from target_klaviyo.rows.contract import Origin, ProfileRow
    from target_klaviyo.writing.rejects import RejectsFile
    from target_klaviyo.writing.tally import Tally


class Ledger:
    """Books every row from arrival to its end; STATE and memory are judged by it."""

    def __init__(self, rejects: RejectsFile, rejects_path: Path, tally: Tally) -> None:
        self._rejects = rejects
        self._rejects_path = rejects_path
        self.tally = tally
        self.fences = Fences()
        self.bytes_under_way = 0

    def admit(self, row: EventRow | ProfileRow) -> None:
        """A row has come and is to be sent."""
        row.epoch = self.fences.admit()
        self.bytes_under_way += _weight(row)

    def release(self, row: EventRow | ProfileRow) -> None:
        """A row has come to its end; a rejected one only after `write_reject`."""
        self.fences.release(row.epoch)
        self.bytes_under_way -= _weight(row)

    def write_reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """Write a record into the rejects file, before its release: no STATE may overtake it."""
        self._rejects.write(origin, rejection.reason)
        self.tally.reject(label, rejection.rule)

    def write_refusal(self, label: str, error: ApiError, origin: Origin) -> None:
        """The same for a row that Klaviyo has refused."""
        self.write_reject(label, RowRejected(error.reason, rule=error.rule), origin)

    def check(self) -> None:
        """Raise TooManyRejects when the rejects speak of a systemic fault."""
        self.tally.check(self._rejects_path)

    def flush_rejects(self) -> None:
        """Make the rejects so far outlive this process."""
        self._rejects.flush()

    def close(self, *, complete: bool) -> None:
        """The run is over; `complete` when all of the input has been taken."""
        if complete:
            self._rejects.finish()
        else:
            self._rejects.close()


def _weight(row: EventRow | ProfileRow) -> int:
    """Bytes a row keeps in memory, roughly."""
    if isinstance(row, EventRow):
        return len(row.payload) + len(row.profile) + len(row.origin.line) + 800
    return len(row.attributes) + len(row.origin.line) + 800
