"""Every endpoint as data: path, scopes, rate limits, query parameters, handler.

Documented throughout: OpenAPI 2026-07-15 and the reference pages made of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from recurly_klaviyo_sandbox.klaviyo import fields, reads, writes
from recurly_klaviyo_sandbox.klaviyo.limits import Budget
from recurly_klaviyo_sandbox.klaviyo.query import Allowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_klaviyo_sandbox.klaviyo.calls import Answer, Call
    from recurly_klaviyo_sandbox.klaviyo.state import State

BODY_BYTES = 5_000_000  # documented: 5 MB; assumed: the smaller megabyte
PROFILE_BODY_BYTES = 100_000  # documented: 100 KB for single profiles

_EQUALS = frozenset({"equals"})
_EQUALS_ANY = frozenset({"equals", "any"})
_RANGE = frozenset({"greater-or-equal", "greater-than", "less-or-equal", "less-than"})
_STRICT_RANGE = frozenset({"greater-than", "less-than"})

_JOB_TYPE = "profile-bulk-import-job"
_JOB = Allowed(_JOB_TYPE, {_JOB_TYPE: fields.JOB})
# The account has no flows, tags, conversations, push tokens, segments: asking for them is allowed.
_FLOWS = frozenset({"flow-triggers"})
_OF_LISTS = {"flow": fields.FLOW, "tag": fields.TAG}
_CONTACTS = {"conversation": fields.CONVERSATION, "push-token": fields.PUSH_TOKEN}
_PROFILE = Allowed("profile", {"profile": fields.PROFILE}, additional=fields.UNLISTED)


class Endpoint(NamedTuple):
    """One method on one path; `{id}` stands for a segment."""

    method: str
    path: str
    scopes: tuple[str, ...]
    budget: Budget
    handler: Callable[[State, Call], Answer]
    allowed: Allowed
    body_bytes: int = BODY_BYTES

    @property
    def name(self) -> str:
        """What rate limits are counted under."""
        return f"{self.method} {self.path}"


_TEN = Budget(10, 150)
_SEVENTY_FIVE = Budget(75, 750)
_THREE_HUNDRED_FIFTY = Budget(350, 3500)

ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/accounts",
        ("accounts:read",),
        Budget(1, 15),
        reads.get_accounts,
        Allowed("account", {"account": fields.ACCOUNT}),
    ),
    Endpoint(
        "GET",
        "/api/metrics",
        ("metrics:read",),
        _TEN,
        reads.get_metrics,
        Allowed(
            "metric",
            {"metric": fields.METRIC, "flow": fields.FLOW},
            {"integration.name": _EQUALS, "integration.category": _EQUALS},
            include=_FLOWS,
            paged=True,
        ),
    ),
    Endpoint(
        "GET",
        "/api/metrics/{id}",
        ("metrics:read",),
        _TEN,
        reads.get_metric,
        Allowed("metric", {"metric": fields.METRIC, "flow": fields.FLOW}, include=_FLOWS),
    ),
    Endpoint(
        "GET",
        "/api/events",
        ("events:read",),
        _THREE_HUNDRED_FIFTY,
        reads.get_events,
        Allowed(
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
        ),
    ),
    Endpoint(
        "POST",
        "/api/events",
        ("events:write",),
        _THREE_HUNDRED_FIFTY,
        writes.create_event,
        Allowed("event"),
    ),
    Endpoint(
        "POST",
        "/api/event-bulk-create-jobs",
        ("events:write",),
        _TEN,
        writes.bulk_create_events,
        Allowed("event-bulk-create-job"),
    ),
    Endpoint(
        "GET",
        "/api/profiles",
        ("profiles:read",),
        _SEVENTY_FIVE,
        reads.get_profiles,
        Allowed(
            "profile",
            {"profile": fields.PROFILE, **_CONTACTS},
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
            frozenset({"conversations", "push-tokens"}),
            additional=fields.UNLISTED,
            page_size=20,
            page_size_limit=100,
            paged=True,
        ),
    ),
    Endpoint(
        "POST",
        "/api/profiles",
        ("profiles:write",),
        _SEVENTY_FIVE,
        writes.create_profile,
        _PROFILE,
        PROFILE_BODY_BYTES,
    ),
    Endpoint(
        "GET",
        "/api/profiles/{id}",
        ("profiles:read",),
        _SEVENTY_FIVE,
        reads.get_profile,
        Allowed(
            "profile",
            {
                "profile": fields.PROFILE,
                "list": fields.LIST,
                "segment": fields.SEGMENT,
                **_CONTACTS,
            },
            include=frozenset({"conversations", "lists", "push-tokens", "segments"}),
            additional=fields.UNLISTED,
        ),
    ),
    Endpoint(
        "PATCH",
        "/api/profiles/{id}",
        ("profiles:write",),
        _SEVENTY_FIVE,
        writes.update_profile,
        _PROFILE,
        PROFILE_BODY_BYTES,
    ),
    Endpoint(
        "POST",
        "/api/profile-import",
        ("profiles:write",),
        _SEVENTY_FIVE,
        writes.import_profile,
        _PROFILE,
        PROFILE_BODY_BYTES,
    ),
    Endpoint(
        "POST",
        "/api/profile-merge",
        ("profiles:write",),
        _TEN,
        writes.merge_profiles,
        Allowed("profile-merge", {"profile": frozenset({"id"})}),
    ),
    Endpoint(
        "GET",
        "/api/profile-bulk-import-jobs",
        ("lists:read", "profiles:read"),
        _TEN,
        reads.get_import_jobs,
        Allowed(
            _JOB_TYPE,
            {_JOB_TYPE: fields.JOB},
            {"status": _EQUALS_ANY},
            ("created_at",),
            page_size=20,
            page_size_limit=100,
            paged=True,
        ),
    ),
    Endpoint(
        "POST",
        "/api/profile-bulk-import-jobs",
        ("lists:write", "profiles:write"),
        _TEN,
        writes.bulk_import_profiles,
        _JOB,
    ),
    Endpoint(
        "GET",
        "/api/profile-bulk-import-jobs/{id}",
        ("lists:read", "profiles:read"),
        _TEN,
        reads.get_import_job,
        Allowed(
            _JOB_TYPE,
            {_JOB_TYPE: fields.JOB, "list": fields.LIST},
            include=frozenset({"lists"}),
        ),
    ),
    Endpoint(
        "GET",
        "/api/profile-bulk-import-jobs/{id}/import-errors",
        ("profiles:read",),
        _TEN,
        reads.get_import_errors,
        Allowed(
            "import-error",
            {"import-error": fields.ERROR},
            page_size=20,
            page_size_limit=100,
            paged=True,
        ),
    ),
    Endpoint(
        "GET",
        "/api/profile-bulk-import-jobs/{id}/profiles",
        ("profiles:read",),
        _TEN,
        reads.get_import_profiles,
        Allowed(
            "profile",
            {"profile": fields.PROFILE},
            additional=fields.UNLISTED,
            page_size=20,
            page_size_limit=100,
            paged=True,
        ),
    ),
    Endpoint(
        "POST",
        "/api/profile-subscription-bulk-create-jobs",
        ("lists:write", "profiles:write", "subscriptions:write"),
        _SEVENTY_FIVE,
        writes.subscribe_profiles,
        Allowed("profile-subscription-bulk-create-job"),
    ),
    Endpoint(
        "GET",
        "/api/lists",
        ("lists:read",),
        _SEVENTY_FIVE,
        reads.get_lists,
        Allowed(
            "list",
            {"list": fields.LIST, **_OF_LISTS},
            {
                "name": _EQUALS_ANY,
                "id": _EQUALS_ANY,
                "created": frozenset({"greater-than"}),
                "updated": frozenset({"greater-than"}),
            },
            ("created", "id", "name", "updated"),
            _FLOWS | {"tags"},
            page_size=10,
            page_size_limit=10,
            paged=True,
        ),
    ),
    Endpoint(
        "POST",
        "/api/lists",
        ("lists:write",),
        _TEN,
        writes.create_list,
        Allowed("list", {"list": fields.LIST}),
    ),
    Endpoint(
        "GET",
        "/api/lists/{id}",
        ("lists:read",),
        _SEVENTY_FIVE,
        reads.get_list,
        Allowed(
            "list",
            {"list": fields.ONE_LIST, **_OF_LISTS},
            include=_FLOWS | {"tags"},
            additional=frozenset({"profile_count"}),
        ),
    ),
)

SCOPES = frozenset(scope for endpoint in ENDPOINTS for scope in endpoint.scopes)


def find(path: str) -> tuple[dict[str, Endpoint], dict[str, str]]:
    """The endpoints of a path by method, and what the path names; empty when there is none."""
    for template, methods in _BY_PATH.items():
        if template == path:
            return methods, {}
    segments = path.split("/")
    for template, methods in _BY_PATH.items():
        parts = template.split("/")
        if "{id}" in parts and len(parts) == len(segments) and segments[parts.index("{id}")]:
            pairs = zip(parts, segments, strict=True)
            if all(part in {"{id}", segment} for part, segment in pairs):
                return methods, {"id": segments[parts.index("{id}")]}
    return {}, {}


_BY_PATH: dict[str, dict[str, Endpoint]] = {}
for _endpoint in ENDPOINTS:
    _BY_PATH.setdefault(_endpoint.path, {})[_endpoint.method] = _endpoint
