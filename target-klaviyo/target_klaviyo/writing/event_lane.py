"""Events on their way: batched, sent, and each row's outcome told from Klaviyo's answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from target_klaviyo.klaviyo.endpoints import BULK_EVENTS
from target_klaviyo.klaviyo.verdicts import ApiError, Done, Verdict
from target_klaviyo.writing.batches import MAX_EVENTS, EventBatcher
from target_klaviyo.writing.lane import Lane, blame, errors_of, halves
from target_klaviyo.writing.payloads import blamed_events, suspected_events
from target_klaviyo.writing.tasks import SendEvents

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from target_klaviyo.rows.contract import EventRow
    from target_klaviyo.writing.dispatcher import Dispatcher
    from target_klaviyo.writing.ledger import Ledger


class EventLane(Lane[EventBatcher]):
    """Sends events in bulk; `max_rows` lowers Klaviyo's 1,000 a request."""

    endpoint = BULK_EVENTS

    def __init__(self, dispatcher: Dispatcher, ledger: Ledger, max_rows: int) -> None:
        super().__init__(dispatcher, ledger, EventBatcher(max_rows=min(max_rows, MAX_EVENTS)))

    def add(self, row: EventRow) -> None:
        """Take an event."""
        self._ledger.admit(row)
        self._ledger.tally.backfilled += row.backfill
        self._batcher.add(row)
        self.queue()

    def queue(self) -> None:
        """Hand full batches to the dispatcher."""
        for rows in self._batcher.full:
            self._dispatcher.submit(SendEvents(rows))
        self._batcher.full.clear()

    def settle(self, task: SendEvents, verdict: Verdict) -> None:
        """Klaviyo validates all or nothing: reject what it names, send the rest again."""
        if isinstance(verdict, Done):
            for row in task.rows:
                self._stored(row)
            return
        groups = task.groups
        errors = errors_of(verdict)
        blamed = blame(task.rows, errors, partial(blamed_events, groups=groups))
        suspected = _suspected(groups, errors, blamed)
        if not blamed and not suspected:
            for half in halves(task.rows):
                self._dispatcher.submit_first(SendEvents(half, exact=task.exact))
            return
        entangled = [] if task.exact else _entangled(groups, blamed)
        if entangled:
            # Their profiles, merged into one, were refused: apart, the right one gets the blame.
            self._dispatcher.submit_first(SendEvents(entangled, exact=True))
        apart = set(entangled)
        doubtful = {row for half in suspected for row in half}
        innocent = [row for row in task.rows if row not in blamed and row not in doubtful]
        for rows in filter(None, (innocent, *suspected)):
            self._dispatcher.submit_first(SendEvents(rows, exact=task.exact))
        for row, error in blamed.items():
            if row not in apart:
                self._rejected(row, error)
        self._ledger.check()

    def _stored(self, row: EventRow) -> None:
        duplicates = self._batcher.settle(row, stored=True)
        self._ledger.tally.stored["events"] += 1
        self._ledger.tally.duplicates["events"] += len(duplicates)
        for ended in (row, *duplicates):
            self._ledger.release(ended)

    def _rejected(self, row: EventRow, error: ApiError) -> None:
        self._ledger.write_refusal("events", error, row.origin)
        self._ledger.release(row)
        self._batcher.settle(row, stored=False)


def _suspected(
    groups: Sequence[Sequence[EventRow]],
    errors: Sequence[ApiError],
    blamed: Container[EventRow],
) -> list[list[EventRow]]:
    """Events of entries one of which is at fault, in two halves that each hold half an entry.

    The halves of all such entries travel together: every round halves all of them at once.
    """
    first: dict[EventRow, None] = {}
    second: dict[EventRow, None] = {}
    for error in errors:
        rows = [row for row in suspected_events(error.pointer, groups) if row not in blamed]
        middle = len(rows) // 2
        first.update(dict.fromkeys(rows[:middle]))
        second.update(dict.fromkeys(rows[middle:]))
    return [list(half) for half in (second, first) if half]


def _entangled(
    groups: Sequence[Sequence[EventRow]], blamed: dict[EventRow, ApiError]
) -> list[EventRow]:
    """Events wholly blamed for a profile that was merged from different ones."""
    return [
        row
        for group in groups
        if all(each in blamed for each in group) and len({each.profile for each in group}) > 1
        for row in group
    ]
