"""The modes `audit` and `repair`, put together from the settings."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from time import monotonic
from typing import TYPE_CHECKING

from target_klaviyo.audit.auditor import Auditor
from target_klaviyo.audit.inquiry import Inquiry
from target_klaviyo.audit.options import AuditOptions
from target_klaviyo.audit.rejected import RowCollector, rejected_rows
from target_klaviyo.audit.repair import Repairer
from target_klaviyo.errors import AuditDiffers
from target_klaviyo.klaviyo.exchange import Api
from target_klaviyo.klaviyo.shutdown import Shutdown
from target_klaviyo.report.document import document
from target_klaviyo.report.files import check_packages, write_report
from target_klaviyo.report.table import table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from target_klaviyo.audit.findings import AuditResult
    from target_klaviyo.config import Settings
    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.rows.contract import Origin, RowReceiver
    from target_klaviyo.writing.writer import Writer

logger = logging.getLogger("target-klaviyo")


def audit_consumer(  # noqa: PLR0913  (what the target lends)
    settings: Settings,
    *,
    client: Client,
    router_for: Callable[[RowReceiver], Callable[[str, object, Origin], None]],
    make_writer: Callable[[], Writer],
    shutdown: Shutdown | None = None,
    clock: Callable[[], float] = monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Auditor:
    """The consumer for the modes audit and repair.

    Args:
        settings: the settings.
        client: sends requests.
        router_for: makes a function that turns records into rows for a receiver.
        make_writer: makes a writer, for a repair.
        shutdown: knows of signals, and how to wait.
        clock: seconds of a monotonic clock.
        now: the present, in UTC.
    """
    check_packages()
    shutdown = shutdown or Shutdown()
    collector = RowCollector()
    repairer = Repairer(
        make_writer=make_writer,
        event_stream=min(settings.event_streams, default="events"),
        profile_stream=min(settings.profile_streams, default="profiles"),
        settle=settings.settle,
        wait=shutdown.wait,
        clock=clock,
    )

    def conclude(auditor: Auditor) -> None:
        result = auditor.compare()
        if settings.mode == "repair":
            result = repairer.repair(auditor, result)
        publish(result, settings.report_path)

    return Auditor(
        inquiry=Inquiry(Api(client, wait=shutdown.wait, clock=clock)),
        options=AuditOptions(
            first=settings.audit_from,
            last=settings.audit_to,
            source_timezone=settings.source_timezone,
            settle=settings.settle,
            profiles=settings.audit_profiles,
            audit_key=settings.audit_key,
            keep_payloads=settings.mode == "repair",
        ),
        shutdown=shutdown,
        rejects=lambda: rejected_rows(settings.rejects_path, router_for(collector), collector),
        conclude=conclude,
        now=now,
    )


def publish(result: AuditResult, path: Path) -> None:
    """Write the report and say what it says.

    Raises:
        AuditDiffers: not all agrees; its sentence names the report.
    """
    said = document(result)
    write_report(said, path)
    for line in table(said):
        logger.info("%s", line)
    verdict = "; ".join((result.sentence(), *result.advice(), f"the report is {path}."))
    if not result.agrees:
        raise AuditDiffers(verdict)
    logger.info("%s", verdict)
