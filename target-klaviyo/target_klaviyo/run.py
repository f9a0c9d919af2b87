"""A run: the consumer of its rows, built from the settings, and what is said at its end."""

from __future__ import annotations

import errno
import logging
import os
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from target_klaviyo.audit.auditor import Auditor
from target_klaviyo.audit.rejected import RejectedRows
from target_klaviyo.errors import RunInterrupted, TargetError
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.klaviyo.clock import ClockComparison
from target_klaviyo.rows.parser import RowParser
from target_klaviyo.singer.router import RecordRouter
from target_klaviyo.singer.transforms import configured_transform
from target_klaviyo.writing.rejects import RejectsFile
from target_klaviyo.writing.stats import RunStats, summary
from target_klaviyo.writing.writer import Writer

if TYPE_CHECKING:
    from target_klaviyo.config import Settings
    from target_klaviyo.rows.contract import RowConsumer
    from target_klaviyo.singer.transforms import Transform

logger = logging.getLogger("target-klaviyo")


class Run:
    """One run over one input: `consumer` takes the rows that `router` makes of its records.

    `source` is the input's file descriptor, when it has one.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transform: Transform | None,
        source: int | None,
    ) -> None:
        self._settings = settings
        self._transform = transform
        self._summarised = False
        self._clocks = ClockComparison()
        self._parser = RowParser(now=datetime.now(timezone.utc), live_window=settings.live_window)
        self._stats = RunStats(settings.max_reject_percent, settings.rejects_path)
        self.consumer = self._consumer(source)
        self.router = RecordRouter(
            settings, transform, self._parser, self.consumer, self._stats.input
        )

    def finish(self) -> None:
        """The input has ended: bring everything to its end, and say what was done.

        Raises:
            NothingRecognised: the settings do not fit the input.
            TargetError: as the consumer.
        """
        self._stats.input.check()
        if self._writes:
            self.consumer.finish()
            self._log_summary()
        else:
            self._log_summary()  # an audit's verdict comes last
            self.consumer.finish()

    def stop(self, reason: BaseException) -> None:
        """End before the time: finish or hear what is under way, print what it covers."""
        if isinstance(reason, RunInterrupted):
            logger.warning("Stopping on a signal: finishing what is under way.")
            try:
                self.consumer.drain()
            except TargetError as error:
                logger.error("%s", error)  # noqa: TRY400  (a sentence, not a fault)
        else:
            self.consumer.abort()
        self._log_summary()

    @property
    def _writes(self) -> bool:
        return self._settings.mode == "write"

    def _consumer(self, source: int | None) -> RowConsumer:
        if self._writes:
            logger.info(
                "Events before %s (live_window_days) are history: recorded without triggering "
                "flows.",
                self._parser.live_from.isoformat(timespec="seconds"),
            )
            return self._writer(source, self._stats)
        transform = configured_transform(self._settings)  # its summary is none of this run's
        return Auditor(
            self._settings,
            transform=self._transform,
            client=Client.configured(self._settings, clocks=self._clocks),
            rejected=RejectedRows(self._settings, transform, self._parser),
            writer=self._repair_writer() if self._settings.mode == "repair" else None,
        )

    def _writer(self, source: int | None, stats: RunStats) -> Writer:
        secrets: frozenset[str] = getattr(self._transform, "secrets", frozenset())
        return Writer(
            client=Client.configured(self._settings, clocks=self._clocks),
            settings=self._settings,
            rejects=RejectsFile(self._settings.rejects_path, source, secrets),
            stats=stats,
            print_state=_print_state,
        )

    def _repair_writer(self) -> Writer:
        """A writer for what an audit found missing; it never gets a STATE to print."""
        settings = self._settings
        return self._writer(None, RunStats(settings.max_reject_percent, settings.rejects_path))

    def _log_summary(self) -> None:
        """Say what the run has done, once: an audit fails after it has."""
        if self._summarised:
            return
        self._summarised = True
        transform_says = self._transform.summary() if self._transform is not None else []
        lines = summary(self._stats) if self._writes else ()
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
        if error.errno == errno.EPIPE:
            why = "since nobody reads it any more"
            remedy = "check the command that target-klaviyo's output is piped into"
        else:
            why = "since standard output cannot be written"
            remedy = "make room where target-klaviyo's output goes"
        raise TargetError(
            f"STATE cannot be handed on, {why} ({error.strerror}): {remedy}, and run again; what "
            "was sent is stored once all the same."
        ) from error
