"""What is in Klaviyo: how it is asked, how its answers are read, and its events in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from target_klaviyo.klaviyo.endpoints import EVENTS, METRICS
from target_klaviyo.klaviyo.json_api import as_object, objects, parse_timestamp, quoted, resources
from target_klaviyo.people.lookups import lookup, questions
from target_klaviyo.rows.contract import SAMPLE_ID_PREFIX, SAMPLE_PROPERTY
from target_klaviyo.rows.identity import IDENTIFIER_KINDS, comparable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from target_klaviyo.klaviyo.endpoints import Call
    from target_klaviyo.klaviyo.exchange import Api

EVENTS_PER_PAGE = 1000

_API_INTEGRATION = "api"
_ADD_EVENT = """
INSERT OR IGNORE INTO found (id, metric, unique_id, person, time, value, currency, owned)
VALUES (:id, :metric, :unique_id, :person, :time, :value, :currency, :owned)
"""
_ADD_PERSON = """
INSERT OR REPLACE INTO people (id, email, phone_number, external_id)
VALUES (:id, :email, :phone_number, :external_id)
"""


@dataclass(frozen=True)
class FoundEvent:
    """An event as Klaviyo shows it.

    Attributes:
        time: seconds since 1970.
        unique_id: None when Klaviyo does not show it.
        value: None when Klaviyo does not show it.
        person: identifiers of its profile, by kind; its `id` always.
    """

    id: str
    time: int
    unique_id: str | None
    value: float | None
    currency: str | None
    person: dict[str, str]
    properties: Mapping[str, Any] = field(repr=False)


def metric_ids(api: Api) -> dict[str, str]:
    """Ids of the metrics made through the API, by name.

    Klaviyo's reference lets a metric's integration be null; such a metric, which is no
    integration's, counts as ours when there is no other of its name.
    """
    ours: dict[str, str] = {}
    unattributed: dict[str, str] = {}
    for name, metric_id, integration in api.pages(metrics_call, read_metrics):
        if integration == _API_INTEGRATION:
            ours.setdefault(name, metric_id)
        elif not integration:
            unattributed.setdefault(name, metric_id)
    return unattributed | ours


def found_events(api: Api, metric_id: str, start: int, end: int) -> Iterator[FoundEvent]:
    """A metric's events from `start` up to `end`, in seconds since 1970."""
    return api.pages(partial(events_call, metric_id, start, end), read_events)


def replace_found(
    store: sqlite3.Connection, metric: int, events: Iterable[FoundEvent], scope: Mapping[str, str]
) -> None:
    """Keep these events of a metric, and forget what was found of it before.

    Args:
        store: where they are kept.
        metric: its number.
        events: as Klaviyo shows them.
        scope: properties that all of our events bear, where several sites share an account; empty
            when all events are ours.
    """
    store.execute("DELETE FROM found WHERE metric = ?", (metric,))
    for event in events:
        is_ours = _is_ours(event, scope)
        if is_ours is None:
            continue
        kept = {"metric": metric, "person": event.person["id"], "owned": is_ours}
        store.execute(_ADD_EVENT, {**vars(event), **kept})
        store.execute(_ADD_PERSON, {**dict.fromkeys(IDENTIFIER_KINDS), **event.person})


