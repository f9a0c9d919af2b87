"""The README's tables, made from the code they describe: `make docs` writes them into place.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; a test fails when one has
drifted from the code.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.events import METRICS
from recurly_to_klaviyo.profiles import PROPERTIES
from tap_recurly.settings import SETTINGS_SCHEMA as TAP_SETTINGS
from tap_recurly.streams import STREAMS
from target_klaviyo.settings import json_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "tap-recurly/README.md", ROOT / "target-klaviyo/README.md")

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


def metrics() -> str:
    """The five metrics: name, Swedish name, source stream, what counts."""
    return _table(
        ("Metric", "In Swedish", "Read from", "What counts"),
        (
            (f"**{metric.name}**", SWEDISH[metric.name], f"`{metric.stream}`", metric.meaning)
            for metric in sorted(METRICS, key=lambda metric: metric.name)
        ),
    )


def profile_properties() -> str:
    """The four profile properties: name, Swedish name, what it holds."""
    return _table(
        ("Profile property", "In Swedish", "What it holds"),
        (
            (f"**{declared.name}**", SWEDISH[declared.name], declared.meaning)
            for declared in PROPERTIES
        ),
    )


def tap_settings() -> str:
    """Every setting of tap-recurly of its own; the SDK's common ones are documented there."""
    return _settings(TAP_SETTINGS)


def target_settings() -> str:
    """Every setting of target-klaviyo of its own."""
    return _settings(json_schema())


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
    "profile properties": profile_properties,
    "tap settings": tap_settings,
    "target settings": target_settings,
    "streams": streams,
}


def with_tables(text: str) -> str:
    """`text` with every marked table made anew."""

    def renew(mark: re.Match[str]) -> str:
        return f"{mark['start']}\n{TABLES[mark['name']]()}\n{mark['end']}"

    pattern = r"(?P<start><!-- table: (?P<name>[a-z ]+) -->)\n.*?(?P<end><!-- end -->)"
    return re.sub(pattern, renew, text, flags=re.DOTALL)


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
    return f"`{setting['default']}`" if "default" in setting else "none"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(with_tables(document.read_text()))
