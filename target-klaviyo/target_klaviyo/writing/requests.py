"""The kinds of request the writer sends, each with what is needed to send it again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from target_klaviyo.klaviyo import endpoints
from target_klaviyo.klaviyo.exchange import Attempts
from target_klaviyo.writing import payloads
from target_klaviyo.writing.import_jobs import ERRORS_PER_PAGE, ImportJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_klaviyo.klaviyo.endpoints import Call, Endpoint
    from target_klaviyo.rows.contract import EventRow, ProfileRow


@dataclass(eq=False)
class Request:
    """A request to be sent until its answer is decisive."""

    endpoint: ClassVar[Endpoint]

    def __post_init__(self) -> None:
        self.attempts = Attempts()

    def call(self) -> Call:
        """The request; built anew each time, so that waiting ones hold no bodies."""
        raise NotImplementedError


@dataclass(eq=False)
class SendEvents(Request):
    """A bulk request of events."""

    rows: Sequence[EventRow]
    endpoint = endpoints.BULK_EVENTS

    @cached_property
    def groups(self) -> list[list[EventRow]]:
        """The entries of the body, by which pointers count."""
        return payloads.entries(self.rows)

    def call(self) -> Call:
        """POST /api/event-bulk-create-jobs."""
        return self.endpoint.call(payloads.bulk_events(self.groups))


@dataclass(eq=False)
class SubmitProfiles(Request):
    """A bulk import of profiles, for the `submissions`-th time."""

    rows: Sequence[ProfileRow]
    list_id: str | None
    submissions: int = 1
    endpoint = endpoints.BULK_PROFILES

    def call(self) -> Call:
        """POST /api/profile-bulk-import-jobs."""
        return self.endpoint.call(payloads.bulk_import(self.rows, self.list_id))


@dataclass(eq=False)
class AskStatus(Request):
    """How far an import job is."""

    job: ImportJob
    endpoint = endpoints.IMPORT_JOB

    def call(self) -> Call:
        """GET /api/profile-bulk-import-jobs/{id}."""
        return self.endpoint.call(of=self.job.id)


@dataclass(eq=False)
class ReadErrors(Request):
    """A page of a job's import errors."""

    job: ImportJob
    cursor: str | None = None
    endpoint = endpoints.IMPORT_ERRORS

    def call(self) -> Call:
        """GET /api/profile-bulk-import-jobs/{id}/import-errors."""
        query = {"page[size]": str(ERRORS_PER_PAGE)}
        if self.cursor is not None:
            query["page[cursor]"] = self.cursor
        return self.endpoint.call(of=self.job.id, query=query)
