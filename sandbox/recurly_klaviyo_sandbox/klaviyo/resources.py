"""Stored things as JSON:API resources."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import orjson

from recurly_klaviyo_sandbox.klaviyo.calls import Answer
from recurly_klaviyo_sandbox.klaviyo.profiles import ATTRIBUTES, LOCATION
from recurly_klaviyo_sandbox.klaviyo.query import cursor, query_string, thin
from recurly_klaviyo_sandbox.klaviyo.values import to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurly_klaviyo_sandbox.klaviyo.calls import Call
    from recurly_klaviyo_sandbox.klaviyo.events import StoredEvent
    from recurly_klaviyo_sandbox.klaviyo.jobs import ImportError_, ImportJob
    from recurly_klaviyo_sandbox.klaviyo.lists import ProfileList
    from recurly_klaviyo_sandbox.klaviyo.metrics import Metric
    from recurly_klaviyo_sandbox.klaviyo.options import Options
    from recurly_klaviyo_sandbox.klaviyo.profiles import Profile
    from recurly_klaviyo_sandbox.klaviyo.query import Query
    from recurly_klaviyo_sandbox.klaviyo.state import State


def account(options: Options, fields: Mapping[str, frozenset[str]], base: str) -> dict[str, Any]:
    """The account."""
    return {
        "type": "account",
        "id": "SandBx",
        "attributes": thin(
            {
                "test_account": options.test_account,
                "contact_information": {
                    "default_sender_name": options.organization_name,
                    "default_sender_email": "store@sandbox.test",
                    "website_url": None,
                    "organization_name": options.organization_name,
                    "street_address": {
                        "address1": None,
                        "address2": None,
                        "city": None,
                        "region": None,
                        "country": None,
                        "zip": None,
                    },
                },
                "industry": None,
                "timezone": options.timezone,
                "preferred_currency": options.preferred_currency,
                "public_api_key": "SandBx",
                "locale": "en-US",
            },
            fields.get("account"),
        ),
        "links": {"self": f"{base}/api/accounts/SandBx/"},
    }


def metric(stored: Metric, fields: Mapping[str, frozenset[str]], base: str) -> dict[str, Any]:
    """A metric with its integration, by which same names are told apart."""
    here = f"{base}/api/metrics/{stored.id}/"
    api = stored.integration == "API"
    return {
        "type": "metric",
        "id": stored.id,
        "attributes": thin(
            {
                "name": stored.name,
                "created": to_iso(stored.created),
                "updated": to_iso(stored.created),
                "integration": {
                    "object": "integration",
                    "id": "0eMvjm" if api else "6aBcDe",
                    "key": "api" if api else stored.integration.lower(),
                    "name": stored.integration,
                    "category": "API" if api else "eCommerce",
                },
            },
            fields.get("metric"),
        ),
        "relationships": {"flow-triggers": {"data": [], "links": _related(here, "flow-triggers")}},
        "links": {"self": here},
    }


def profile(stored: Profile, fields: Mapping[str, frozenset[str]], base: str) -> dict[str, Any]:
    """A profile with all its attributes, null where there is none."""
    attributes: dict[str, Any] = {
        "email": stored.email,
        "phone_number": stored.phone_number,
        "external_id": stored.external_id,
        "anonymous_id": None,
        "whatsapp_bsuid": None,
        **{name: stored.attributes.get(name) for name in ATTRIBUTES},
        "created": to_iso(stored.created),
        "updated": to_iso(stored.updated),
        "last_event_date": None if stored.last_event is None else to_iso(stored.last_event),
        "location": {name: stored.location.get(name) for name in LOCATION},
        "properties": stored.properties,
    }
    here = f"{base}/api/profiles/{stored.id}/"
    return {
        "type": "profile",
        "id": stored.id,
        "attributes": thin(attributes, fields.get("profile")),
        "relationships": {
            name: {"links": _related(here, name)}
            for name in ("lists", "segments", "push-tokens", "conversation")
        },
        "links": {"self": here},
    }


def event(
    stored: StoredEvent,
    state: State,
    fields: Mapping[str, frozenset[str]],
    base: str,
) -> dict[str, Any]:
    """An event; its value, 0 if it has none, and its unique_id show as properties (recorded)."""
    properties = orjson.loads(stored.properties)
    value = stored.value or 0
    properties["$value"] = int(value) if value == int(value) else value
    if stored.currency:
        properties["$value_currency"] = stored.currency
    if state.options.show_event_id:
        properties["$event_id"] = str(stored.key)
    here = f"{base}/api/events/{stored.id}/"
    attributes = {
        "timestamp": stored.time,
        "event_properties": properties,
        "datetime": to_iso(stored.time),
        "uuid": str(uuid.UUID(int=stored.time << 64 | stored.number)),
    }
    return {
        "type": "event",
        "id": stored.id,
        "attributes": thin(attributes, fields.get("event")),
        "relationships": {
            name: {"data": {"type": name, "id": other}, "links": _related(here, name)}
            for name, other in (
                ("profile", state.profiles.number(stored.profile).id),
                ("metric", state.metrics.number(stored.metric).id),
            )
        },
        "links": {"self": here},
    }


def import_job(
    stored: ImportJob, fields: Mapping[str, frozenset[str]], base: str
) -> dict[str, Any]:
    """An import job."""
    here = f"{base}/api/profile-bulk-import-jobs/{stored.id}/"
    attributes = {
        "status": stored.status,
        "created_at": to_iso(stored.created),
        "total_count": stored.total,
        "completed_count": stored.total - len(stored.errors) if stored.status == "complete" else 0,
        "failed_count": len(stored.errors),
        "completed_at": None if stored.completed is None else to_iso(stored.completed),
        "expires_at": to_iso(stored.expires),
        "started_at": None if stored.started is None else to_iso(stored.started),
    }
    return {
        "type": "profile-bulk-import-job",
        "id": stored.id,
        "attributes": thin(attributes, fields.get("profile-bulk-import-job")),
        "relationships": {
            "lists": {
                "data": [{"type": "list", "id": identifier} for identifier in stored.lists],
                "links": _related(here, "lists"),
            },
            "profiles": {"links": _related(here, "profiles")},
            "import-errors": {"links": {"related": f"{here}import-errors/"}},
        },
        "links": {"self": here},
    }


def import_error(stored: ImportError_, fields: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """Why a row was not imported."""
    attributes = {
        "code": stored.code,
        "title": stored.title,
        "detail": stored.detail,
        "source": {"pointer": stored.pointer},
        "original_payload": stored.payload,
    }
    return {
        "type": "import-error",
        "id": stored.id,
        "attributes": thin(attributes, fields.get("import-error")),
    }


def profile_list(
    stored: ProfileList, fields: Mapping[str, frozenset[str]], base: str
) -> dict[str, Any]:
    """A list."""
    attributes = {
        "name": stored.name,
        "created": to_iso(stored.created),
        "updated": to_iso(stored.created),
        "opt_in_process": "double_opt_in",
    }
    return {
        "type": "list",
        "id": stored.id,
        "attributes": thin(attributes, fields.get("list")),
        "links": {"self": f"{base}/api/lists/{stored.id}/"},
    }


def _related(here: str, name: str) -> dict[str, str]:
    return {"self": f"{here}relationships/{name}/", "related": f"{here}{name}/"}


def one(data: dict[str, Any], call: Call, *, status: int = 200) -> Answer:
    """The answer that is a single resource."""
    here = call.url + query_string(call.query.parameters)
    return Answer(status, {"data": data, "links": {"self": here}})


def collection(  # noqa: PLR0913  (the members of a page)
    data: list[dict[str, Any]],
    query: Query,
    url: str,
    options: Options,
    *,
    following: tuple[Any, ...] | None = None,
    included: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """One page; `following` is where the next one starts, None on the last.

    Documented: `links.next` is an absolute URL that carries the request's parameters.
    """
    links: dict[str, Any] = {"self": url + query_string(query.parameters)}
    rest = tuple(pair for pair in query.parameters if pair[0] != "page[cursor]")
    if options.absent_links == "null":
        links.update(next=None, prev=None)
    if following is not None:
        links["next"] = url + query_string((*rest, ("page[cursor]", cursor(following))))
    document: dict[str, Any] = {"data": data, "links": links}
    if query.include:
        document["included"] = included or []
    return document