def found_profiles(
    api: Api, lookups: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Profiles by each of their identifiers, as (kind, value).

    Args:
        api: sends the questions.
        lookups: identifiers, as (kind, value), one of which each profile has.
    """
    by_kind: dict[str, list[str]] = {}
    for kind, value in lookups:
        by_kind.setdefault(kind, []).append(value)
    found = {
        profile["id"]: profile
        for kind, values in by_kind.items()
        for asked in questions(values)
        for profile in api.pages(partial(lookup, kind, asked), read_profiles)
    }
    indexed: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for profile in found.values():
        for identifier in _identifiers(profile).items():
            indexed.setdefault(identifier, []).append(profile)
    return indexed


def metrics_call(cursor: str | None) -> Call:
    """GET /api/metrics: pages whose size cannot be chosen (docs/klaviyo.md: Endpoints)."""
    return METRICS.call(query={"page[cursor]": cursor} if cursor else {})


def read_metrics(document: Any) -> Iterator[tuple[str, str, str]]:
    """(name, id, integration) of the metrics of a page, the latter in lower case.

    Events sent with a private key belong to the integration "API"; the native integration's
    metrics of the same names are different metrics, and none of ours (docs/klaviyo.md: Metrics).
    """
    for resource in resources(document):
        attributes = as_object(resource.get("attributes"))
        integration = as_object(attributes.get("integration"))
        marks = {str(integration.get(mark) or "").lower() for mark in ("key", "name")}
        known = _API_INTEGRATION if _API_INTEGRATION in marks else max(marks)
        yield str(attributes.get("name")), str(resource.get("id")), known


def events_call(metric_id: str, start: int, end: int, cursor: str | None) -> Call:
    """GET /api/events: a metric's events from `start` up to `end`, with their profiles."""
    query = {
        "filter": f"equals(metric_id,{quoted(metric_id)}),"
        f"greater-or-equal(datetime,{_iso(start)}),less-than(datetime,{_iso(end)})",
        "sort": "datetime",
        "include": "profile",
        "fields[event]": "datetime,event_properties,timestamp",
        "fields[profile]": "email,external_id,phone_number",
        "page[size]": str(EVENTS_PER_PAGE),
    }
    if cursor:
        query["page[cursor]"] = cursor
    return EVENTS.call(query=query)


def read_events(document: Any) -> Iterator[FoundEvent]:
    """The events of a page.

    Klaviyo shows what an event was sent with among its properties: `$event_id` is the unique_id,
    `$value` and `$value_currency` the amount (docs/klaviyo.md: Events).
    """
    people = {
        str(resource.get("id")): as_object(resource.get("attributes"))
        for resource in objects(as_object(document).get("included"))
        if resource.get("type") == "profile"
    }
    for resource in resources(document):
        attributes = as_object(resource.get("attributes"))
        properties = as_object(attributes.get("event_properties"))
        owner = as_object(as_object(resource.get("relationships")).get("profile"))
        profile_id = str(as_object(owner.get("data")).get("id") or "")
        unique_id, value = properties.get("$event_id"), properties.get("$value")
        currency = properties.get("$value_currency")
        yield FoundEvent(
            str(resource.get("id")),
            _moment(attributes),
            None if unique_id in (None, "") else str(unique_id),
            float(value) if isinstance(value, int | float) else None,
            currency if isinstance(currency, str) else None,
            {"id": profile_id, **_identifiers(people.get(profile_id, {}))},
            properties,
        )


def read_profiles(document: Any) -> Iterator[dict[str, Any]]:
    """Attributes of the profiles of a page, with their `id`."""
    for resource in resources(document):
        yield {**as_object(resource.get("attributes")), "id": str(resource.get("id"))}


def _is_ours(event: FoundEvent, scope: Mapping[str, str]) -> bool | None:
    """Whether the event is in our scope; None when it is in another's, or a sample.

    One that says nothing may be from before the site's name was sent: it counts when it is
    expected, and is nobody's surplus.
    """
    if event.properties.get(SAMPLE_PROPERTY) is True and str(event.unique_id).startswith(
        SAMPLE_ID_PREFIX
    ):
        return None
    told = {name: event.properties.get(name) for name in scope}
    if any(value not in (None, scope[name]) for name, value in told.items()):
        return None
    return None not in told.values()


def _identifiers(profile: Mapping[str, Any]) -> dict[str, str]:
    """The identifiers a profile has, by kind, as they are compared."""
    return dict(
        comparable(kind, profile[kind])
        for kind in IDENTIFIER_KINDS
        if isinstance(profile.get(kind), str) and profile[kind]
    )


def _iso(moment: int) -> str:
    """With an offset, so that nobody has to guess a zone."""
    return datetime.fromtimestamp(moment, timezone.utc).isoformat()


def _moment(attributes: Mapping[str, Any]) -> int:
    timestamp = attributes.get("timestamp")
    if isinstance(timestamp, int | float):
        return int(datetime.fromtimestamp(timestamp, timezone.utc).timestamp())
    return int(parse_timestamp(str(attributes.get("datetime"))).timestamp())
