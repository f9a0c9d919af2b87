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
    from recurly_klaviyo_sandbox.klaviyo.calls import Call
    from recurly_klaviyo_sandbox.klaviyo.events import StoredEvent
    from recurly_klaviyo_sandbox.klaviyo.jobs import ImportError_, ImportJob
    from recurly_klaviyo_sandbox.klaviyo.metrics import Metric
    from recurly_klaviyo_sandbox.klaviyo.options import Options
    from recurly_klaviyo_sandbox.klaviyo.profiles import Profile
    from recurly_klaviyo_sandbox.klaviyo.state import ProfileList, State


def account(options: Options, call: Call) -> dict[str, Any]:
    """The account."""
    attributes = {
        "test_account": options.test_account,
        "contact_information": {
            "default_sender_name": options.organization_name,
            "default_sender_email": "store@sandbox.test",
            "website_url": None,
            "organization_name": options.organization_name,
            "street_address": dict.fromkeys(
                ("address1", "address2", "city", "region", "country", "zip")
            ),
        },
        "industry": None,
        "timezone": options.timezone,
        "preferred_currency": options.preferred_currency,
        "public_api_key": "SandBx",
        "locale": "en-US",
    }
    return _resource("account", "SandBx", attributes, call)


def metric(stored: Metric, call: Call) -> dict[str, Any]:
    """A metric with its integration, by which same names are told apart."""
    api = stored.integration == "API"
    attributes = {
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
    }
    return _resource("metric", stored.id, attributes, call, {"flow-triggers": {"data": []}})


def profile(stored: Profile, call: Call) -> dict[str, Any]:
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
    related: dict[str, Any] = {
        name: {} for name in ("lists", "segments", "push-tokens", "conversation")
    }
    return _resource("profile", stored.id, attributes, call, related)


def event(stored: StoredEvent, state: State, call: Call) -> dict[str, Any]:
    """An event; its value, 0 if it has none, and its unique_id show as properties (recorded)."""
    properties = orjson.loads(stored.properties)
    value = stored.value or 0
    properties["$value"] = int(value) if value == int(value) else value
    if stored.currency:
        properties["$value_currency"] = stored.currency
    if state.options.show_event_id:
        properties["$event_id"] = str(stored.key)
    attributes = {
        "timestamp": stored.time,
        "event_properties": properties,
        "datetime": to_iso(stored.time),
        "uuid": str(uuid.UUID(int=stored.time << 64 | stored.number)),
    }
    related = {
        name: {"data": {"type": name, "id": other}}
        for name, other in (
            ("profile", state.profiles.number(stored.profile).id),
            ("metric", state.metrics.number(stored.metric).id),
        )
    }
    return _resource("event", stored.id, attributes, call, related)


def import_job(stored: ImportJob, call: Call) -> dict[str, Any]:
    """An import job."""
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
    lists = [{"type": "list", "id": identifier} for identifier in stored.lists]
    related = {"lists": {"data": lists}, "profiles": {}, "import-errors": {}}
    resource = _resource("profile-bulk-import-job", stored.id, attributes, call, related)
    del resource["relationships"]["import-errors"]["links"]["self"]  # recorded
    return resource


def import_error(stored: ImportError_, call: Call) -> dict[str, Any]:
    """Why a row was not imported."""
    attributes = {
        "code": "invalid",
        "title": "Invalid input.",
        "detail": stored.detail,
        "source": {"pointer": stored.pointer},
        "original_payload": stored.payload,
    }
    return {
        "type": "import-error",
        "id": stored.id,
        "attributes": thin(attributes, call.query.fields.get("import-error")),
    }


def profile_list(stored: ProfileList, call: Call) -> dict[str, Any]:
    """A list."""
    attributes = {
        "name": stored.name,
        "created": to_iso(stored.created),
        "updated": to_iso(stored.created),
        "opt_in_process": "double_opt_in",
    }
    return _resource("list", stored.id, attributes, call)


def _resource(
    kind: str,
    identifier: str,
    attributes: dict[str, Any],
    call: Call,
    related: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """A resource with its links; sparse fields thin out its attributes."""
    here = f"{call.base}/api/{kind}s/{identifier}/"
    resource = {
        "type": kind,
        "id": identifier,
        "attributes": thin(attributes, call.query.fields.get(kind)),
        "links": {"self": here},
    }
    if related is not None:
        for name, relationship in related.items():
            links = {"self": f"{here}relationships/{name}/", "related": f"{here}{name}/"}
            relationship["links"] = links
        resource["relationships"] = related
    return resource


def one(data: dict[str, Any], call: Call, *, status: int = 200) -> Answer:
    """The answer that is a single resource."""
    here = call.url + query_string(call.query.parameters)
    return Answer(status, {"data": data, "links": {"self": here}})


def collection(
    data: list[dict[str, Any]],
    call: Call,
    options: Options,
    following: tuple[Any, ...] | None = None,
    included: list[dict[str, Any]] | None = None,
) -> Answer:
    """The answer that is a page; `following` is where the next one starts, None on the last.

    Documented: `links.next` is an absolute URL that carries the request's parameters.
    """
    parameters = call.query.parameters
    links: dict[str, Any] = {"self": call.url + query_string(parameters)}
    if options.absent_links == "null":
        links.update(next=None, prev=None)
    if following is not None:
        rest = tuple(pair for pair in parameters if pair[0] != "page[cursor]")
        links["next"] = call.url + query_string((*rest, ("page[cursor]", cursor(following))))
    document: dict[str, Any] = {"data": data, "links": links}
    if call.query.include:
        document["included"] = included or []
    return Answer(200, document)
