"""What events and profiles on their way have in common."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_klaviyo.klaviyo.endpoints import Endpoint
    from target_klaviyo.klaviyo.outcomes import ApiError
    from target_klaviyo.writing.batches import Batcher
    from target_klaviyo.writing.checkpoints import DeliveryTracker
    from target_klaviyo.writing.dispatcher import Dispatcher
    from target_klaviyo.writing.stats import RunStats

logger = logging.getLogger("target-klaviyo")

BatcherT = TypeVar("BatcherT", bound="Batcher[Any]")
Row = TypeVar("Row")


class Sink(ABC, Generic[BatcherT]):
    """One kind of rows on their way to Klaviyo: batched, sent, each brought to its end.

    Its rows go to `endpoints` first; what waits for them is its backlog.
    """

    endpoints: tuple[Endpoint, ...]

    def __init__(self, dispatcher: Dispatcher, tracker: DeliveryTracker, batcher: BatcherT) -> None:
        self._dispatcher = dispatcher
        self._tracker = tracker
        self._batcher = batcher

    @property
    def open_epoch(self) -> int | None:
        """The oldest epoch of the rows not sent yet."""
        return self._batcher.open_epoch

    @property
    def backlog(self) -> int:
        """Requests that wait for a place or a budget."""
        return sum(map(self._dispatcher.backlog, self.endpoints))

    def flush(self) -> None:
        """Send what there is, full or not."""
        self._batcher.close_batch()
        self.enqueue()

    @abstractmethod
    def enqueue(self) -> None:
        """Hand full batches to the dispatcher."""


def halves(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """Rows to be sent apart, since nobody says which of them is at fault.

    The second half comes first: each is put at the head of a queue.
    """
    middle = len(rows) // 2
    return [half for half in (rows[middle:], rows[:middle]) if half]


def tell_of_halving(stats: RunStats, rows: str, error: ApiError) -> None:
    """Say, the first time in a run, why many requests follow; `rows` are counted, with noun."""
    if not stats.halved:
        logger.warning(
            "%s It does not say which of %s is at fault: they are sent again in halves until the "
            "bad ones stand alone, which takes many requests, and so time.",
            error.rule,
            rows,
        )
    stats.halved = True
