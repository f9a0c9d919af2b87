"""The writer: sends rows to Klaviyo and prints STATE once all before it is acknowledged.

One thread, the main one, decides everything: it packs rows, judges answers and prints STATE. The
pool's threads only wait for answers. So there are no locks, and what a signal finds is never half
done.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from target_klaviyo.errors import RunInterrupted, TargetError
from target_klaviyo.klaviyo.endpoints import BULK_EVENTS, BULK_PROFILES, PROFILE_IMPORT
from target_klaviyo.writing.batches import MAX_PROFILES
from target_klaviyo.writing.dispatcher import Dispatcher
from target_klaviyo.writing.event_lane import EventLane
from target_klaviyo.writing.fences import SECONDS_BETWEEN_FENCES
from target_klaviyo.writing.ledger import Ledger
from target_klaviyo.writing.profile_lane import ProfileLane
from target_klaviyo.writing.progress import Progress, Standing
from target_klaviyo.writing.tally import REJECTS_TOLERATED_UNTIL
from target_klaviyo.writing.tasks import SendEvents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from target_klaviyo.errors import RowRejected
    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.rows.contract import EventRow, Origin, ProfileRow
    from target_klaviyo.writing.rejects import RejectsFile
    from target_klaviyo.writing.tally import Tally

logger = logging.getLogger("target-klaviyo")

WIND_DOWN_SECONDS = 18.0  # supervisors leave about 20 between SIGTERM and SIGKILL
ABANDON_SECONDS = 10.0
MAX_BYTES_UNDER_WAY = 40 * 1024 * 1024  # with bodies in flight: below 150 MB in all
MAX_ROWS_HELD = 20_000


@dataclass(frozen=True)
class WriterOptions:
    """What of the settings concerns the writer."""

    concurrency: int
    list_id: str | None
    clear_one_by_one: bool
    rejects_path: Path
    batch_size_rows: int | None = None


class Writer:
    """The consumer of rows that writes them to Klaviyo."""

    def __init__(  # noqa: PLR0913  (its collaborators, each by name)
        self,
        *,
        client: Client,
        options: WriterOptions,
        rejects: RejectsFile,
        tally: Tally,
        print_state: Callable[[bytes], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._concurrency = options.concurrency
        self._print_state = print_state
        self._clock = clock
        self._ledger = Ledger(rejects, options.rejects_path, tally)
        self._fences = self._ledger.fences
        self._dispatcher = Dispatcher(
            client, concurrency=options.concurrency, tally=tally, clock=clock
        )
        max_rows = options.batch_size_rows or MAX_PROFILES
        self._events = EventLane(self._dispatcher, self._ledger, max_rows)
        self._profiles = ProfileLane(
            self._dispatcher,
            self._ledger,
            max_rows,
            list_id=options.list_id,
            clear_one_by_one=options.clear_one_by_one,
            clock=clock,
        )
        self._progress = Progress(clock())
        self._signum: int | None = None

    # Rows in.

    def seen(self, label: str) -> None:
        """Count a row read."""
        tally = self._ledger.tally
        tally.seen[label] += 1
        if tally.seen[label] == REJECTS_TOLERATED_UNTIL:
            self._ledger.check()

    def event(self, row: EventRow) -> None:
        """Take an event."""
        self._events.add(row)

    def profile(self, row: ProfileRow) -> None:
        """Take a profile."""
        self._profiles.add(row)

    def reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """Put a record into the rejects file."""
        self._ledger.write_reject(label, rejection, origin)
        self._ledger.check()

    def state(self, value: bytes) -> None:
        """Take a STATE."""
        self._fences.state(value)
        self._fences.fence(self._clock())

    # Time.

    def pump(self, source: Any = None) -> None:
        """Work until there is room for more rows and `source`, when given, can be read."""
        while True:
            self._work(self._seal_for_waiting_state)
            room = self._has_room
            if not room and self._dispatcher.idle:
                self._seal()  # what fills the memory is all unsent
                continue
            if room and source is None:
                return
            if self._dispatcher.sleep_until(self._next_due(), source if room else None):
                return

    def finish(self, *, all_taken: bool) -> None:
        """Send what is left, wait for the last answer, print the last STATE."""
        self._fences.fence(self._clock(), force=True)
        self._work_off(math.inf)
        self._close(complete=all_taken)

    def wind_down(self) -> None:
        """After a signal: send what has been read and print what that covers, in limited time."""
        self._signum = None
        self._fences.fence(self._clock(), force=True)
        try:
            self._work_off(self._clock() + WIND_DOWN_SECONDS)
        except RunInterrupted:
            pass  # a second signal: whoever sends it is in a hurry
        finally:
            self._print_covered_state()
            self._close(complete=False)

    def abandon(self) -> None:
        """After a failure: hear what is in flight, send nothing, print what that covers."""
        deadline = self._clock() + ABANDON_SECONDS
        while self._dispatcher.in_flight and self._clock() < deadline:
            try:
                self._settle_decided()
            except TargetError:
                continue  # the first failure is the one to report
            if self._dispatcher.in_flight:
                self._dispatcher.sleep_until(deadline)
        self._print_covered_state()
        self._close(complete=False)

    def interrupt(self, signum: int) -> None:
        """Note a signal; the main loop comes to it soon."""
        self._signum = signum
        self._dispatcher.wake()

    def _work_off(self, deadline: float) -> None:
        """Send everything there is, until each row has come to its end or the time is over."""
        while True:
            self._work(self._seal)
            if not self._fences.outstanding or self._clock() >= deadline:
                return
            self._dispatcher.sleep_until(min(deadline, self._next_due()))

    def _work(self, seal: Callable[[], None]) -> None:
        """One round: settle what was answered, send what may go, print what is covered.

        Rows that were held back come free by what is settled, so `seal` comes after it.
        """
        self._settle_decided()
        if self._signum is not None:
            raise RunInterrupted(self._signum)
        seal()
        self._events.queue()
        self._profiles.queue()
        self._dispatcher.dispatch()
        self._print_covered_state()
        self._log_progress()

    def _log_progress(self) -> None:
        now = self._clock()
        if now >= self._progress.due:
            tally = self._ledger.tally
            standing = Standing(
                tally.stored,
                tally.rejected.total(),
                self._profiles.pending_jobs,
                self._dispatcher.paces,
            )
            logger.info("%s", self._progress.line(now, standing))

    def _settle_decided(self) -> None:
        for task, verdict in self._dispatcher.decided():
            if isinstance(task, SendEvents):
                self._events.settle(task, verdict)
            else:
                self._profiles.settle(task, verdict)

    def _next_due(self) -> float:
        due = self._dispatcher.next_due()
        if self._fences.outstanding:
            due = min(due, self._progress.due)
        if self._fences.next_fence is not None:
            due = min(due, self._fences.next_fence)
        if self._fences.fenced is not None:
            patience_ends = self._fences.fenced[1] + SECONDS_BETWEEN_FENCES
            if patience_ends > self._clock():
                due = min(due, patience_ends)
        return due

    @property
    def _has_room(self) -> bool:
        backlog = sum(map(self._dispatcher.backlog, (BULK_EVENTS, BULK_PROFILES, PROFILE_IMPORT)))
        return (
            backlog <= self._concurrency
            and self._ledger.bytes_under_way < MAX_BYTES_UNDER_WAY
            and self._events.held + self._profiles.held < MAX_ROWS_HELD
        )

    def _close(self, *, complete: bool) -> None:
        self._ledger.close(complete=complete)
        if not self._dispatcher.in_flight:  # else the threads die with the process
            self._dispatcher.close()

    def _seal(self) -> None:
        self._events.seal()
        self._profiles.seal()

    def _seal_for_waiting_state(self) -> None:
        """Send batches that do not fill up by themselves, for the sake of a STATE behind them."""
        self._fences.fence(self._clock())
        if self._fences.fenced is None:
            return
        epoch, since = self._fences.fenced
        if self._clock() < since + SECONDS_BETWEEN_FENCES:
            return
        for lane in (self._events, self._profiles):
            overdue = lane.open_epoch is not None and lane.open_epoch <= epoch
            if overdue and not self._dispatcher.backlog(lane.endpoint):
                lane.seal()

    def _print_covered_state(self) -> None:
        states = self._fences.covered()
        if states:
            self._ledger.flush_rejects()
        for value in states:
            self._print_state(value)
