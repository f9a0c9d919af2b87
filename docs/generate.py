"""What the documents repeat of the code, made from the code: `make docs` writes it into place.

That is the READMEs' tables, each between `<!-- table: NAME -->` and `<!-- end -->`, and the plugins
as another Meltano project includes them. A test fails when one of them has drifted.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo import Transform
from recurly_to_klaviyo.events import METRICS
from recurly_to_klaviyo.mapper import RecurlyToKlaviyo
from recurly_to_klaviyo.profiles import PROPERTIES
from tap_recurly.config import CONFIG_JSONSCHEMA as TAP_SETTINGS
from tap_recurly.schema import resource_schema
from tap_recurly.streams import STREAMS
from target_klaviyo.settings import json_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).parent.parent
DOCUMENTS = tuple(
    ROOT / folder / "README.md" for folder in (".", "tap-recurly", "transform", "target-klaviyo")
)

PROJECT = ROOT / "meltano.yml"
PLUGINS = ROOT / "docs/plugins.meltano.yml"
PLUGINS_HEAD = """\
# The plugins and jobs of this repository for a Meltano project that holds it as the folder
# recurly-to-klaviyo: include_paths: [recurly-to-klaviyo/docs/plugins.meltano.yml]
# Made from meltano.yml by `make docs`.
"""

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


def metrics() -> str:
    """The five metrics: name, source stream, what counts, Swedish name."""
    return _table(
        ("Metric", "Read from", "What counts", "In Swedish"),
        (
            (f"**{metric.name}**", f"`{metric.stream}`", metric.meaning, SWEDISH[metric.name])
            for metric in sorted(METRICS, key=lambda metric: metric.name)
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
    """The four profile properties: name, what it holds, Swedish name."""
    return _table(
        ("Profile property", "What it holds", "In Swedish"),
        (
            (f"**{declared.name}**", declared.meaning, SWEDISH[declared.name])
            for declared in PROPERTIES
        ),
    )


def tap_settings() -> str:
    """Every setting of tap-recurly of its own; the SDK's common ones are documented there."""
    return _settings(TAP_SETTINGS)


def target_settings() -> str:
    """Every setting of target-klaviyo of its own."""
    return _settings(json_schema())


def transform_settings() -> str:
    """Every setting of the transform, of the mapper too."""
    return _settings(RecurlyToKlaviyo.config_jsonschema)


def streams() -> str:
    """Every stream of tap-recurly: what it holds, where it is read, how, and under which key."""
    return _table(
        ("Stream", "What it holds", "Endpoint", "Read how", "Key", "Selected by default"),
        (
            (
                f"`{stream.name}`",
                str(stream.__doc__).partition("\n")[0],
                f"`{stream.path}`",
                stream.reading,
                ", ".join(f"`{key}`" for key in stream.primary_keys),
                "yes" if stream.selected_by_default else "no",
            )
            for stream in STREAMS
        ),
    )


TABLES: dict[str, Callable[[], str]] = {
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


def plugins() -> str:
    """The plugins and jobs of this repository's project, from where another project sees them."""
    text = PROJECT.read_text()
    shared = text[text.index("\nplugins:") : text.index("\nschedules:")].strip()
    return f"{PLUGINS_HEAD}{shared.replace('-e ./', '-e ./recurly-to-klaviyo/')}\n"


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


def _settings(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    return _table(
        ("Setting", "Default", "Meaning"),
        (
            (f"`{name}`", _default(setting, required=name in required), setting["description"])
            for name, setting in schema["properties"].items()
        ),
    )


def _default(setting: dict[str, Any], *, required: bool) -> str:
    if required:
        return "required, secret" if setting.get("secret") else "required"
    if "default" not in setting:
        return "none"
    default = setting["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(with_tables(document.read_text()))
    PLUGINS.write_text(plugins())
