"""A run's configuration: read and checked as a whole, with a sentence for every mistake."""

from __future__ import annotations

import difflib
import logging
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from target_klaviyo.errors import SettingsError
from target_klaviyo.settings import (
    DECLARED,
    ENV_PREFIX,
    TESTED_REVISION,
    TYPE_NAMES,
    WITHOUT_EFFECT,
    coerced,
)
from target_klaviyo.text import enumeration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STARTED_BY_MELTANO = "MELTANO_PROJECT_ROOT"
"""A variable that shows it. Meltano then reads the variables, and leaves a misspelt one unread."""

MAX_LABEL_LENGTH = 63
"""Characters between two dots of a host's name."""

_TRUE = {"true", "1", "yes", "on"}
_PLAIN_DOT = re.compile(r"(?<!\\)\.")
"""What parts names in a variable of Meltano's; a dot within a name is escaped."""

logger = logging.getLogger("target-klaviyo")


@dataclass(frozen=True)
class Settings:
    """The settings, checked; what each means stands in SETTINGS."""

    api_key: str = field(repr=False)
    api_url: str
    revision: str
    event_streams: frozenset[str]
    profile_streams: frozenset[str]
    transform: str | None
    transform_config: dict[str, Any]
    live_window: timedelta
    list_id: str | None
    concurrency: int
    batch_size_rows: int | None
    rejects_path: Path
    max_reject_percent: float
    request_timeout: float
    clear_with: str
    on_email_change: str
    mode: str
    report_path: Path
    audit_from: date | None
    audit_to: date | None
    source_timezone: str | None
    settle: timedelta
    audit_profiles: int


def check_names(config: Mapping[str, Any], builtin: Iterable[str]) -> None:
    """Raise SettingsError for a setting that is neither ours nor `builtin`, one of the SDK's."""
    known = [*DECLARED, *builtin]
    for name in config.keys() - WITHOUT_EFFECT.keys():
        if name not in known:
            raise SettingsError(f"There is no setting '{name}'; {_suggestion(name, known)}")


def leave_out_idle(config: dict[str, Any]) -> None:
    """Take out the settings that have no effect, and say so of those that have a value.

    Definitions made for other targets list them; they are no reason not to run.
    """
    for name, reason in WITHOUT_EFFECT.items():
        if config.pop(name, None) not in (None, ""):
            logger.warning("The setting '%s' has no effect, since %s; remove it.", name, reason)


def check_environment(environment: Iterable[str], schema: Mapping[str, Any]) -> None:
    """Raise SettingsError for a TARGET_KLAVIYO_ variable that is misspelt.

    Only near misses count: Meltano sets variables of its own under the prefix, those of an
    inheriting plugin (TARGET_KLAVIYO_AUDIT_API_KEY), and one for each member of an object
    (TARGET_KLAVIYO_TRANSFORM_CONFIG_METRICS), beside that of the object, which is read. `schema`
    is that of all settings, the SDK's own included.
    """
    members = tuple(
        f"{name}_" for name, each in schema["properties"].items() if "object" in each["type"]
    )
    for variable in environment:
        name = variable.removeprefix(ENV_PREFIX).lower()
        if not variable.startswith(ENV_PREFIX) or name in DECLARED:
            continue
        inherited = name.endswith(tuple(f"_{each}" for each in DECLARED))
        near = difflib.get_close_matches(name, DECLARED, 1, 0.8)
        if near and not inherited and not name.startswith(members):
            raise SettingsError(
                f"There is no setting for the variable {variable}; did you mean "
                f"{ENV_PREFIX}{near[0].upper()}? Correct or remove it."
            )


