"""Every endpoint as data: path, scopes, rate limits, query parameters, handler.

Documented throughout: OpenAPI 2026-07-15 and the reference pages made of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from recurly_klaviyo_sandbox.klaviyo import fields
from recurly_klaviyo_sandbox.klaviyo.event_intake import bulk_create_events, create_event
from recurly_klaviyo_sandbox.klaviyo.limits import Budget
from recurly_klaviyo_sandbox.klaviyo.profile_intake import (
    bulk_import_profiles,
    create_profile,
    import_profile,
    merge_profiles,
    update_profile,
)
from recurly_klaviyo_sandbox.klaviyo.query import Allowed
from recurly_klaviyo_sandbox.klaviyo.reads import (
    get_accounts,
    get_events,
    get_import_errors,
    get_import_job,
    get_list,
    get_metrics,
    get_profile,
    get_profiles,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_klaviyo_sandbox.klaviyo.calls import Answer, Call
    from recurly_klaviyo_sandbox.klaviyo.state import State

_EQUALS = frozenset({"equals"})
_EQUALS_ANY = frozenset({"equals", "any"})
_RANGE = frozenset({"greater-or-equal", "greater-than", "less-or-equal", "less-than"})
_STRICT_RANGE = frozenset({"greater-than", "less-than"})

# Left out are fields and includes of what this account has none of, such as tags and segments.
_ACCOUNT = Allowed("account", {"account": fields.ACCOUNT})
_METRICS = Allowed(
    "metric",
    {"metric": fields.METRIC},
    {"integration.name": _EQUALS, "integration.category": _EQUALS},
    include=frozenset({"flow-triggers"}),
    paged=True,
)
_EVENT = Allowed("event")
_EVENT_JOB = Allowed("event-bulk-create-job")
_EVENTS = Allowed(
    "event",
    {
        "event": fields.EVENT,
        "metric": fields.METRIC,
        "profile": fields.EVENT_PROFILE,
        "attribution": fields.ATTRIBUTION,
    },
    {
        "metric_id": _EQUALS,
        "profile_id": _EQUALS,
        "profile": frozenset({"has"}),
        "metric": frozenset({"has"}),
        "datetime": _RANGE,
        "timestamp": _RANGE,
    },
    ("datetime", "timestamp"),
    frozenset({"attributions", "metric", "profile"}),
    page_size=200,
    page_size_limit=1000,
    paged=True,
)
_PROFILES = Allowed(
    "profile",
    {"profile": fields.PROFILE},
    {
        "id": _EQUALS_ANY,
        "email": _EQUALS_ANY,
        "phone_number": _EQUALS_ANY,
        "external_id": _EQUALS_ANY,
        "_kx": _EQUALS,
        "created": _STRICT_RANGE,
        "updated": _STRICT_RANGE,
    },
    ("created", "email", "id", "updated"),
    additional=fields.UNLISTED,
    page_size=20,
    page_size_limit=100,
    paged=True,
)
_PROFILE = Allowed(
    "profile",
    {"profile": fields.PROFILE},
    additional=fields.UNLISTED,
    body_bytes=100_000,  # documented: 100 KB for single profiles
)
_MERGE = Allowed("profile-merge", {"profile": frozenset({"id"})})
_JOB = Allowed("profile-bulk-import-job", {"profile-bulk-import-job": fields.JOB})
_ERRORS = Allowed(
    "import-error",
    {"import-error": fields.ERROR},
    page_size=20,
    page_size_limit=100,
    paged=True,
)
_LIST = Allowed("list", {"list": fields.LIST})


class Endpoint(NamedTuple):
    """One method on one path; `{id}` stands for a segment."""

    method: str
    path: str
    scopes: tuple[str, ...]
    budget: Budget
    handler: Callable[[State, Call], Answer]
    allowed: Allowed

    @property
    def name(self) -> str:
        """What rate limits are counted under."""
        return f"{self.method} {self.path}"


_ONE = Budget(1, 15)
_TEN = Budget(10, 150)
_SEVENTY_FIVE = Budget(75, 750)
_THREE_HUNDRED_FIFTY = Budget(350, 3500)

_READ_EVENTS, _WRITE_EVENTS = ("events:read",), ("events:write",)
_READ_PROFILES, _WRITE_PROFILES = ("profiles:read",), ("profiles:write",)
_READ_JOBS, _WRITE_JOBS = ("lists:read", "profiles:read"), ("lists:write", "profiles:write")
_EVENT_JOBS = "/api/event-bulk-create-jobs"
_IMPORT_JOBS = "/api/profile-bulk-import-jobs"
_IMPORT_ERRORS = "/api/profile-bulk-import-jobs/{id}/import-errors"

ENDPOINTS = (
    Endpoint("GET", "/api/accounts", ("accounts:read",), _ONE, get_accounts, _ACCOUNT),
    Endpoint("GET", "/api/metrics", ("metrics:read",), _TEN, get_metrics, _METRICS),
    Endpoint("GET", "/api/events", _READ_EVENTS, _THREE_HUNDRED_FIFTY, get_events, _EVENTS),
    Endpoint("POST", "/api/events", _WRITE_EVENTS, _THREE_HUNDRED_FIFTY, create_event, _EVENT),
    Endpoint("POST", _EVENT_JOBS, _WRITE_EVENTS, _TEN, bulk_create_events, _EVENT_JOB),
    Endpoint("GET", "/api/profiles", _READ_PROFILES, _SEVENTY_FIVE, get_profiles, _PROFILES),
    Endpoint("POST", "/api/profiles", _WRITE_PROFILES, _SEVENTY_FIVE, create_profile, _PROFILE),
    Endpoint("GET", "/api/profiles/{id}", _READ_PROFILES, _SEVENTY_FIVE, get_profile, _PROFILE),
    Endpoint(
        "PATCH", "/api/profiles/{id}", _WRITE_PROFILES, _SEVENTY_FIVE, update_profile, _PROFILE
    ),
    Endpoint(
        "POST", "/api/profile-import", _WRITE_PROFILES, _SEVENTY_FIVE, import_profile, _PROFILE
    ),
    Endpoint("POST", "/api/profile-merge", _WRITE_PROFILES, _TEN, merge_profiles, _MERGE),
    Endpoint("POST", _IMPORT_JOBS, _WRITE_JOBS, _TEN, bulk_import_profiles, _JOB),
    Endpoint("GET", f"{_IMPORT_JOBS}/{{id}}", _READ_JOBS, _TEN, get_import_job, _JOB),
    Endpoint("GET", _IMPORT_ERRORS, _READ_PROFILES, _TEN, get_import_errors, _ERRORS),
    Endpoint("GET", "/api/lists/{id}", ("lists:read",), _SEVENTY_FIVE, get_list, _LIST),
)

SCOPES = frozenset(scope for endpoint in ENDPOINTS for scope in endpoint.scopes)


_PATTERNS = [
    (re.compile(endpoint.path.replace("{id}", "(?P<id>[^/]+)")), endpoint) for endpoint in ENDPOINTS
]


def find(path: str) -> tuple[dict[str, Endpoint], dict[str, str]]:
    """The endpoints of a path by method, and what the path names; empty when there is none."""
    methods: dict[str, Endpoint] = {}
    named: dict[str, str] = {}
    for pattern, endpoint in _PATTERNS:
        match = pattern.fullmatch(path)
        if match:
            methods[endpoint.method], named = endpoint, match.groupdict()
    return methods, named
