"""Following a bulk import job to its end (pure; the writer does the asking).

A job is queued, processing, then complete or cancelled; rows that could not be imported are
listed, page by page, as import errors that carry the payload they are about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from target_klaviyo.klaviyo.json_api import as_object, next_cursor, parse_timestamp, resources
from target_klaviyo.klaviyo.outcomes import ApiError, api_errors
from target_klaviyo.rows.identity import IDENTIFIER_KINDS, comparable
from target_klaviyo.writing.payloads import profiles_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from target_klaviyo.rows.contract import ProfileRow
    from target_klaviyo.rows.identity import Identifier

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 20.0
PAUSE_GROWTH = 1.5
STUCK_AFTER = 30 * 60.0
MAX_SUBMISSIONS = 3
RESUBMISSION_PAUSES = (1.0, 5.0)  # before the second and the third: what cancels jobs may pass
ERRORS_PER_PAGE = 100


class JobProgress(Enum):
    """How far a job is."""

    PENDING = "pending"
    COMPLETE = "complete"
    LOST = "lost"  # cancelled, expired or stuck: to be submitted again


@dataclass(eq=False)
class ImportJob:
    """One submission of a batch of profiles.

    Attributes:
        submissions: how often this batch has been submitted, this time included.
        failures: errors matched to rows so far.
        strays: import errors that name no row of ours.
    """

    id: str
    rows: Sequence[ProfileRow]
    submissions: int
    changed_at: float
    pause: float = FIRST_PAUSE
    seen: tuple[Any, ...] = ()
    failed_count: int | None = None
    failures: dict[ProfileRow, ApiError] = field(default_factory=dict)
    strays: int = 0
    pages: set[str] = field(default_factory=set)
    lost_because: str = ""

    def observe(self, document: Any, now: float, today: datetime) -> JobProgress:
        """Note a status answer; `now` in seconds of a monotonic clock, `today` for expiry."""
        attributes = as_object(as_object(as_object(document).get("data")).get("attributes"))
        status = attributes.get("status")
        if status == "complete":
            failed = attributes.get("failed_count")
            self.failed_count = failed if isinstance(failed, int) else None
            return JobProgress.COMPLETE
        if status == "cancelled":
            return self._lost("was cancelled")
        if _expired(attributes.get("expires_at"), today):
            return self._lost("expired")
        seen = (status, attributes.get("completed_count"), attributes.get("failed_count"))
        if seen != self.seen:
            self.seen, self.changed_at = seen, now
        elif now - self.changed_at > STUCK_AFTER:
            return self._lost("made no progress for half an hour")
        self.pause = min(LONGEST_PAUSE, self.pause * PAUSE_GROWTH)
        return JobProgress.PENDING

    def vanish(self) -> JobProgress:
        """Klaviyo does not know the job (any more)."""
        return self._lost("is unknown to Klaviyo")

    def read_errors(self, document: Any) -> str | None:
        """Match a page of import errors to rows; returns the cursor of the next page, if any.

        Where a next page is named by what is no address, the rows it would name are unexplained.
        """
        try:
            cursor = next_cursor(document)
        except ValueError:
            cursor = None
            self.strays += 1
        index = {identifier: row for row in self.rows for identifier in row.identity}
        for resource in resources(document):
            attributes = as_object(resource.get("attributes"))
            (error,) = api_errors({"errors": [attributes]})
            row = _row_of(attributes.get("original_payload"), index)
            blamed = [row] if row else profiles_at(error.pointer, self.rows)
            for culprit in blamed:
                self.failures.setdefault(culprit, error)
            self.strays += not blamed
        if cursor is None or cursor in self.pages:
            return None
        self.pages.add(cursor)
        return cursor

    @property
    def unexplained(self) -> bool:
        """Whether rows failed that no import error names."""
        missing = self.failed_count is not None and self.failed_count > len(self.failures)
        return self.strays > 0 or missing

    def _lost(self, why: str) -> JobProgress:
        self.lost_because = why
        return JobProgress.LOST


def _expired(text: object, today: datetime) -> bool:
    if not isinstance(text, str):
        return False
    try:
        return parse_timestamp(text) <= today
    except ValueError:
        return False


def _row_of(payload: object, index: Mapping[Identifier, ProfileRow]) -> ProfileRow | None:
    """The row an import error carries; the payload may be the resource or its attributes."""
    resource = as_object(as_object(payload).get("data")) or as_object(payload)
    sources = (resource, as_object(resource.get("attributes")))
    values = ((kind, source.get(kind)) for kind in IDENTIFIER_KINDS for source in sources)
    rows = (index.get(comparable(kind, each)) for kind, each in values if isinstance(each, str))
    return next(filter(None, rows), None)
