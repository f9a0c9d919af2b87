"""The tap's settings: their schema, and the one sentence each mistake is worth."""

from __future__ import annotations

import difflib
import json
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tap_recurly.errors import ConfigurationError
from tap_recurly.redaction import redact
from tap_recurly.times import parse_time, time_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

BASE_URLS = {
    "us": "https://v3.recurly.com",
    "eu": "https://v3.eu.recurly.com",
}

MAX_SHOWN = 60
"""Characters of a wrong value that an error shows."""

TRUTH = {"true": True, "1": True, "yes": True, "on": True} | {
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
"""What the SDK takes for true, and the opposite."""

_READERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "boolean": lambda text: TRUTH[text.lower()],
    "object": json.loads,
}
"""How a setting that is no text is read from one, by its JSON type."""

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["api_key"],
    "properties": {
        "api_key": {
            "type": "string",
            "secret": True,
            "writeOnly": True,
            "title": "API key",
            "description": (
                "Private API key of the Recurly site (in Recurly: Integrations > API Credentials). "
                "Treat it like a password."
            ),
        },
        "subdomain": {
            "type": "string",
            "title": "Subdomain",
            "description": "When given, a key of another site is refused before anything is read.",
        },
        "region": {
            "type": "string",
            "enum": [*BASE_URLS],
            "default": "us",
            "title": "Region",
            "description": "Recurly data centre of the site: us or eu.",
        },
        "api_url": {
            "type": "string",
            "title": "API URL",
            "description": "Base URL instead of the region's own, for a sandbox or a proxy.",
        },
        "start_date": {
            "type": "string",
            "format": "date-time",
            "title": "Start date",
            "description": (
                "Lower bound of the first read; without it everything is read. "
                "An account's plan lists are complete all the same."
            ),
        },
        "quota_percent": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "default": 80,
            "title": "Quota in percent",
            "description": "Share of the site's rate limit that this tap may use, in percent.",
        },
        "concurrency": {
            "type": "integer",
            "minimum": 1,
            "maximum": 64,
            "default": 8,
            "title": "Concurrency",
            "description": "Requests in flight.",
        },
        "lookback_seconds": {
            "type": "integer",
            "minimum": 0,
            "maximum": 31_536_000,
            "default": 300,
            "title": "Lookback in seconds",
            "description": (
                "Overlap of incremental reads in seconds, so that rows committed late are found."
            ),
        },
        "account_sweep_hours": {
            "type": "integer",
            "minimum": 0,
            "maximum": 87_600,
            "default": 24,
            "title": "Hours between account sweeps",
            "description": (
                "Hours after which all accounts are re-read, because cards change without their "
                "account saying so, and all parents of streams per parent; 0 = never."
            ),
        },
        "request_timeout": {
            "type": "integer",
            "minimum": 1,
            "maximum": 3600,
            "default": 60,
            "title": "Request timeout in seconds",
            "description": "How many seconds Recurly may stay silent on one request.",
        },
    },
}


