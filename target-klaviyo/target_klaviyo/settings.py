"""The settings of target-klaviyo as data; `configuration` reads what is given for them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from target_klaviyo.errors import SettingsError
from target_klaviyo.wording import enumeration

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
    Setting(
        "audit_key",
        "string",
        "Event property by which an audit knows events again; without it, by time, value and "
        "profile.",
        "Recurly ID",
    ),
)

WITHOUT_EFFECT = {
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
