"""The tables of the READMEs, made from what the code declares."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from about import own_settings, required_settings
from recurly_to_klaviyo import Transform
from recurly_to_klaviyo.events import METRICS
from recurly_to_klaviyo.metrics import METRIC_GROUPS, NATIVE
from recurly_to_klaviyo.profiles import PROPERTIES
from tap_recurly.redaction import SECRET_FIELDS
from tap_recurly.schema import resource_schema
from tap_recurly.streams import STREAMS, RecurlyStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_recurly.streams import RecurlyStream

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=timezone.utc)
PAST, AHEAD = "2026-01-15T10:00:00Z", "2026-02-01T10:00:00Z"
SETTINGS = {"metrics": [*METRIC_GROUPS], "lead_days": 30}
"""Every metric, on a day on which everything of the examples is news or about to come."""

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "transactions": [
        {"type": "purchase", "status": "declined", "status_code": "insufficient_funds"},
        {"type": "purchase", "status": "success"},
        {"type": "refund", "status": "success"},
    ],
    "invoices": [
        {"type": "charge", "origin": "purchase"},
        {"type": "charge", "origin": "renewal"},
        {"type": "charge", "origin": "immediate_change"},
        {"type": "charge", "state": "past_due"},
        {"type": "charge", "state": "failed"},
    ],
    "account_snapshots": [
        {"state": "active", "trial_ends_at": AHEAD},
        {"state": "active", "current_period_ends_at": AHEAD, "paused_at": None},
        {"state": "paused"},
        {"state": "canceled"},
        {"state": "expired"},
    ],
}
"""By stream, what must be said of a record, or of a snapshot's subscription, so that together they
give each metric an event."""


def native_names() -> str:
    """What bears the names of Klaviyo's own integration: name, what it is."""
    declarations: list[Any] = [*sorted(METRICS, key=lambda metric: metric.name), *PROPERTIES]
    return _table(
        ("Name", "What it is"),
        (
            (f"**{declared.name}**", declared.meaning)
            for declared in declarations
            if declared.group == NATIVE
        ),
    )


def metrics() -> str:
    """Every metric: name, group, source stream, what counts, when, under which id."""
    return _table(
        ("Metric", "Group", "Read from", "What counts", "Dated", "`unique_id`"),
        (
            (
                f"**{metric.name}**",
                f"`{metric.group}`",
                f"`{metric.stream}`",
                metric.meaning,
                metric.time,
                metric.unique_id,
            )
            for metric in METRICS
        ),
    )


def event_properties() -> str:
    """What an event of each metric carries when its record lacks nothing."""
    carried: dict[str, dict[str, Any]] = {metric.name: {} for metric in METRICS}
    for name, properties in _complete_events():
        carried[name] |= properties
    shared = set.intersection(*(set(properties) for properties in carried.values()))
    rows = [("every metric", _listed(name for name in carried["Issued Invoice"] if name in shared))]
    rows += [
        (f"**{name}**", _listed(own for own in properties if own not in shared))
        for name, properties in carried.items()
    ]
    return _table(("Metric", "Event properties"), rows)


def profile_properties() -> str:
    """Every profile property: name, group, what it holds."""
    return _table(
        ("Profile property", "Group", "What it holds"),
        ((f"**{each.name}**", f"`{each.group}`", each.meaning) for each in PROPERTIES),
    )


def tap_settings() -> str:
    """Every setting of tap-recurly of its own; the SDK's common ones are documented there."""
    return _settings("tap-recurly")


def target_settings() -> str:
    """Every setting of target-klaviyo of its own."""
    return _settings("target-klaviyo")


def transform_settings() -> str:
    """Every setting of the transform, of the mapper too."""
    return _settings("recurly-to-klaviyo")