@dataclass(frozen=True)
class Settings:
    """The tap's settings, checked and ready for use."""

    api_key: str = field(repr=False)
    subdomain: str | None
    region: str
    base_url: str
    start_date: datetime | None
    quota_percent: int
    concurrency: int
    lookback: timedelta
    account_sweep: timedelta | None
    request_timeout: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read a configuration that `check_config` has passed, its `api_key` included."""
        values = {
            name: definition.get("default")
            for name, definition in SETTINGS_SCHEMA["properties"].items()
        } | {name: value for name, value in config.items() if not absent(value)}
        sweep_hours = int(values["account_sweep_hours"])
        return cls(
            api_key=values["api_key"].strip(),
            subdomain=_subdomain(values["subdomain"]) if values["subdomain"] else None,
            region=values["region"],
            base_url=(values["api_url"] or BASE_URLS[values["region"]]).rstrip("/"),
            start_date=_moment(values["start_date"]) if values["start_date"] else None,
            quota_percent=int(values["quota_percent"]),
            concurrency=int(values["concurrency"]),
            lookback=timedelta(seconds=int(values["lookback_seconds"])),
            account_sweep=timedelta(hours=sweep_hours) if sweep_hours else None,
            request_timeout=int(values["request_timeout"]),
        )


def check_config(
    config: Mapping[str, Any],
    *,
    builtin: Mapping[str, Any] = MappingProxyType({}),
    key_needed: bool = True,
) -> None:
    """Refuse a configuration with an unknown name, a wrong value or no key.

    Args:
        config: What the user gave.
        builtin: JSON Schemas of the SDK's own settings by name, which are allowed too.
        key_needed: False for what needs no network, such as discovery.

    Raises:
        ConfigurationError: With one sentence on the first mistake found.
    """
    definitions = {**builtin, **SETTINGS_SCHEMA["properties"]}
    for name in config:
        if name not in definitions:
            raise ConfigurationError(_unknown_setting(name, [*definitions]))
    if key_needed and absent(config.get("api_key")):
        raise ConfigurationError(
            "The setting 'api_key' is missing: create a private API key in Recurly under "
            "Integrations > API Credentials and give it as TAP_RECURLY_API_KEY or in the "
            "configuration file."
        )
    for name, value in config.items():
        if not absent(value) and (fault := _fault(name, value, definitions[name])):
            raise ConfigurationError(f"{fault}.")
    if config.get("flattening_enabled") and absent(config.get("flattening_max_depth")):
        raise ConfigurationError(
            "The setting 'flattening_max_depth' is missing: say how many levels are to be "
            "flattened, or turn 'flattening_enabled' off."
        )


def from_environment(
    environment: Mapping[str, str], prefix: str, definitions: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings that environment variables give.

    Empty variables give none: Meltano exports settings without a value so.

    Args:
        environment: The variables.
        prefix: What their names begin with.
        definitions: JSON Schemas of all settings by name.

    Raises:
        ConfigurationError: Naming the variable that is misspelt, or whose value cannot be one of
            the setting.
    """
    for variable in environment:
        if variable.startswith(prefix):
            _refuse_misspelt(variable, prefix, definitions)
    config: dict[str, Any] = {}
    for name, definition in definitions.items():
        variable = prefix + name.upper()
        if text := environment.get(variable, ""):
            config[name] = _read_text(text, _kinds(definition))
            if fault := _fault(name, config[name], definition):
                raise ConfigurationError(f"{fault} (environment: {variable}).")
    return config


def _refuse_misspelt(variable: str, prefix: str, known: Iterable[str]) -> None:
    """Refuse a near miss only: Meltano sets variables of its own under the prefix.

    So it does for the settings of a plugin that inherits from this one, `<PREFIX>AUDIT_API_KEY`.
    """
    name = variable.removeprefix(prefix).lower()
    if name in known or name.endswith(tuple(f"_{right}" for right in known)):
        return
    if near := difflib.get_close_matches(name, known, 1, 0.8):
        raise ConfigurationError(
            f"There is no setting for the variable {variable}; did you mean "
            f"{prefix}{near[0].upper()}? Correct or remove it."
        )


def _read_text(text: str, kinds: Collection[str]) -> Any:
    """A variable's text as what its setting takes; as it is when it cannot be that."""
    for kind, read in _READERS.items():
        if kind in kinds:
            try:
                return read(text)
            except (ValueError, KeyError):
                break
    return text


def _unknown_setting(name: str, known: list[str]) -> str:
    nearest = max(known, key=lambda right: difflib.SequenceMatcher(None, name, right).ratio())
    return f"There is no setting '{name}'; did you mean '{nearest}'? Correct or remove it."


def absent(value: Any) -> bool:
    """Whether a setting was left open; Meltano gives some of those as empty texts."""
    return value is None or value == ""


def _kinds(definition: Mapping[str, Any]) -> Collection[str]:
    """The JSON types a setting may have."""
    kinds = definition["type"]
    return [kinds] if isinstance(kinds, str) else kinds


def _fault(name: str, value: Any, definition: Mapping[str, Any]) -> str | None:
    """What is wrong with a value, and what would be right."""
    kinds = _kinds(definition)
    if "integer" in kinds:
        return _number_fault(name, value, definition)
    if "boolean" in kinds and not isinstance(value, bool):
        return f"The setting '{name}' must be true or false, not {_shown(value)}"
    if "object" in kinds and not isinstance(value, dict):
        return f"The setting '{name}' must be a JSON object, not {_shown(value)}"
    if "string" in kinds and not isinstance(value, str):
        return f"The setting '{name}' must be a text, not {type(value).__name__}"
    return _TEXT_FAULTS[name](value) if name in _TEXT_FAULTS else None


