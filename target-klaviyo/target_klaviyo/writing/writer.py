"""The writer: sends rows to Klaviyo and prints STATE once all before it is acknowledged.

One thread, the main one, decides everything: it packs rows, judges answers and prints STATE. The
pool's threads only wait for answers. So there are no locks, and what a signal finds is never half
done.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from target_klaviyo.errors import RunInterrupted, TargetError
from target_klaviyo.klaviyo.endpoints import BULK_EVENTS, BULK_PROFILES, PROFILE_IMPORT
from target_klaviyo.writing.batches import MAX_EVENTS, MAX_PROFILES
from target_klaviyo.writing.checkpoints import DeliveryTracker
from target_klaviyo.writing.dispatcher import Dispatcher
from target_klaviyo.writing.event_sink import EventSink, SendEvents
from target_klaviyo.writing.profile_sink import ProfileSink
from target_klaviyo.writing.stats import REJECTS_TOLERATED_UNTIL, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_klaviyo.config import Settings
    from target_klaviyo.errors import RowRejected
    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.rows.contract import EventRow, Origin, ProfileRow
    from target_klaviyo.writing.rejects import RejectsFile
    from target_klaviyo.writing.stats import RunStats

logger = logging.getLogger("target-klaviyo")

DRAIN_SECONDS = 18.0  # supervisors leave about 20 between SIGTERM and SIGKILL
ABORT_SECONDS = 10.0
MAX_BYTES_UNDER_WAY = 40 * 1024 * 1024  # with bodies in flight: below 150 MB in all
MAX_ROWS_HELD = 20_000


class Writer:
    """The consumer of rows that writes them to Klaviyo."""

    def __init__(
        self,
        *,
        client: Client,
        settings: Settings,
        rejects: RejectsFile,
        stats: RunStats,
        print_state: Callable[[bytes], None],
    ) -> None:
        self._concurrency = settings.concurrency
        self._print_state = print_state
        self._tracker = DeliveryTracker(rejects, stats)
        self._checkpoints = self._tracker.checkpoints
        self._dispatcher = Dispatcher(client, concurrency=settings.concurrency, stats=stats)
        max_rows = settings.batch_size_rows or MAX_PROFILES
        self._profiles = ProfileSink(self._dispatcher, self._tracker, max_rows, settings=settings)
        self._events = EventSink(
            self._dispatcher, self._tracker, max_rows, claimed=self._profiles.claimed
        )
        self._progress = Progress(monotonic())
        self._signum: int | None = None

    # Rows in.

    def count_read(self, label: str) -> None:
        """Count a row read."""
        stats = self._tracker.stats
        stats.seen[label] += 1
        if stats.seen[label] == REJECTS_TOLERATED_UNTIL:
            self._tracker.check_reject_share()

    def take_event(self, row: EventRow) -> None:
        """Take an event; one that is no longer true is not for Klaviyo."""
        if row.was_true:
            self._tracker.stats.formerly_true += 1
            return
        self._events.add(row)

    def take_profile(self, row: ProfileRow) -> None:
        """Take a profile."""
        self._profiles.add(row)

    def take_reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """Put a record into the rejects file."""
        self._tracker.write_reject(label, rejection, origin)
        self._tracker.check_reject_share()

    def end_record(self, origin: Origin, record: object) -> None:
        """All rows of a record have been taken."""
        self._tracker.note_taken(origin, record)

    def take_state(self, value: bytes) -> None:
        """Take a STATE."""
        self._checkpoints.remember_state(value)
        self._checkpoints.set_checkpoint(monotonic())

    # Time.

    def poll(self, source: Any = None) -> None:
        """Work until there is room for more rows and `source`, when given, can be read."""
        while True:
            self._work(self._flush_for_waiting_state)
            room = self._has_room
            if not room and self._dispatcher.idle:
                self._flush()  # what fills the memory is all unsent
                continue
            if room and source is None:
                return
            if self._dispatcher.sleep_until(self._next_due(), source if room else None):
                return

    def finish(self) -> None:
        """Send what is left, wait for the last answer, print the last STATE."""
        self._checkpoints.set_checkpoint(monotonic(), force=True)
        self._work_off(math.inf)
        self._tracker.persist_rejects()
        self._tracker.stats.check_all_rejected()
        self._print_covered_state(at_end=True)
        self._close(complete=True)

    def drain(self) -> None:
        """After a signal: send what has been read and print what that covers, in limited time."""
        self._signum = None
        self._checkpoints.set_checkpoint(monotonic(), force=True)
        try:
            self._work_off(monotonic() + DRAIN_SECONDS)
        except RunInterrupted:
            pass  # a second signal: whoever sends it is in a hurry
        finally:
            self._print_covered_state()
            self._close(complete=False)

    def abort(self) -> None:
        """After a failure: await what is in flight, send nothing, print what that covers."""
        deadline = monotonic() + ABORT_SECONDS
        while self._dispatcher.in_flight and monotonic() < deadline:
            try:
                self._handle_outcomes()
            except TargetError:
                continue  # the first failure is the one to report
            if self._dispatcher.in_flight:
                self._dispatcher.sleep_until(deadline)
        with suppress(TargetError):
            self._print_covered_state()
        with suppress(TargetError):
            self._close(complete=False)

    def interrupt(self, signum: int) -> None:
        """Note a signal; the main loop comes to it soon."""
        self._signum = signum
        self._dispatcher.wake()

    def _work_off(self, deadline: float) -> None:
        """Send everything there is, until each row has come to its end or the time is over."""
        while True:
            self._work(self._flush)
            if not self._checkpoints.outstanding or monotonic() >= deadline:
                return
            self._dispatcher.sleep_until(min(deadline, self._next_due()))

    def _work(self, flush: Callable[[], None]) -> None:
        """One round: settle what was answered, send what may go, print what is covered.

        Rows that were held back come free by what is settled, so `flush` comes after it.
        """
        self._handle_outcomes()
        if self._signum is not None:
            raise RunInterrupted(self._signum)
        self._profiles.enqueue()
        for identity in self._profiles.take_freed():
            self._events.release(identity)
        flush()
        if self._events.waiting >= MAX_EVENTS and not self._profiles.backlog:
            self._profiles.flush()  # a whole request of events waits for them
        self._events.enqueue()
        self._dispatcher.dispatch()
        self._print_covered_state()
        self._log_progress()

    def _log_progress(self) -> None:
        now = monotonic()
        if now >= self._progress.due:
            line = self._progress.line(now, self._tracker.stats, self._dispatcher.request_rates)
            logger.info("%s", line)

    def _handle_outcomes(self) -> None:
        for request, outcome in self._dispatcher.outcomes():
            if isinstance(request, SendEvents):
                self._events.handle(request, outcome)
            else:
                self._profiles.handle(request, outcome)

    def _next_due(self) -> float:
        progress_due = self._progress.due if self._checkpoints.outstanding else math.inf
        checkpoint_due = self._checkpoints.due(monotonic())
        return min(self._dispatcher.next_due(), progress_due, checkpoint_due)

    @property
    def _has_room(self) -> bool:
        backlog = sum(map(self._dispatcher.backlog, (BULK_EVENTS, BULK_PROFILES, PROFILE_IMPORT)))
        return (
            backlog <= self._concurrency
            and self._tracker.bytes_under_way < MAX_BYTES_UNDER_WAY
            and self._events.held + self._profiles.held < MAX_ROWS_HELD
        )

    def _close(self, *, complete: bool) -> None:
        self._tracker.close(complete=complete)
        if not self._dispatcher.in_flight:  # else the threads die with the process
            self._dispatcher.close()

    def _flush(self) -> None:
        self._events.flush()
        self._profiles.flush()

    def _flush_for_waiting_state(self) -> None:
        """Send batches that do not fill up by themselves, for the sake of a STATE behind them."""
        now = monotonic()
        self._checkpoints.set_checkpoint(now)
        epoch = self._checkpoints.overdue_epoch(now)
        if epoch is None:
            return
        for sink in (self._events, self._profiles):
            overdue = sink.open_epoch is not None and sink.open_epoch <= epoch
            if overdue and not sink.backlog:
                sink.flush()

    def _print_covered_state(self, *, at_end: bool = False) -> None:
        if not (at_end or self._tracker.stats.may_move_on):
            return  # the end will tell whether the run was of any use
        state = self._checkpoints.covered()
        if state is not None:
            self._tracker.persist_rejects()
            self._print_state(state)