def streams() -> str:
    """Every stream of tap-recurly: what it holds, where it is read, how, and under which key."""
    return _table(
        (
            "Stream",
            "What it holds",
            "Endpoint",
            "Read how",
            "Key",
            "Selected by default",
            "When deleted",
            "Secrets left out",
        ),
        (
            (
                f"`{stream.name}`",
                str(stream.__doc__).partition("\n")[0],
                f"`{stream.path}`",
                stream.reading,
                ", ".join(f"`{key}`" for key in stream.primary_keys),
                "yes" if stream.selected_by_default else "no",
                _when_deleted(stream),
                _listed(sorted(SECRET_FIELDS & _names(stream.record_schema()))) or "none",
            )
            for stream in STREAMS
        ),
    )


def _when_deleted(stream: type[RecurlyStream]) -> str:
    if stream.vanishes:
        return "vanishes"
    told = {"deleted_at", "state"} & stream.record_schema()["properties"].keys()
    return f"stays, see `{min(told)}`" if told else "stays"


def _names(schema: dict[str, Any]) -> set[str]:
    """The names of all fields of a schema, at any depth."""
    inner = schema.get("properties", {})
    below = [*inner.values(), *([schema["items"]] if "items" in schema else [])]
    return {*inner}.union(*map(_names, below))


TABLES: dict[str, Callable[[], str]] = {
    "native names": native_names,
    "metrics": metrics,
    "event properties": event_properties,
    "profile properties": profile_properties,
    "tap settings": tap_settings,
    "target settings": target_settings,
    "transform settings": transform_settings,
    "streams": streams,
}


def with_tables(text: str) -> str:
    """`text` with every marked table made anew."""

    def renew(mark: re.Match[str]) -> str:
        return f"{mark['start']}\n{TABLES[mark['name']]()}\n{mark['end']}"

    pattern = r"(?P<start><!-- table: (?P<name>[a-z ]+) -->)\n.*?(?P<end><!-- end -->)"
    return re.sub(pattern, renew, text, flags=re.DOTALL)


def _complete_events() -> Iterator[tuple[str, dict[str, Any]]]:
    """Metric and properties of every event of the examples."""
    transform = Transform(SETTINGS, clock=lambda: NOW)
    for stream in STREAMS:
        for example in EXAMPLES.get(stream.name, ()):
            for kind, row in transform.rows(stream.name, _record(stream, example)):
                if kind == "event":
                    yield row["metric"], row["properties"]


def _record(stream: type[RecurlyStream], example: dict[str, Any]) -> dict[str, Any]:
    """A record in which nothing is missing, and which is as the example says."""
    record: dict[str, Any] = _example(stream.record_schema())
    for line_item in record.get("line_items", ()):
        line_item |= {"type": "charge", "origin": "plan"}
    if stream.name != "account_snapshots":
        return {**record, "has_more_line_items": False, **example}
    subscription = _example(resource_schema("Subscription", keys=("id",)))
    card = {"exp_month": NOW.month, "exp_year": NOW.year}
    record["billing_info"]["payment_method"] |= card
    return record | {"subscriptions": [subscription | example], "same_email": []}


def _example(schema: dict[str, Any]) -> Any:
    """A value of the schema in which nothing is missing."""
    kinds = set(schema.get("type", []))
    if "properties" in schema:
        return {name: _example(each) for name, each in schema["properties"].items()}
    if "array" in kinds:
        return [_example(schema.get("items", {}))]
    if "boolean" in kinds:
        return True
    if schema.get("format") == "date-time":
        return PAST
    return 1 if {"integer", "number"} & kinds else "1"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _settings(plugin: str) -> str:
    required = required_settings(plugin)
    return _table(
        ("Setting", "Default", "Meaning"),
        (
            (f"`{name}`", _default(setting, required=name in required), setting["description"])
            for name, setting in own_settings(plugin).items()
        ),
    )


def _default(setting: dict[str, Any], *, required: bool) -> str:
    if required:
        return "required, secret" if setting.get("secret") else "required"
    default = setting.get("default")
    if default is None:
        return "none"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )
