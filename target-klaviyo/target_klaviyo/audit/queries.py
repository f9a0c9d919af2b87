"""What the audit asks Klaviyo, and how it reads the answers (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.audit.timezones import Amount, bucket_day
from target_klaviyo.klaviyo.endpoints import AGGREGATES, EVENTS, METRICS, PROFILES, Call
from target_klaviyo.klaviyo.json_api import (
    as_object,
    objects,
    parameter,
    parse_timestamp,
    resources,
)
from target_klaviyo.rows.identity import IDENTIFIER_KINDS, comparable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

EVENTS_PER_PAGE = 1000
PROFILES_PER_PAGE = 100
MAX_FILTER_CHARS = 4_000  # URLs of more than about 8 KB are refused by many a proxy

_API_INTEGRATION = "api"


@dataclass(frozen=True)
class FoundMetric:
    """A metric as Klaviyo shows it; an unattributed one belongs to no integration at all."""

    id: str
    name: str
    from_api: bool
    unattributed: bool


@dataclass(frozen=True)
class FoundEvent:
    """An event as Klaviyo shows it; `value` is None when it shows none."""

    id: str
    time: int
    key: str
    unique_id: str
    value: float | None
    currency: str | None
    who: dict[str, str]


def metrics(cursor: str | None) -> Call:
    """GET /api/metrics: pages of 200, whose size cannot be chosen, without a filter by name."""
    return Call(METRICS, METRICS.path, query={"page[cursor]": cursor} if cursor else {})


def read_metrics(document: Any) -> Iterator[FoundMetric]:
    """The metrics of a page.

    Events sent with a private key belong to the integration "API"; the native integration's
    metrics of the same names are different metrics, and none of ours.
    """
    for resource in resources(document):
        attributes = as_object(resource.get("attributes"))
        integration = as_object(attributes.get("integration"))
        marks = {str(integration.get(name) or "").lower() for name in ("name", "key")}
        yield FoundMetric(
            str(resource.get("id")),
            str(attributes.get("name")),
            from_api=_API_INTEGRATION in marks,
            unattributed=marks == {""},
        )


def aggregates(metric_id: str, start: int, end: int, zone_name: str, cursor: str | None) -> Call:
    """POST /api/metric-aggregates: counts and sums per day of a zone, from `start` up to `end`."""
    attributes: dict[str, Any] = {
        "metric_id": metric_id,
        "measurements": ["count", "sum_value"],
        "interval": "day",
        "filter": [
            f"greater-or-equal(datetime,{_iso(start)})",
            f"less-than(datetime,{_iso(end)})",
        ],
        "timezone": zone_name,
    }
    if cursor:
        attributes["page_cursor"] = cursor
    body = orjson.dumps({"data": {"type": "metric-aggregate", "attributes": attributes}})
    return Call(AGGREGATES, AGGREGATES.path, body)


def read_aggregates(document: Any, zone: ZoneInfo) -> Iterator[tuple[date, Amount]]:
    """Count and sum per day; a measurement Klaviyo leaves out counts as nothing.

    Raises:
        ValueError: something else stands where lists of numbers should.
    """
    attributes = as_object(as_object(as_object(document).get("data")).get("attributes"))
    labels = [bucket_day(str(label), zone) for label in _listed(attributes, "dates")]
    for row in _listed(attributes, "data"):
        measured = as_object(as_object(row).get("measurements"))
        counts, sums = _listed(measured, "count"), _listed(measured, "sum_value")
        for index, day in enumerate(labels):
            count = counts[index] if index < len(counts) else None
            value = sums[index] if index < len(sums) else None
            yield day, Amount(round(count or 0), float(value or 0))


def events(metric_id: str, start: int, end: int, cursor: str | None) -> Call:
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
    return Call(EVENTS, EVENTS.path, query=query)


def read_events(document: Any, audit_key: str) -> Iterator[FoundEvent]:
    """The events of a page; their value stands among the properties as `$value` (reported)."""
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
        known = people.get(profile_id, {})
        identifiers = {**known, "id": profile_id}
        who = dict(
            comparable(kind, identifiers[kind])
            for kind in IDENTIFIER_KINDS
            if isinstance(identifiers.get(kind), str) and identifiers[kind]
        )
        key, value = properties.get(audit_key), properties.get("$value")
        unique_id, currency = properties.get("$event_id"), properties.get("$value_currency")
        yield FoundEvent(
            str(resource.get("id")),
            _moment(attributes),
            "" if key is None else str(key),
            "" if unique_id is None else str(unique_id),
            float(value) if isinstance(value, int | float) else None,
            currency if isinstance(currency, str) else None,
            who,
        )


def profiles(kind: str, values: Iterable[str], cursor: str | None) -> Call:
    """GET /api/profiles: those with one of these identifiers of one kind."""
    listed = ",".join(quoted(value) for value in values)
    query = {"filter": f"any({kind},[{listed}])", "page[size]": str(PROFILES_PER_PAGE)}
    if cursor:
        query["page[cursor]"] = cursor
    return Call(PROFILES, PROFILES.path, query=query)


def read_profiles(document: Any) -> Iterator[dict[str, Any]]:
    """Attributes of the profiles of a page, with their `id`."""
    for resource in resources(document):
        yield {**as_object(resource.get("attributes")), "id": str(resource.get("id"))}


def next_aggregates_cursor(document: Any) -> str | None:
    """Where the next page of aggregates begins: `page_cursor` in `links.next`."""
    following = as_object(as_object(document).get("links")).get("next")
    if not isinstance(following, str):
        return None
    return parameter(following, "page_cursor") or parameter(following, "page[cursor]")


def quoted(text: str) -> str:
    r"""A string in a filter: in double quotes, with `"` and `\` escaped (documented)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _iso(moment: int) -> str:
    """With an offset, so that nobody has to guess a zone."""
    return datetime.fromtimestamp(moment, timezone.utc).isoformat()


def _listed(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(name)  # noqa: TRY004  (of the answer, not of our own code)
    return value


def _moment(attributes: dict[str, Any]) -> int:
    timestamp = attributes.get("timestamp")
    if isinstance(timestamp, int | float):
        return int(datetime.fromtimestamp(timestamp, timezone.utc).timestamp())
    return int(parse_timestamp(str(attributes.get("datetime"))).timestamp())
