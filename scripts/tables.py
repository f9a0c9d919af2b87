"""The tables of the READMEs, made from what the code declares."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from about import own_settings, required_settings
from recurly_to_klaviyo import Transform
from recurly_to_klaviyo.events import METRICS
from recurly_to_klaviyo.profiles import PROPERTIES
from tap_recurly.redaction import SECRET_FIELDS
from tap_recurly.schema import resource_schema
from tap_recurly.streams import STREAMS, RecurlyStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SWEDISH = {
    "Failed Payment": "Misslyckad betalning",
    "Issued Invoice": "Utfärdade fakturor",
    "Ordered Product": "Beställd produkt",
    "Refunded Payment": "Återbetalad betalning",
    "Successfully Paid": "Framgångsrikt betald",
    "Recurly Account Code": "Recurly Konto Kod",
    "Recurly Card Expiration Date": "Recurly-kortets utgångsdatum",
    "Recurly Plan Codes": "Recurly abonnemang koder",
    "Recurly Plans": "Recurly abonnemang",
}
"""How Klaviyo's own Recurly integration is translated, for those who know it by these names."""


COMPLETE_RECORDS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "transactions": (
        "Transaction",
        [
            {"type": "purchase", "status": "declined"},
            {"type": "purchase", "status": "success"},
            {"type": "refund", "status": "success"},
        ],
    ),
    "invoices": ("Invoice", [{"type": "charge", "origin": "purchase"}]),
}
"""By stream, Recurly's resource and what must be said of it to give each metric an event."""


def native_names() -> str:
    """What bears the names of Klaviyo's own integration: name, what it is, Swedish name."""
    declarations: list[Any] = [*sorted(METRICS, key=lambda metric: metric.name), *PROPERTIES]
    return _table(
        ("Name", "What it is", "In Swedish"),
        (
            (f"**{declared.name}**", declared.meaning, SWEDISH[declared.name])
            for declared in declarations
            if declared.name in SWEDISH
        ),
    )


def metrics() -> str:
    """Every metric: name, group, source stream, what counts."""
    return _table(
        ("Metric", "Group", "Read from", "What counts"),
        (
            (f"**{metric.name}**", _group(metric), f"`{metric.stream}`", metric.meaning)
            for metric in METRICS
        ),
    )


def event_properties() -> str:
    """What an event of each metric carries when its record lacks nothing."""
    events = dict(_complete_events())
    shared = set.intersection(*(set(event["properties"]) for event in events.values()))
    rows = [
        (
            "all five",
            _listed(name for name in events["Issued Invoice"]["properties"] if name in shared),
        )
    ]
    rows += [
        (f"**{name}**", _listed(own for own in events[name]["properties"] if own not in shared))
        for name in sorted(events)
    ]
    return _table(("Metric", "Event properties"), rows)


def profile_properties() -> str:
    """Every profile property: name, group, what it holds."""
    return _table(
        ("Profile property", "Group", "What it holds"),
        ((f"**{each.name}**", _group(each), each.meaning) for each in PROPERTIES),
    )


def _group(declared: Any) -> str:
    """The group by which a metric or a property is chosen."""
    return f"`{getattr(declared, 'group', 'native')}`"


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
    transform = Transform({})
    for stream, (resource, variants) in COMPLETE_RECORDS.items():
        record = _example(resource_schema(resource, keys=("id",)))
        for line_item in record.get("line_items", ()):
            line_item["type"] = "charge"
        for variant in variants:
            for _, event in transform.rows(stream, {**record, **variant}):
                yield event["metric"], event


def _example(schema: dict[str, Any]) -> Any:
    """A value of the schema in which nothing is missing."""
    kinds = schema.get("type", [])
    if "properties" in schema:
        return {name: _example(each) for name, each in schema["properties"].items()}
    if "array" in kinds:
        return [_example(schema.get("items", {}))]
    if schema.get("format") == "date-time":
        return "2026-01-31T10:00:00Z"
    return 1 if {"integer", "number"} & set(kinds) else "1"


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