def from_environment(environment: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that variables give, by their types in JSON Schema; an empty one gives none.

    Raises:
        SettingsError: a variable does not hold what its setting is.
    """
    return {
        name: _read_variable(variable, text, declared)
        for name, declared in schema["properties"].items()
        if (text := environment.get(variable := ENV_PREFIX + name.upper()))
    }


def _read_variable(variable: str, text: str, declared: Mapping[str, Any]) -> Any:
    types = declared.get("type", "string")
    kind = next(each for each in ([types] if isinstance(types, str) else types) if each != "null")
    if kind == "boolean":
        return text.strip().lower() in _TRUE
    if kind == "array" and not text.lstrip().startswith("["):
        return text.split(",")
    if kind not in {"integer", "object", "array"}:
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"The variable {variable} must be {TYPE_NAMES[kind]}.") from error
    return _nested(value) if isinstance(value, dict) else value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The object that a variable of Meltano's holds as `outer.inner`."""
    nested: dict[str, Any] = {}
    for path, value in sorted(flat.items()):  # `outer` comes before `outer.inner`
        names = [path] if isinstance(value, dict) else _PLAIN_DOT.split(path)
        *outer, last = (name.replace("\\.", ".") for name in names)
        place = nested
        for name in outer:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise SettingsError(
                    f"A TARGET_KLAVIYO_ variable cannot be read: '{path}' stands beside a value of "
                    f"'{name}'."
                )
        place[last] = value
    return nested


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Check `config` and fill in defaults; null and empty text count as not set.

    Raises:
        SettingsError: naming the setting and what to do.
    """
    values: dict[str, Any] = {name: schema.get("default") for name, schema in DECLARED.items()}
    values |= coerced(config)
    event_streams = frozenset(values["event_streams"])
    profile_streams = frozenset(values["profile_streams"])
    both = sorted(event_streams & profile_streams)
    if both:
        raise SettingsError(
            f"The stream '{both[0]}' stands in the settings 'event_streams' and 'profile_streams'; "
            "take it out of one of them."
        )
    if values["transform_config"] and not values["transform"]:
        raise SettingsError(
            "The setting 'transform_config' needs the setting 'transform' beside it: add that, or "
            "remove this."
        )
    values |= {
        "api_key": _checked_key(values["api_key"]),
        "api_url": _checked_url(values["api_url"]),
        "revision": _checked_revision(values["revision"]),
        "event_streams": event_streams,
        "profile_streams": profile_streams,
        "transform_config": values["transform_config"] or {},
        "rejects_path": Path(values["rejects_path"]),
        "report_path": _checked_report_path(values["report_path"]),
        "audit_from": _checked_day("audit_from", values["audit_from"]),
        "audit_to": _checked_day("audit_to", values["audit_to"]),
        "source_timezone": _checked_zone(values["source_timezone"]),
    }
    live_window = timedelta(days=values.pop("live_window_days"))
    settle = timedelta(minutes=values.pop("settle_minutes"))
    return Settings(live_window=live_window, settle=settle, **values)


def _checked_key(text: str) -> str:
    key = text.strip()
    if not key or not re.fullmatch(r"[!-~]+", key):
        raise SettingsError(
            "The setting 'api_key' is not a Klaviyo private key: it holds spaces or characters "
            "that no key has; copy it again from Settings > API keys."
        )
    return key


def _checked_url(text: str) -> str:
    sentence = (
        "The setting 'api_url' must be a plain address like https://a.klaviyo.com, without a query "
        "or a password."
    )
    try:
        parts = urlsplit(text.strip())
        labels = (parts.hostname or "").removesuffix(".").split(".")
        is_host = all(0 < len(label) <= MAX_LABEL_LENGTH for label in labels)
        plain = parts.scheme in {"http", "https"} and is_host and parts.port != 0
    except ValueError as error:
        raise SettingsError(sentence) from error
    if not plain or parts.query or parts.fragment or "@" in parts.netloc or " " in text.strip():
        raise SettingsError(sentence)
    return text.strip().rstrip("/").removesuffix("/api")  # every path of ours begins with it


def _checked_revision(text: str) -> str:
    """A day, perhaps with a suffix like .pre."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:\.[\w-]+)?", text, re.ASCII)
    try:
        date.fromisoformat(match[1] if match else "")
    except ValueError as error:
        raise SettingsError(
            f"The setting 'revision' must be a date like {TESTED_REVISION}, an API revision of "
            "Klaviyo."
        ) from error
    return text


def _checked_day(name: str, text: str | None) -> date | None:
    """A day; of a date with a time, which Meltano makes of a date, the day."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:[T ].*)?", text.strip(), re.ASCII)
    try:
        return date.fromisoformat(match[1] if match else "")
    except ValueError as error:
        raise SettingsError(f"The setting '{name}' must be a day like 2026-01-31.") from error


def _checked_zone(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"The setting 'source_timezone' names no time zone: {name[:60]!r}; give an IANA name "
            "like America/New_York."
        ) from error
    return name


def _checked_report_path(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() == ".json" or not path.name:
        raise SettingsError(
            "The setting 'report_path' names the page, like output/audit.html; the JSON is put "
            "beside it."
        )
    return path


def _suggestion(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"did you mean '{near[0]}'? Correct or remove it."
    return f"remove it, or take one of {enumeration(known, 'or')}."
