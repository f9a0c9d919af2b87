"""The settings: declared as data, read and checked, with a sentence for every mistake."""

from __future__ import annotations

import difflib
import logging
import math
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from target_klaviyo.errors import SettingsError
from target_klaviyo.text import enumeration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TESTED_REVISION = "2026-07-15"

TYPE_NAMES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "object": "a JSON object",
    "array": "a JSON array of texts",
}


@dataclass(frozen=True)
class Setting:
    """One setting: JSON Schema type, default, description; `minimum` for numbers."""

    name: str
    type: str
    description: str
    default: Any = None
    required: bool = False
    secret: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """The setting in JSON Schema, as the SDK shows it with --about."""
        types = [self.type] if self.required else [self.type, "null"]
        schema: dict[str, Any] = {"type": types, "description": self.description}
        if self.type == "array":
            schema["items"] = {"type": "string"}
        if self.default is not None:
            schema["default"] = self.default
        if self.secret:
            schema |= {"secret": True, "writeOnly": True}
        if self.minimum is not None:
            schema["minimum"] = self.minimum
        if self.maximum is not None:
            schema["maximum"] = self.maximum
        if self.choices:
            schema["enum"] = [*self.choices, *([] if self.required else [None])]
        return schema

    def read(self, value: Any) -> Any:
        """`value` as this setting wants it; numbers may come as text from an environment.

        Raises:
            SettingsError: it is of the wrong type, out of range or not among the choices.
        """
        if self.type in {"integer", "number"}:
            value = self._number(value)
        elif self.type == "array":
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise self._wrong()
        elif not isinstance(value, dict if self.type == "object" else str):
            raise self._wrong()
        if self.choices and value not in self.choices:
            raise SettingsError(
                f"The setting '{self.name}' must be one of {enumeration(self.choices)}."
            )
        return value

    def _number(self, value: Any) -> float:
        number: float
        try:
            # The SDK reads fractions of a settings file as Decimal.
            if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
                raise self._wrong()
            number = float(value)
            if not math.isfinite(number):
                raise self._wrong()
            if self.type == "integer":
                if number != int(number):
                    raise self._wrong()
                number = int(number)
        except (ValueError, OverflowError) as error:
            raise self._wrong() from error
        low = self.minimum is not None and number < self.minimum
        high = self.maximum is not None and number > self.maximum
        if low or high:
            bounds = [f"at least {self.minimum:g}"] if self.minimum is not None else []
            bounds += [f"at most {self.maximum:g}"] if self.maximum is not None else []
            raise SettingsError(f"The setting '{self.name}' must be {' and '.join(bounds)}.")
        return number

    def _wrong(self) -> SettingsError:
        return SettingsError(f"The setting '{self.name}' must be {TYPE_NAMES[self.type]}.")


SETTINGS = (
    Setting(
        "api_key",
        "string",
        "Klaviyo private API key, made in Klaviyo under Settings > API keys.",
        required=True,
        secret=True,
    ),
    Setting(
        "api_url",
        "string",
        "Base URL of the API; another one for a sandbox or a proxy.",
        "https://a.klaviyo.com",
    ),
    Setting(
        "revision",
        "string",
        "API revision, a date; the default is the newest this target was tested with.",
        TESTED_REVISION,
    ),
    Setting(
        "event_streams",
        "array",
        "Streams whose records are event rows.",
        ["events"],
    ),
    Setting(
        "profile_streams",
        "array",
        "Streams whose records are profile rows.",
        ["profiles"],
    ),
    Setting(
        "transform",
        "string",
        "Name of an installed transform that turns raw streams into rows.",
    ),
    Setting("transform_config", "object", "Settings of the transform."),
    Setting(
        "live_window_days",
        "number",
        "Events older than this many days before the run are recorded without triggering flows.",
        3,
        minimum=0,
        maximum=36_500,
    ),
    Setting(
        "list_id",
        "string",
        "List that imported profiles join; this never changes consent.",
    ),
    Setting("concurrency", "integer", "Requests in flight.", 4, minimum=1, maximum=64),
    Setting(
        "rejects_path",
        "string",
        "File for rejected rows, itself a Singer stream that can be replayed.",
        "output/rejected.singer",
    ),
    Setting(
        "max_reject_percent",
        "number",
        "The run stops when more of a kind's rows are rejected, once 100 have been seen.",
        10,
        minimum=0,
        maximum=100,
    ),
    Setting(
        "request_timeout",
        "number",
        "Seconds to wait for an answer.",
        60,
        minimum=0.1,
        maximum=3_600,
    ),
    Setting(
        "clear_with",
        "string",
        "How a null property is cleared: `bulk` (unset in the bulk import) or `single` (the "
        "profile-import endpoint, 750 a minute).",
        "bulk",
        choices=("bulk", "single"),
    ),
    Setting(
        "mode",
        "string",
        "What to do with the rows; only `write` prints STATE.",
        "write",
        choices=("write", "audit", "repair"),
    ),
    Setting(
        "report_path",
        "string",
        "Where an audit puts its report: a page, and the same as JSON beside it.",
        "output/audit.html",
    ),
    Setting(
        "audit_from",
        "string",
        "First day to audit (YYYY-MM-DD, in the Klaviyo account's time zone); by default that of "
        "the first event.",
    ),
    Setting(
        "audit_to",
        "string",
        "Last day to audit; by default today.",
    ),
    Setting(
        "source_timezone",
        "string",
        "Time zone in which the source's own reports count days (IANA, like America/New_York).",
    ),
    Setting(
        "settle_minutes",
        "number",
        "How long Klaviyo may take to show an event; younger ones are pending, not missing.",
        10,
        minimum=0,
        maximum=1_440,
    ),
    Setting(
        "audit_profiles",
        "integer",
        "How many profiles an audit compares, another sample each day; -1 for all.",
        5_000,
        minimum=-1,
    ),
)

