"""Events on their way: batched, sent, and each row's outcome told from Klaviyo's answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from target_klaviyo.klaviyo.endpoints import BULK_EVENTS
from target_klaviyo.klaviyo.outcomes import Success
from target_klaviyo.text import counted
from target_klaviyo.writing.batches import MAX_EVENTS, EventBatcher
from target_klaviyo.writing.payloads import bulk_events, entries, events_at
from target_klaviyo.writing.pool import Request
from target_klaviyo.writing.sink import Sink, tell_of_halving

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_klaviyo.klaviyo.endpoints import Call
    from target_klaviyo.klaviyo.outcomes import ApiError, Decisive
    from target_klaviyo.rows.contract import EventRow
    from target_klaviyo.rows.identity import Identifier, Identity
    from target_klaviyo.writing.checkpoints import DeliveryTracker
    from target_klaviyo.writing.dispatcher import Dispatcher


@dataclass(eq=False)
class SendEvents(Request):
    """A bulk request of events."""

    rows: Sequence[EventRow]
    endpoint = BULK_EVENTS

    @cached_property
    def groups(self) -> list[list[EventRow]]:
        """The entries of the body, by which pointers count."""
        return entries(self.rows)

    def call(self) -> Call:
        """POST /api/event-bulk-create-jobs."""
        return self.endpoint.call(bulk_events(self.groups))


class EventSink(Sink[EventBatcher]):
    """Sends events in bulk.

    An event waits for the profile rows of its person that were read before it: else it would make
    or find another profile than those decide on. `claimed` tells the identifier by which such a row
    is still on its way.

    Attributes:
        waiting: events that wait for profile rows.
    """

    endpoints = (BULK_EVENTS,)

    def __init__(
        self,
        dispatcher: Dispatcher,
        tracker: DeliveryTracker,
        max_rows: int,
        *,
        claimed: Callable[[Identity], Identifier | None],
    ) -> None:
        super().__init__(dispatcher, tracker, EventBatcher(max_rows=min(max_rows, MAX_EVENTS)))
        self._claimed = claimed
        self._behind: dict[Identifier, list[EventRow]] = {}
        self.waiting = 0

    @property
    def held(self) -> int:
        """Rows held back behind others of their key or person."""
        return self._batcher.held + self.waiting

    def add(self, row: EventRow) -> None:
        """Take an event."""
        self._tracker.admit(row)
        self._take(row)
        self.enqueue()

    def release(self, identity: Identity) -> None:
        """A profile row with these identifiers has come to its end."""
        for identifier in identity:
            rows = self._behind.pop(identifier, [])
            self.waiting -= len(rows)
            for row in rows:
                self._take(row)

    def _take(self, row: EventRow) -> None:
        identifier = self._claimed(row.identity)
        if identifier is None:
            self._batcher.add(row)
        else:
            self._behind.setdefault(identifier, []).append(row)
            self.waiting += 1

    def enqueue(self) -> None:
        """Hand full batches to the dispatcher."""
        for rows in self._batcher.full:
            self._dispatcher.submit(SendEvents(rows))
        self._batcher.full.clear()

    def handle(self, request: SendEvents, outcome: Decisive) -> None:
        """Klaviyo validates all or nothing: reject what it names, send the rest again."""
        if isinstance(outcome, Success):
            for row in request.rows:
                doubles = self._batcher.row_ended(row, stored=True)
                self._tracker.book_stored("events", row, *doubles)
                self._tracker.stats.backfilled += row.backfill
            return
        failed, doubtful = _attribute(request, outcome.errors)
        first: list[EventRow] = []
        second: list[EventRow] = []
        if doubtful:
            rows_sent = counted(len(request.rows), "event")
            tell_of_halving(self._tracker.stats, rows_sent, outcome.errors[0])
        for rows in doubtful:  # their halves travel together: every round halves all at once
            middle = len(rows) // 2
            first += rows[:middle]
            second += rows[middle:]
        apart = {*failed, *first, *second}
        others = [row for row in request.rows if row not in apart]
        for rows in filter(None, (others, second, first)):
            self._dispatcher.submit_first(SendEvents(rows))
        for row, error in failed.items():
            self._tracker.book_refused("events", row, error)
            self._batcher.row_ended(row, stored=False)
        self._tracker.check_reject_share()


def _attribute(
    request: SendEvents, errors: Sequence[ApiError]
) -> tuple[dict[EventRow, ApiError], list[list[EventRow]]]:
    """The events that are at fault, and lists of events one of which is."""
    failed: dict[EventRow, ApiError] = {}
    doubtful: dict[EventRow, Sequence[EventRow]] = {}
    for error in errors:
        rows, certain = events_at(error.pointer, request.groups)
        if certain:
            failed |= {row: error for row in rows if row not in failed}
        else:
            doubtful[rows[0]] = rows
    if len(request.rows) == 1:
        failed = dict.fromkeys(request.rows, errors[0])
    elif not failed and not doubtful:
        doubtful[request.rows[0]] = request.rows
    return failed, [[row for row in rows if row not in failed] for rows in doubtful.values()]
