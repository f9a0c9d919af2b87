"""What a run says: what was read and what needs attention, not what the SDK does inside."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

METRICS_LOGGER = "singer_sdk.metrics"
_REMARKS = ("Skipping parse of env var settings", "Parsing env var for settings config")


def quiet_sdk(environment: Mapping[str, str]) -> None:
    """Keep the SDK's remarks out of the log, unless a variable asks for a log level.

    What urllib3 tells at any level below ERROR is in no log: URLs may hold e-mail addresses.
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    if environment.get("TAP_RECURLY_LOGLEVEL") or environment.get("LOGLEVEL"):
        return
    logging.getLogger("tap-recurly").addFilter(_is_no_remark)
    logging.getLogger(METRICS_LOGGER).addFilter(_is_no_remark)


def _is_no_remark(record: logging.LogRecord) -> bool:
    return record.name != METRICS_LOGGER and not record.getMessage().startswith(_REMARKS)
