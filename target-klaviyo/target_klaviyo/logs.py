"""What a run says: what was sent and what needs attention, not what the SDK does inside."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_REMARKS = (
    "Skipping parse of env var settings",
    "Parsing env var for settings config",
    "Reader 'target-klaviyo' completed",
)


def quiet_sdk(environment: Mapping[str, str]) -> None:
    """Keep the SDK's remarks out of the log, unless a variable asks for a log level."""
    if not (environment.get("TARGET_KLAVIYO_LOGLEVEL") or environment.get("LOGLEVEL")):
        logging.getLogger("target-klaviyo").addFilter(_is_no_remark)


def _is_no_remark(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_REMARKS)
