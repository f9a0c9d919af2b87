"""What becomes of each row, and when a STATE may therefore be printed.

A STATE stands for all rows before it. Rows are counted by epoch; every couple of seconds a
checkpoint closes the epoch and remembers the newest STATE. That STATE is covered once no row of its
epoch, or of an earlier one, is outstanding: each is stored, a duplicate, or in the rejects file.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

from target_klaviyo.errors import RowRejected, TooManyRejects
from target_klaviyo.rows.contract import EventRow

if TYPE_CHECKING:
    from target_klaviyo.klaviyo.outcomes import ApiError
    from target_klaviyo.rows.contract import Origin, ProfileRow
    from target_klaviyo.writing.rejects import RejectsFile
    from target_klaviyo.writing.stats import RunStats

SECONDS_BETWEEN_CHECKPOINTS = 2.0


class Checkpoints:
    """Counts outstanding rows by epoch, and knows the newest STATE they cover."""

    def __init__(self) -> None:
        self.epoch = 0
        self._outstanding = {0: 0}
        self._oldest = 0
        self._closed: deque[tuple[int, bytes]] = deque()
        self._state: bytes | None = None
        self._last_set = -SECONDS_BETWEEN_CHECKPOINTS

    def count_in(self) -> int:
        """Count a row in; returns its epoch, to be given back to `count_out`."""
        self._outstanding[self.epoch] += 1
        return self.epoch

    def count_out(self, epoch: int) -> None:
        """A row is stored, known to be a duplicate, or rejected."""
        self._outstanding[epoch] -= 1

    @property
    def oldest_open(self) -> int:
        """The first epoch that no STATE printed so far stands for."""
        return self._oldest

    @property
    def outstanding(self) -> int:
        """Rows not yet at their end."""
        return sum(self._outstanding.values())

    def due(self, now: float) -> float:
        """When the next checkpoint is, or a STATE has waited for long; infinite when none waits."""
        due = self._last_set + SECONDS_BETWEEN_CHECKPOINTS
        return due if self._state is not None or (self._closed and due > now) else math.inf

    def overdue_epoch(self, now: float) -> int | None:
        """The last epoch that a STATE has waited for long, if there is one."""
        waited_long = now - self._last_set >= SECONDS_BETWEEN_CHECKPOINTS
        return self._closed[-1][0] if self._closed and waited_long else None

    def remember_state(self, value: bytes) -> None:
        """A STATE came; it replaces one that has no checkpoint yet."""
        self._state = value

    def set_checkpoint(self, now: float, *, force: bool = False) -> None:
        """Close the epoch when a STATE waits and the last checkpoint is long enough ago."""
        is_due = force or now - self._last_set >= SECONDS_BETWEEN_CHECKPOINTS
        if self._state is None or not is_due:
            return
        self._last_set = now
        self._closed.append((self.epoch, self._state))
        self._state = None
        self.epoch += 1
        self._outstanding[self.epoch] = 0

    def covered(self) -> bytes | None:
        """The newest STATE that has become covered since this was asked last, if one has."""
        found = None
        while self._oldest < self.epoch and not self._outstanding[self._oldest]:
            del self._outstanding[self._oldest]
            self._oldest += 1
        while self._closed and self._closed[0][0] < self._oldest:
            found = self._closed.popleft()[1]
        return found


class DeliveryTracker:
    """Books every row from arrival to its end; STATE and memory are judged by it."""

    def __init__(self, rejects: RejectsFile, stats: RunStats) -> None:
        self._rejects = rejects
        self.stats = stats
        self.checkpoints = Checkpoints()
        self.bytes_under_way = 0

    def admit(self, row: EventRow | ProfileRow) -> None:
        """A row has come and is to be sent."""
        row.epoch = self.checkpoints.count_in()
        self.bytes_under_way += _weight(row)

    def book_stored(self, label: str, row: EventRow | ProfileRow, *doubles: Any) -> None:
        """A row is stored, and with it rows that are its doubles or parts of it."""
        self.stats.stored[label] += 1
        self.stats.duplicates[label] += len(doubles)
        for ended in (row, *doubles):
            self._release(ended)

    def book_refused(self, label: str, row: EventRow | ProfileRow, error: ApiError) -> None:
        """Klaviyo has refused a row."""
        self.write_reject(label, RowRejected(error.reason, rule=error.rule), row.origin)
        self.stats.refused[label] += 1
        self._release(row)

    def _release(self, row: EventRow | ProfileRow) -> None:
        self.checkpoints.count_out(row.epoch)
        self.bytes_under_way -= _weight(row)

    def note_taken(self, origin: Origin, record: object) -> None:
        """All rows of a record have been taken; an older entry of it may become obsolete."""
        self.stats.records += 1
        self._rejects.note_taken(origin, record, self.checkpoints.epoch)

    def write_reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """Write a record into the rejects file, before its release: no STATE may overtake it."""
        self.stats.rejected_records += not origin.rejected
        self._rejects.write(origin, rejection.reason)
        self.stats.count_reject(label, rejection.rule)

    def check_reject_share(self) -> None:
        """Raise as the statistics do, the rejects of which the sentence speaks being written."""
        try:
            self.stats.check_reject_share()
        except TooManyRejects:
            self.persist_rejects()
            raise

    def persist_rejects(self) -> None:
        """Make the rejects so far outlive this process."""
        self._rejects.persist()

    def close(self, *, complete: bool) -> None:
        """The run is over; `complete` when each row of its input has come to its end."""
        self._rejects.close(covered_epoch=math.inf if complete else self.checkpoints.oldest_open)
        self.stats.rejects_kept = True


def _weight(row: EventRow | ProfileRow) -> int:
    """Bytes a row keeps in memory, roughly."""
    if isinstance(row, EventRow):
        return len(row.payload) + len(row.profile) + len(row.origin.line) + 800
    return len(row.attributes) + len(row.origin.line) + 1_600  # what finding its person takes, too
