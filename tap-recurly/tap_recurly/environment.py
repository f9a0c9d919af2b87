"""Settings from environment variables, each read as what its setting takes (pure)."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

from tap_recurly.config import faults, kinds_of, without_absent
from tap_recurly.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

STARTED_BY_MELTANO = "MELTANO_PROJECT_ROOT"
"""A variable that shows it. Meltano then reads the variables, and leaves a misspelt one unread."""

TRUTH = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(
    ("false", "0", "no", "off"), False
)
"""What the SDK takes for true, and the opposite."""

_TEXT_READERS: dict[str, Callable[[str], Any]] = {
    "boolean": lambda text: TRUTH[text.lower()],
    "object": json.loads,
    "array": json.loads,
}
"""How a setting that is no text is read from a variable, by its JSON type."""


def from_environment(
    environment: Mapping[str, str], prefix: str, schema: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings that environment variables give.

    Empty variables give none: Meltano exports settings without a value so.

    Raises:
        ConfigurationError: Naming the variable that is misspelt, or whose value cannot be one of
            the setting.
    """
    refuse_misspelt(environment, prefix, schema)
    config = {
        name: _read_text(text, kinds_of(schema, name))
        for name in schema["properties"]
        if (text := environment.get(prefix + name.upper(), ""))
    }
    if isinstance(maps := config.get("stream_maps"), dict):
        config["stream_maps"] = _nested(maps)
    config = without_absent(config, schema)
    for name, sentence in faults(config, schema):
        raise ConfigurationError(f"{sentence} (environment: {prefix}{name.upper()}).")
    return config


def _nested(maps: Mapping[str, Any]) -> dict[str, Any]:
    """Stream maps by stream: of a plugin that inherits Meltano passes `stream.property` on."""
    nested: dict[str, Any] = {}
    for name, written in maps.items():
        stream, dot, name_there = name.partition(".")
        if dot and not isinstance(written, dict):
            nested.setdefault(stream, {})[name_there] = written
        else:
            nested[name] = written
    return nested


def refuse_misspelt(environment: Collection[str], prefix: str, schema: Mapping[str, Any]) -> None:
    """Refuse a variable whose name is nearly that of a setting's.

    Others pass, for Meltano sets variables of its own under the prefix. So it does for the settings
    of a plugin that inherits from this one, `<PREFIX>AUDIT_API_KEY`, and for each member of an
    object, `<PREFIX>STREAM_MAP_CONFIG_SKIP`, beside the object's own.

    Raises:
        ConfigurationError: Naming the first such variable.
    """
    known = schema["properties"]
    members = tuple(f"{right}_" for right in known if "object" in kinds_of(schema, right))
    for variable in environment:
        name = variable.removeprefix(prefix).lower()
        if not variable.startswith(prefix) or name in known or name.startswith(members):
            continue
        inherited = name.endswith(tuple(f"_{right}" for right in known))
        near = difflib.get_close_matches(name, known, 1, 0.8)
        if near and not inherited:
            raise ConfigurationError(
                f"There is no setting for the variable {variable}; did you mean "
                f"{prefix}{near[0].upper()}? Correct or remove it."
            )


def _read_text(text: str, kinds: Collection[str]) -> Any:
    """A variable's text as what its setting takes; as it is when it cannot be that."""
    for kind, read in _TEXT_READERS.items():
        if kind in kinds:
            try:
                return read(text)
            except (ValueError, KeyError):
                break
    return text