WITHOUT_EFFECT = {
    "audit_key": "Klaviyo shows the unique_id of every event",
    "add_record_metadata": "Klaviyo has no columns for it",
    "load_method": "events are always added and profiles always updated",
    "validate_records": "every row is always checked, against Klaviyo's limits",
}
"""Settings that the SDK gives every target and that change nothing here, each with the reason."""


def json_schema() -> dict[str, Any]:
    """All settings in JSON Schema; a name that is not among them is a mistake."""
    return {
        "type": "object",
        "properties": {setting.name: setting.schema() for setting in SETTINGS},
        "required": [setting.name for setting in SETTINGS if setting.required],
        "additionalProperties": False,
    }


logger = logging.getLogger("target-klaviyo")

ENV_PREFIX = "TARGET_KLAVIYO_"


@dataclass(frozen=True)
class Settings:
    """The settings, checked; their meaning stands in SETTINGS."""

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
    rejects_path: Path
    max_reject_percent: float
    request_timeout: float
    clear_with: str
    mode: str
    report_path: Path
    audit_from: date | None
    audit_to: date | None
    source_timezone: str | None
    settle: timedelta
    audit_profiles: int


def check_names(config: Mapping[str, Any], builtin: Iterable[str]) -> None:
    """Raise SettingsError for a setting that does not exist.

    Args:
        config: what is given.
        builtin: names of the SDK's own settings, as far as they work here.
    """
    known = [*(setting.name for setting in SETTINGS), *builtin]
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


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise SettingsError for a TARGET_KLAVIYO_ variable that is misspelt or cannot be read.

    Of unknown names only near misses count: Meltano sets variables of its own under the prefix, and
    those of an inheriting plugin (TARGET_KLAVIYO_AUDIT_API_KEY).
    """
    known = {setting.name: setting for setting in SETTINGS}
    for variable, text in environment.items():
        name = variable.removeprefix(ENV_PREFIX).lower()
        if not variable.startswith(ENV_PREFIX):
            continue
        if name in known:
            _check_variable(variable, text, known[name])
            continue
        inherited = name.endswith(tuple(f"_{each}" for each in known))
        near = difflib.get_close_matches(name, known, 1, 0.8)
        if near and not inherited:
            raise SettingsError(
                f"There is no setting for the variable {variable}; did you mean "
                f"{ENV_PREFIX}{near[0].upper()}? Correct or remove it."
            )


def _check_variable(variable: str, text: str, setting: Setting) -> None:
    """The SDK reads variables of these types before any of our sentences could be said."""
    try:
        if setting.type == "integer":
            int(text)
        elif setting.type == "object":
            orjson.loads(text)
    except ValueError as error:
        wanted = TYPE_NAMES[setting.type]
        raise SettingsError(f"The variable {variable} must be {wanted}.") from error


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Check `config` and fill in defaults; null and empty text count as not set.

    Raises:
        SettingsError: naming the setting and what to do.
    """
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        given = config.get(setting.name)
        if given is None or given == "":
            if setting.required:
                raise SettingsError(
                    f"The setting '{setting.name}' is missing: set it, or the variable "
                    f"{ENV_PREFIX}{setting.name.upper()} ({setting.description.rstrip('.')})."
                )
            values[setting.name] = setting.default
        else:
            values[setting.name] = setting.read(given)
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
    audit_from = _checked_day("audit_from", values["audit_from"])
    audit_to = _checked_day("audit_to", values["audit_to"])
    if audit_from and audit_to and audit_from > audit_to:
        raise SettingsError("The setting 'audit_from' lies after 'audit_to'; exchange them.")
    return Settings(
        api_key=_checked_key(values["api_key"]),
        api_url=_checked_url(values["api_url"]),
        revision=_checked_revision(values["revision"]),
        event_streams=event_streams,
        profile_streams=profile_streams,
        transform=values["transform"],
        transform_config=values["transform_config"] or {},
        live_window=timedelta(days=values["live_window_days"]),
        list_id=values["list_id"],
        concurrency=values["concurrency"],
        rejects_path=Path(values["rejects_path"]),
        max_reject_percent=values["max_reject_percent"],
        request_timeout=values["request_timeout"],
        clear_with=values["clear_with"],
        mode=values["mode"],
        report_path=_checked_report_path(values["report_path"]),
        audit_from=audit_from,
        audit_to=audit_to,
        source_timezone=_checked_zone(values["source_timezone"]),
        settle=timedelta(minutes=values["settle_minutes"]),
        audit_profiles=values["audit_profiles"],
    )


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
        plain = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as error:
        raise SettingsError(sentence) from error
    if not plain or parts.query or parts.fragment or "@" in parts.netloc or " " in text.strip():
        raise SettingsError(sentence)
    return text.strip().rstrip("/")


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