def _number_fault(name: str, value: Any, definition: Mapping[str, Any]) -> str | None:
    least, most = definition.get("minimum", 0), definition.get("maximum", sys.maxsize)
    span = f"from {least} to {most}" if "maximum" in definition else f"of {least} or more"
    try:
        number = int(value) if isinstance(value, (int, str)) else None
    except ValueError:
        number = None
    if number is None or isinstance(value, bool) or not least <= number <= most:
        return f"The setting '{name}' must be a whole number {span}, not {_shown(value)}"
    return None


def _shown(value: Any) -> str:
    """A value as a sentence shows it; the SDK reads fractions as `Decimal`."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _api_key_fault(value: str) -> str | None:
    key = value.strip()
    if not key.isascii() or not key.isprintable() or any(mark.isspace() for mark in key):
        return (
            "The setting 'api_key' holds characters that no Recurly key has: copy it again from "
            "Recurly, Integrations > API Credentials"
        )
    return None


def _subdomain_fault(value: str) -> str | None:
    if "/" in value or any(mark.isspace() for mark in value):
        return (
            f"The setting 'subdomain' must be the site's name as in <name>.recurly.com, "
            f"not {_shown(value)}"
        )
    return None


def _region_fault(value: str) -> str | None:
    if value not in BASE_URLS:
        return f"The setting 'region' must be 'us' or 'eu', not {_shown(value)}"
    return None


def _api_url_fault(value: str) -> str | None:
    right = "must be a URL such as https://v3.recurly.com"
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(mark.isspace() for mark in value):
        return f"The setting 'api_url' {right}, not {_shown(value)}"
    if parts.username or parts.password or parts.query or parts.fragment:
        return f"The setting 'api_url' {right}, without credentials, query or fragment"
    return None


def _start_date_fault(value: str) -> str | None:
    try:
        _moment(value)
    except ValueError:
        return (
            f"The setting 'start_date' must be a date such as 2024-01-31 or "
            f"2024-01-31T00:00:00Z, not {_shown(value)}"
        )
    return None


_TEXT_FAULTS = {
    "api_key": _api_key_fault,
    "subdomain": _subdomain_fault,
    "region": _region_fault,
    "api_url": _api_url_fault,
    "start_date": _start_date_fault,
}


def _subdomain(value: str) -> str:
    return value.strip().lower().removesuffix(".recurly.com")


def _moment(value: str) -> datetime:
    """A date or date-time; without a zone it is UTC, as Recurly reads it."""
    return parse_time(value.strip())


MOMENTS = ("replication_key_value", "last_sweep", "sweep_began")
"""What the tap keeps of a stream, each a date-time."""


def check_state(state: Mapping[str, Any], streams: Collection[str]) -> None:
    """Refuse a STATE whose bookmarks cannot be read: a run would begin anew and not say so.

    Args:
        state: What the user gave; empty before the first run.
        streams: Names of the tap's streams; of others nothing is known.

    Raises:
        ConfigurationError: With one sentence on the first mistake found.
    """
    bookmarks = state.get("bookmarks", None if state else {})
    if not isinstance(bookmarks, dict):
        raise ConfigurationError(
            "The STATE holds no 'bookmarks': give what the target printed last, or the 'value' of "
            "the tap's last STATE message, or no STATE to read everything."
        )
    for name, bookmark in bookmarks.items():
        if not isinstance(bookmark, dict):
            raise _bookmark_fault(name, "no object", bookmark)
        partitions = bookmark.get("partitions", [])
        if not isinstance(partitions, list) or not all(isinstance(one, dict) for one in partitions):
            raise _bookmark_fault(name, "spoiled in its 'partitions'", partitions)
        for key in MOMENTS if name in streams else ():
            moment = bookmark.get(key)
            if moment is not None and time_or_none(moment) is None:
                raise _bookmark_fault(name, "no date-time", moment)


def _bookmark_fault(stream: str, what: str, value: Any) -> ConfigurationError:
    return ConfigurationError(
        f"The bookmark of stream '{redact(stream)}' in the STATE is {what} "
        f"({redact(repr(value))}): correct it, or remove it to read the stream from its "
        f"beginning."
    )
