"""Events on their way: batched, sent, and each row's outcome told from Klaviyo's answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from target_klaviyo.klaviyo.endpoints import BULK_EVENTS
from target_klaviyo.klaviyo.outcomes import ApiError, Decisive, Success
from target_klaviyo.writing.batches import MAX_EVENTS, EventBatcher
from target_klaviyo.writing.payloads import ambiguous_events, events_at
from target_klaviyo.writing.requests import SendEvents
from target_klaviyo.writing.sink import Sink, attribute_errors, halves

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from target_klaviyo.rows.contract import EventRow
    from target_klaviyo.rows.identity import Identifier, Identity
    from target_klaviyo.writing.checkpoints import DeliveryTracker
    from target_klaviyo.writing.dispatcher import Dispatcher


class EventSink(Sink[EventBatcher]):
    """Sends events in bulk.

    An event waits for the profile rows of its person that were read before it: else it would make
    or find another profile than those decide on.

    Args:
        dispatcher: sends requests.
        tracker: books outcomes.
        max_rows: lowers Klaviyo's 1,000 a request.
        claimed: the identifier by which a person's profile row is still on its way, if one is.

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
        self._tracker.stats.backfilled += row.backfill
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
                self._stored(row)
            return
        groups = request.groups
        errors = outcome.errors
        failed = attribute_errors(request.rows, errors, partial(events_at, groups=groups))
        ambiguous = _ambiguous(groups, errors, failed)
        if not failed and not ambiguous:
            for half in halves(request.rows):
                self._dispatcher.submit_first(SendEvents(half, exact=request.exact))
            return
        merged = [] if request.exact else _merged_profiles(groups, failed)
        if merged:
            # Their profiles, merged into one, were refused: apart, the right one gets the blame.
            self._dispatcher.submit_first(SendEvents(merged, exact=True))
        apart = set(merged)
        doubtful = {row for half in ambiguous for row in half}
        others = [row for row in request.rows if row not in failed and row not in doubtful]
        for rows in filter(None, (others, *ambiguous)):
            self._dispatcher.submit_first(SendEvents(rows, exact=request.exact))
        for row, error in failed.items():
            if row not in apart:
                self._rejected(row, error)
        self._tracker.check_reject_share()

    def _stored(self, row: EventRow) -> None:
        duplicates = self._batcher.row_ended(row, stored=True)
        self._tracker.stats.stored["events"] += 1
        self._tracker.stats.duplicates["events"] += len(duplicates)
        for ended in (row, *duplicates):
            self._tracker.release(ended)

    def _rejected(self, row: EventRow, error: ApiError) -> None:
        self._tracker.write_refusal("events", error, row.origin)
        self._tracker.release(row)
        self._batcher.row_ended(row, stored=False)


def _ambiguous(
    groups: Sequence[Sequence[EventRow]],
    errors: Sequence[ApiError],
    failed: Container[EventRow],
) -> list[list[EventRow]]:
    """Events of entries one of which is at fault, in two halves that each hold half an entry.

    The halves of all such entries travel together: every round halves all of them at once.
    """
    first: dict[EventRow, None] = {}
    second: dict[EventRow, None] = {}
    for error in errors:
        rows = [row for row in ambiguous_events(error.pointer, groups) if row not in failed]
        middle = len(rows) // 2
        first.update(dict.fromkeys(rows[:middle]))
        second.update(dict.fromkeys(rows[middle:]))
    return [list(half) for half in (second, first) if half]


def _merged_profiles(
    groups: Sequence[Sequence[EventRow]], failed: dict[EventRow, ApiError]
) -> list[EventRow]:
    """Events wholly failed for a profile that was merged from different ones."""
    return [
        row
        for group in groups
        if all(each in failed for each in group) and len({each.profile for each in group}) > 1
        for row in group
    ]
