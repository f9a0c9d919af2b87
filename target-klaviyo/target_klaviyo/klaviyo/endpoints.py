"""Klaviyo's endpoints as its reference describes them, and what goes to and comes from one.

(docs/klaviyo.md: Endpoints, Limits)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as Klaviyo's reference describes it; limits per second and per minute.

    Attributes:
        success: the statuses that say it was carried out; whatever else comes is not Klaviyo's.
        answers_with: what `data` is in such an answer, or that there is nothing in it.
    """

    name: str
    method: str
    path: str
    scopes: tuple[str, ...]
    burst: int = 10
    steady: int = 150
    success: tuple[int, ...] = (200,)
    answers_with: Literal["nothing", "resource", "id", "status", "list", "resources"] = "resource"

    def call(
        self, body: bytes | None = None, *, of: str = "", query: Mapping[str, str] | None = None
    ) -> Call:
        """A request to it; `of` is the id of the resource that its path names."""
        return Call(self, self.path.format(id=quote(of, safe="")), body, query or {})


BULK_EVENTS = Endpoint(
    "bulk event creation",
    "POST",
    "/api/event-bulk-create-jobs",
    ("events:write",),
    success=(202,),
    answers_with="nothing",
)
BULK_PROFILES = Endpoint(
    "bulk profile import",
    "POST",
    "/api/profile-bulk-import-jobs",
    ("lists:write", "profiles:write"),
    success=(202,),
    answers_with="id",
)
IMPORT_JOB = Endpoint(
    "import job status",
    "GET",
    "/api/profile-bulk-import-jobs/{id}",
    ("lists:read", "profiles:read"),
    answers_with="status",
)
IMPORT_ERRORS = Endpoint(
    "import job errors",
    "GET",
    "/api/profile-bulk-import-jobs/{id}/import-errors",
    ("profiles:read",),
    answers_with="list",
)
PROFILE_IMPORT = Endpoint(
    "profile import",
    "POST",
    "/api/profile-import",
    ("profiles:write",),
    75,
    750,
    success=(200, 201),
)
PROFILE_UPDATE = Endpoint(
    "profile update", "PATCH", "/api/profiles/{id}", ("profiles:write",), 75, 750
)
PROFILE_MERGE = Endpoint(
    "profile merge",
    "POST",
    "/api/profile-merge",
    ("profiles:write",),
    success=(200, 201, 202),
    answers_with="id",
)
ACCOUNTS = Endpoint(
    "account", "GET", "/api/accounts", ("accounts:read",), 1, 15, answers_with="list"
)
METRICS = Endpoint("list of metrics", "GET", "/api/metrics", ("metrics:read",), answers_with="list")
EVENTS = Endpoint(
    "list of events", "GET", "/api/events", ("events:read",), 350, 3500, answers_with="list"
)
PROFILES = Endpoint(
    "list of profiles",
    "GET",
    "/api/profiles",
    ("profiles:read",),
    75,
    750,
    answers_with="resources",
)
LIST = Endpoint("list", "GET", "/api/lists/{id}", ("lists:read",), 75, 700)


@dataclass(frozen=True)
class Call:
    """One request: `path` and `query` filled in, `body` serialised."""

    endpoint: Endpoint
    path: str
    body: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """An answer, whole: status, headers and body."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def document(self) -> Any:
        """The body as JSON, None when it is none."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True)
class NoAnswer:
    """No answer, or half of one: the request may or may not have been carried out.

    `connected` is False when not even a connection came about.
    """

    reason: str
    connected: bool
