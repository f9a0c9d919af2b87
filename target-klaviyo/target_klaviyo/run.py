"""A run: the consumer of its rows, built from the settings, and what is said at its end."""

from __future__ import annotations

import logging
import os
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from target_klaviyo.audit.mode import audit_consumer
from target_klaviyo.errors import AuditDiffers, RunInterrupted, TargetError
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.reading.intake import Intake
from target_klaviyo.reading.transforms import configured_transform
from target_klaviyo.rows.reader import RowReader
from target_klaviyo.writing.rejects import RejectsFile
from target_klaviyo.writing.summary import summary
from target_klaviyo.writing.tally import Tally
from target_klaviyo.writing.writer import Writer, WriterOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_klaviyo.configuration import Settings
    from target_klaviyo.consumer import RowConsumer, RowReceiver
    from target_klaviyo.reading.transforms import Transform
    from target_klaviyo.rows.contract import Origin

logger = logging.getLogger("target-klaviyo")


class Run:
    """One run over one input.

    Args:
        given: the settings.
        transform: turns raw records into rows.
        source: the input's file descriptor, when it has one.
        batch_size_rows: rows in a request at most, below Klaviyo's own limits.

    Attributes:
        consumer: takes the rows.
        intake: turns records into rows for it.
    """

    def __init__(
        self,
        given: Settings,
        *,
        transform: Transform | None,
        source: int | None,
        batch_size_rows: int | None,
    ) -> None:
        self._given = given
        self._transform = transform
        self._batch_size_rows = batch_size_rows
        self._reader = RowReader(now=datetime.now(timezone.utc), live_window=given.live_window)
        self._tally = Tally(max_reject_percent=given.max_reject_percent)
        self.consumer = self._consumer(source)
        self.intake = Intake(given, transform, self._reader, self.consumer, self._tally)

    def finish(self) -> None:
        """The input has ended: bring everything to its end, and say what was done."""
        if self._writes:
            self.consumer.finish(all_taken=self.intake.all_taken)
            self._log_summary()
        else:
            self._log_summary()  # an audit's verdict comes last
            self.consumer.finish(all_taken=self.intake.all_taken)

    def stop(self, reason: BaseException) -> None:
        """End before the time: finish or hear what is under way, print what it covers."""
        if isinstance(reason, RunInterrupted):
            logger.warning("Stopping on a signal: finishing what is under way.")
            try:
                self.consumer.wind_down()
            except TargetError as error:
                logger.error("%s", error)  # noqa: TRY400  (a sentence, not a fault)
        else:
            self.consumer.abandon()
        if not isinstance(reason, AuditDiffers):
            self._log_summary()

    @property
    def _writes(self) -> bool:
        return self._given.mode == "write"

    def _consumer(self, source: int | None) -> RowConsumer:
        if self._writes:
            logger.info(
                "Events before %s (live_window_days) are history: recorded without triggering "
                "flows.",
                self._reader.live_from.isoformat(timespec="seconds"),
            )
            return self._writer(RejectsFile(self._given.rejects_path, source), self._tally)
        return audit_consumer(
            self._given,
            client=Client.configured(self._given),
            intake_for=self._intake_for,
            make_writer=self._repair_writer,
        )

    def _writer(self, rejects: RejectsFile, tally: Tally) -> Writer:
        given = self._given
        return Writer(
            client=Client.configured(given),
            options=WriterOptions(
                concurrency=given.concurrency,
                list_id=given.list_id,
                clear_one_by_one=given.clear_with == "single",
                rejects_path=given.rejects_path,
                batch_size_rows=self._batch_size_rows,
            ),
            rejects=rejects,
            tally=tally,
            print_state=_print_state,
        )

    def _repair_writer(self) -> Writer:
        """A writer for what an audit found missing; it never gets a STATE to print."""
        tally = Tally(max_reject_percent=self._given.max_reject_percent)
        return self._writer(RejectsFile(self._given.rejects_path), tally)

    def _intake_for(self, receiver: RowReceiver) -> Callable[[str, object, Origin], None]:
        """Another way for records to become rows: those that an earlier run rejected."""
        transform = configured_transform(self._given)
        return Intake(self._given, transform, self._reader, receiver, Tally(100)).take

    def _log_summary(self) -> None:
        """Say what the run has done."""
        transform_says = self._transform.summary() if self._transform is not None else []
        lines = summary(self._tally, self._given.rejects_path) if self._writes else ()
        for line in (*lines, *transform_says):
            logger.info("%s", line)


def _print_state(value: bytes) -> None:
    """Print a STATE in the very bytes it came in: a parser would round its large numbers."""
    try:
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(value + b"\n")
        else:
            sys.stdout.write(value.decode("utf-8", "surrogatepass") + "\n")
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer must not fail once more when the interpreter shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise TargetError(
            f"STATE cannot be handed on, since nobody reads it any more ({error.strerror}): check "
            "the command that target-klaviyo's output is piped into, and run again; what was sent "
            "is stored once all the same."
        ) from error
