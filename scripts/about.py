"""What each plugin says of itself with `--about`: the one source of every setting elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

FOLDERS = {
    "tap-recurly": "tap-recurly",
    "recurly-to-klaviyo": "transform",
    "target-klaviyo": "target-klaviyo",
}
"""Where each plugin's package stands, by the name of its command."""

DISTRIBUTIONS = {
    "tap-recurly": "tap-recurly-v3",
    "recurly-to-klaviyo": "recurly-to-klaviyo",
    "target-klaviyo": "target-klaviyo",
}
"""What each plugin's package is called when it is installed."""

BUILT_IN = frozenset(
    {
        "batch_config",
        "faker_config",
        "flattening_enabled",
        "flattening_max_depth",
        "flattening_max_key_length",
        "flattening_separator",
        "stream_map_config",
        "stream_maps",
    }
)
"""Settings that the SDK gives every plugin, and documents itself."""


@cache
def about(plugin: str) -> dict[str, Any]:
    """What the plugin's command says of itself: capabilities, Python versions, settings."""
    command = Path(sys.executable).with_name(plugin)
    said = subprocess.run(
        [command, "--about", "--format=json"], check=True, capture_output=True, text=True
    )
    described: dict[str, Any] = json.loads(said.stdout)
    return described


def settings(plugin: str) -> dict[str, dict[str, Any]]:
    """JSON Schema of each of the plugin's settings, the SDK's after its own."""
    properties: dict[str, dict[str, Any]] = about(plugin)["settings"]["properties"]
    return properties


def own_settings(plugin: str) -> dict[str, dict[str, Any]]:
    """The settings that are the plugin's own."""
    return {name: each for name, each in settings(plugin).items() if name not in BUILT_IN}


def required_settings(plugin: str) -> list[str]:
    """The settings without which the plugin does nothing."""
    return list(about(plugin)["settings"].get("required", []))


def summary(plugin: str) -> str:
    """What the plugin is, in one sentence."""
    return str(metadata.metadata(DISTRIBUTIONS[plugin])["Summary"])


def url(plugin: str, label: str) -> str:
    """An address that the plugin's pyproject.toml names, such as its repository's."""
    named = metadata.metadata(DISTRIBUTIONS[plugin]).get_all("Project-URL") or []
    addresses: dict[str, str] = dict(each.split(", ", 1) for each in named)
    return addresses[label]


def kinds(setting: dict[str, Any]) -> set[str]:
    """The JSON types a setting may have, null apart."""
    listed = setting.get("type", "string")
    return {listed} - {"null"} if isinstance(listed, str) else {*listed} - {"null"}
