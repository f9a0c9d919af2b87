"""The settings as data, and what is given for one as its type wants it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from target_klaviyo.errors import SettingsError
from target_klaviyo.text import enumeration

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_PREFIX = "TARGET_KLAVIYO_"
TESTED_REVISION = "2026-10-15"

TYPE_NAMES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "object": "a JSON object",
    "array": "a JSON array of texts",
}


SETTINGS = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType,
        required=True,
        secret=True,
        title="API key",
        description="Klaviyo private API key, made in Klaviyo under Settings > API keys.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default="https://a.klaviyo.com",
        title="API URL",
        description="Base URL of the API; another one for a sandbox or a proxy.",
    ),
    th.Property(
        "revision",
        th.StringType,
        default=TESTED_REVISION,
        title="API revision",
        description="API revision, a date; the default is the newest this target was tested with.",
    ),
    th.Property(
        "event_streams",
        th.ArrayType(th.StringType),
        default=["events"],
        title="Event streams",
        description="Streams whose records are event rows.",
    ),
    th.Property(
        "profile_streams",
        th.ArrayType(th.StringType),
        default=["profiles"],
        title="Profile streams",
        description="Streams whose records are profile rows.",
    ),
    th.Property(
        "transform",
        th.StringType,
        title="Transform",
        description="Name of an installed transform that turns raw streams into rows.",
    ),
    th.Property(
        "transform_config",
        th.ObjectType(additional_properties=True),
        title="Transform settings",
        description="Settings of the transform.",
    ),
    th.Property(
        "live_window_days",
        th.NumberType(minimum=0, maximum=36_500),
        default=3,
        title="Live window",
        description=(
            "Events older than this many days before the run are recorded without triggering flows."
        ),
    ),
    th.Property(
        "list_id",
        th.StringType,
        title="List",
        description="List that imported profiles join; this never changes consent.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1, maximum=64),
        default=4,
        title="Concurrency",
        description="Requests in flight.",
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1),
        title="Rows in a batch",
        description="Rows in a request at most, below Klaviyo's 1,000 events or 10,000 profiles.",
    ),
    th.Property(
        "rejects_path",
        th.StringType,
        default="output/rejected.singer",
        title="Rejects file",
        description="File for rejected rows, itself a Singer stream that can be replayed.",
    ),
    th.Property(
        "max_reject_percent",
        th.NumberType(minimum=0, maximum=100),
        default=10,
        title="Most rejects",
        description=(
            "The run stops when more of a kind's rows are rejected, once 100 have been seen."
        ),
    ),
    th.Property(
        "request_timeout",
        th.NumberType(minimum=0.1, maximum=3_600),  # type: ignore[arg-type]  # a fraction works
        default=60,
        title="Request timeout",
        description="Seconds to wait for an answer.",
    ),
    th.Property(
        "clear_with",
        th.StringType,
        allowed_values=["bulk", "single"],
        default="bulk",
        title="Clear with",
        description=(
            "How a null property is cleared: `bulk` (unset in the bulk import) or `single` (the "
            "profile-import endpoint, 750 a minute)."
        ),
    ),
    th.Property(
        "on_email_change",
        th.StringType,
        allowed_values=["move", "merge"],
        default="move",
        title="On a changed e-mail address",
        description=(
            "When a person's new address has a Klaviyo profile already: `move` what is ours there "
            "and clear it at the former profile, or `merge` the former profile into it."
        ),
    ),
    th.Property(
        "mode",
        th.StringType,
        allowed_values=["write", "audit", "repair"],
        default="write",
        title="Mode",
        description="What to do with the rows; only `write` prints STATE.",
    ),
    th.Property(
        "report_path",
        th.StringType,
        default="output/audit.html",
        title="Report",
        description="Where an audit puts its report: a page, and the same as JSON beside it.",
    ),
    th.Property(
        "audit_from",
        th.StringType,
        title="Audit from",
        description=(
            "First day to audit (YYYY-MM-DD, in the Klaviyo account's time zone); by default that "
            "of the first event."
        ),
    ),
    th.Property(
        "audit_to",
        th.StringType,
        title="Audit to",
        description="Last day to audit; by default today.",
    ),
    th.Property(
        "source_timezone",
        th.StringType,
        title="Source time zone",
        description=(
            "Time zone in which the source's own reports count days (IANA, like America/New_York)."
        ),
    ),
    th.Property(
        "settle_minutes",
        th.NumberType(minimum=0, maximum=1_440),
        default=10,
        title="Settle minutes",
        description=(
            "How long Klaviyo may take to show an event; younger ones are pending, not missing."
        ),
    ),
    th.Property(
        "audit_profiles",
        th.IntegerType(minimum=-1, maximum=1_000_000_000),
        default=5_000,
        title="Audited profiles",
        description="How many profiles an audit compares, another sample each day; -1 for all.",
    ),
    additional_properties=False,
)

WITHOUT_EFFECT = {
    "audit_key": "an audit knows every event by its unique_id",
    "add_record_metadata": "Klaviyo has no columns for it",
    "load_method": "events are always added and profiles always updated",
    "validate_records": "every row is always checked, against Klaviyo's limits",
}
"""Settings that change nothing (any more), each with the reason; most are the SDK's for targets."""


def json_schema() -> dict[str, Any]:
    """All settings in JSON Schema; a name that is not among them is a mistake."""
    schema: dict[str, Any] = SETTINGS.to_dict()
    return schema


DECLARED: dict[str, dict[str, Any]] = json_schema()["properties"]


def coerced(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of ours in `config` as JSON Schema wants them; what is not set is left out.

    Null and empty text count as not set. Numbers may come as text, from an environment.

    Raises:
        SettingsError: naming the first that is missing, of the wrong type or out of range.
    """
    found = {}
    for name, schema in DECLARED.items():
        value = config.get(name)
        if value is not None and value != "":
            found[name] = _coerced(name, value)
        elif "null" not in schema["type"]:
            raise SettingsError(
                f"The setting '{name}' is missing: set it, or the variable "
                f"{ENV_PREFIX}{name.upper()}, which only Meltano and --config ENV read "
                f"({schema['description'].rstrip('.')})."
            )
    return found


def _coerced(name: str, value: Any) -> Any:
    schema = DECLARED[name]
    kind = schema["type"][0]
    if kind in {"integer", "number"}:
        value = _number(value, whole=kind == "integer")
    fits = {
        "string": isinstance(value, str),
        "object": isinstance(value, dict),
        "array": isinstance(value, list) and all(isinstance(each, str) for each in value),
        "integer": value is not None,
        "number": value is not None,
    }
    low, high = schema.get("minimum"), schema.get("maximum")
    if not fits[kind]:
        wanted = TYPE_NAMES[kind]
    elif "enum" in schema and value not in schema["enum"]:
        wanted = f"one of {enumeration(schema['enum'])}"
    elif (low is not None and value < low) or (high is not None and value > high):
        bounds = [f"at least {low:,}"] if low is not None else []
        bounds += [f"at most {high:,}"] if high is not None else []
        wanted = " and ".join(bounds)
    else:
        return value
    raise SettingsError(f"The setting '{name}' must be {wanted}.")


def _number(value: Any, *, whole: bool) -> float | None:
    """A finite number, None when it is none; the SDK reads fractions of a file as Decimal."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        number = float(value)
        if not math.isfinite(number) or (whole and number != int(number)):
            return None
    except (ValueError, OverflowError):
        return None
    return int(number) if whole else number
