"""The modes `audit` and `repair`, put together from the settings."""

from __future__ import annotations

import logging
import select
from time import monotonic
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit.auditor import Auditor
from target_klaviyo.audit.repair import look_again, repair_of, send_missing
from target_klaviyo.errors import AuditDiffers
from target_klaviyo.klaviyo.exchange import Api
from target_klaviyo.klaviyo.shutdown import Shutdown
from target_klaviyo.report.files import check_packages, write_report
from target_klaviyo.report.findings import advice, sentence, wrong
from target_klaviyo.report.table import table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from target_klaviyo.audit.rejected import RejectedRows
    from target_klaviyo.config import Settings
    from target_klaviyo.errors import RowRejected
    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.rows.contract import EventRow, Origin, ProfileRow
    from target_klaviyo.singer.transforms import Transform
    from target_klaviyo.writing.writer import Writer

LOOK_FOR_SIGNALS_SECONDS = 0.5

logger = logging.getLogger("target-klaviyo")


class AuditConsumer:
    """The consumer of rows that compares them with what Klaviyo holds.

    Args:
        settings: of the run.
        transform: what the rows are made by, if by one.
        client: sends requests.
        rejected: the rows of the rejects file.
        writer: sends what is missing, in a repair; None in an audit.
        shutdown: knows of signals, and how to wait.
        clock: seconds of a monotonic clock.
    """

    def __init__(  # noqa: PLR0913  (what the target lends)
        self,
        settings: Settings,
        *,
        transform: Transform | None,
        client: Client,
        rejected: RejectedRows,
        writer: Writer | None,
        shutdown: Shutdown | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        check_packages()
        self._settings = settings
        self._rejected = rejected
        self._writer = writer
        self._shutdown = shutdown or Shutdown()
        self._clock = clock
        api = Api(client, wait=self._shutdown.wait, clock=clock)
        self._auditor = Auditor(api, settings, transform)

    # Rows in.

    def count_read(self, label: str) -> None:
        """A row was read."""

    def take_event(self, row: EventRow) -> None:
        """Expect an event."""
        self._auditor.expect_event(row)

    def take_profile(self, row: ProfileRow) -> None:
        """Expect a profile."""
        self._auditor.expect_profile(row)

    def take_reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """Count what cannot be sent; an audit adds nothing to the rejects file."""
        del origin
        self._auditor.count_rejection(label, rejection)

    def take_state(self, value: bytes) -> None:
        """An audit moves no bookmark."""

    def poll(self, source: Any = None) -> None:
        """Wait until `source` can be read; rows need no waiting for room."""
        self._shutdown.raise_if_requested()
        while source is not None:
            ready, _, _ = select.select([source], [], [], LOOK_FOR_SIGNALS_SECONDS)
            self._shutdown.raise_if_requested()
            if ready:
                return

    # The end.

    def end_record(self, origin: Origin, record: object) -> None:
        """An audit leaves the rejects file as it is."""

    def finish(self) -> None:
        """Compare, mend what can be mended, and write the report.

        Raises:
            AuditDiffers: not all agrees; its sentence names the report.
            TooManyRejects: not one row can be sent, so that there is nothing to compare.
        """
        self._auditor.check_comparable()
        self._auditor.explain(self._rejected)
        report = self._auditor.compare()
        if self._writer is not None:
            sent = send_missing(self._auditor, self._writer, self._settings)
            self._writer = None  # it has finished
            self._auditor.explain(self._rejected)
            repair = repair_of(report["totals"], sent)
            seconds = self._settings.settle.total_seconds()
            report = look_again(self._auditor, seconds, self._shutdown.wait, self._clock)
            report["repair"] = repair
        publish(report, self._settings.report_path)
        self._auditor.close()

    def drain(self) -> None:
        """Finish what a repair has under way."""
        if self._writer is not None:
            self._writer.drain()
        self._auditor.close()

    def abort(self) -> None:
        """Send nothing more."""
        if self._writer is not None:
            self._writer.abort()
        self._auditor.close()

    def interrupt(self, signum: int) -> None:
        """A signal came: end any waiting, a repair's too."""
        self._shutdown.request(signum)
        if self._writer is not None:
            self._writer.interrupt(signum)


def publish(compared: dict[str, Any], path: Path) -> None:
    """Write the report, its verdict added, and say what it says.

    Raises:
        AuditDiffers: not all agrees; its sentence names the report.
    """
    said, to_do = sentence(compared), list(advice(compared))
    report = {
        "agrees": not wrong(compared),
        "sentence": f"{said}.",
        "advice": [f"{each[0].upper()}{each[1:]}." for each in to_do],
        **compared,
    }
    write_report(report, path)
    for line in table(report):
        logger.info("%s", line)
    verdict = "; ".join((said, *to_do, f"the report is {path}."))
    if not report["agrees"]:
        raise AuditDiffers(verdict)
    logger.info("%s", verdict)
