"""The settings: declared, read, and what is wrong with them.

`SETTINGS` is the only place where a setting stands: `--about`, Meltano's files and the README's
table are made from it. Every mistake is one sentence.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk import typing as th

from tap_recurly.errors import ConfigurationError
from tap_recurly.redaction import SECRET_FIELDS
from tap_recurly.times import parse_time, time_or_none

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

BASE_URLS = {
    "us": "https://v3.recurly.com",
    "eu": "https://v3.eu.recurly.com",
}

SETTINGS = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType(pattern=r"^\s*[!-~]+\s*$"),
        required=True,
        secret=True,
        title="API key",
        description=(
            "Private API key of the Recurly site (in Recurly: Integrations > API Credentials). "
            "Treat it like a password."
        ),
    ),
    th.Property(
        "subdomain",
        th.StringType(pattern=r"^[^/\s]*$"),
        title="Subdomain",
        description="When given, a key of another site is refused before anything is read.",
    ),
    th.Property(
        "region",
        th.StringType,
        allowed_values=[*BASE_URLS],
        default="us",
        title="Region",
        description="Recurly data centre of the site: us or eu.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        title="API URL",
        description="Base URL instead of the region's own, for a sandbox or a proxy.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description=(
            "Lower bound of the first read; without it everything is read. "
            "An account's plan lists are complete all the same."
        ),
    ),
    th.Property(
        "quota_percent",
        th.IntegerType(minimum=1, maximum=100),
        default=80,
        title="Quota in percent",
        description="Share of the site's rate limit that this tap may use, in percent.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1, maximum=64),
        default=8,
        title="Concurrency",
        description="Requests in flight.",
    ),
    th.Property(
        "lookback_seconds",
        th.IntegerType(minimum=0, maximum=31_536_000),
        default=300,
        title="Lookback in seconds",
        description=(
            "Overlap of incremental reads in seconds, so that rows committed late are found."
        ),
    ),
    th.Property(
        "account_sweep_hours",
        th.IntegerType(minimum=0, maximum=87_600),
        default=24,
        title="Hours between account sweeps",
        description=(
            "Hours after which all accounts are re-read, because cards change without their "
            "account saying so, and all parents of streams per parent; 0 = never."
        ),
    ),
    th.Property(
        "past_due_invoices",
        th.BooleanType,
        default=False,
        title="Read past-due invoices again",
        description=(
            "Whether every run reads all past-due invoices again, because Recurly's dunning may "
            "go on without changing their time; belongs with the metrics of `+dunning`."
        ),
    ),
    th.Property(
        "per_parent_streams",
        th.BooleanType,
        default=False,
        title="Read streams per parent",
        description=(
            "Whether to read the streams that cost a request for each account, invoice or other "
            "parent when every stream is selected, as by Meltano's default; else a selection of "
            "streams by name decides."
        ),
    ),
    th.Property(
        "secret_fields",
        th.ArrayType(th.StringType(allowed_values=sorted(SECRET_FIELDS))),
        default=[],
        title="Secret fields to read",
        description=(
            "Secrets to write like other fields, by name, such as `hosted_login_token`; the "
            "others are left out, whatever the catalog selects."
        ),
    ),
    th.Property(
        "undeclared_fields",
        th.StringType,
        allowed_values=["additional", "drop", "keep"],
        default="additional",
        title="Undeclared fields",
        description=(
            "What becomes of fields of a record that the schema does not know: additional (into "
            "one object of that name), drop (with a warning) or keep (for loaders that take any)."
        ),
    ),
    th.Property(
        "request_timeout",
        th.IntegerType(minimum=1, maximum=3600),
        default=60,
        title="Request timeout in seconds",
        description="How many seconds Recurly may stay silent on one request.",
    ),
)

CONFIG_JSONSCHEMA: dict[str, Any] = SETTINGS.to_dict()


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
    past_due_invoices: bool
    per_parent_streams: bool
    request_timeout: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read a configuration that `check_config` has passed, its `api_key` included."""
        values = with_defaults(config)
        sweep_hours = values["account_sweep_hours"]
        subdomain = values["subdomain"]
        return cls(
            api_key=values["api_key"].strip(),
            subdomain=subdomain.lower().removesuffix(".recurly.com") if subdomain else None,
            region=values["region"],
            base_url=(values["api_url"] or BASE_URLS[values["region"]]).rstrip("/"),
            start_date=parse_time(values["start_date"].strip()) if values["start_date"] else None,
            quota_percent=values["quota_percent"],
            concurrency=values["concurrency"],
            lookback=timedelta(seconds=values["lookback_seconds"]),
            account_sweep=timedelta(hours=sweep_hours) if sweep_hours else None,
            past_due_invoices=values["past_due_invoices"],
            per_parent_streams=values["per_parent_streams"],
            request_timeout=values["request_timeout"],
        )


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """All of the tap's own settings, where they were left open by their defaults."""
    return {
        name: definition.get("default")
        for name, definition in CONFIG_JSONSCHEMA["properties"].items()
    } | without_absent(config, CONFIG_JSONSCHEMA)


def without_absent(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were not left open, whole numbers as numbers where they came as texts.

    Meltano gives some of those left open as empty texts.
    """
    return {
        name: _number(value) if "integer" in kinds_of(schema, name) else value
        for name, value in config.items()
        if value is not None and value != ""
    }


def check_config(
    config: Mapping[str, Any], schema: Mapping[str, Any], *, key_needed: bool = True
) -> None:
    """Refuse a configuration with an unknown name, a wrong value or, where it is needed, no key.

    Raises:
        ConfigurationError: With one sentence on the first mistake found.
    """
    for name in config:
        if name not in schema["properties"]:
            raise ConfigurationError(_unknown_setting(name, schema["properties"]))
    given = without_absent(config, schema)
    if key_needed and "api_key" not in given:
        raise ConfigurationError(
            "The setting 'api_key' is missing: create a private API key in Recurly under "
            "Integrations > API Credentials and give it in the file or as TAP_RECURLY_API_KEY, "
            "which only Meltano and --config ENV read."
        )
    for _, sentence in faults(given, schema):
        raise ConfigurationError(f"{sentence}.")
    if given.get("flattening_enabled") and "flattening_max_depth" not in given:
        raise ConfigurationError(
            "The setting 'flattening_max_depth' is missing: say how many levels are to be "
            "flattened, or turn 'flattening_enabled' off."
        )


def _unknown_setting(name: str, known: Iterable[str]) -> str:
    (nearest,) = difflib.get_close_matches(name, known, 1, 0)
    return f"There is no setting '{name}'; did you mean '{nearest}'? Correct or remove it."


def kinds_of(schema: Mapping[str, Any], name: str) -> Collection[str]:
    """The JSON types a setting may have."""
    kinds = schema["properties"].get(name, {}).get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _number(value: Any) -> Any:
    """A whole number that came as a text; anything else as it is."""
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        return value


def faults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings whose values are wrong, each with a sentence on what would be right.

    What is wrong inside of an object is not looked at: `stream_maps` has a check of its own.
    """
    wrong = set()
    for error in th.DEFAULT_JSONSCHEMA_VALIDATOR(schema).iter_errors(config):
        name = str(next(iter(error.path), ""))
        if len(error.path) == 1 or "array" in kinds_of(schema, name):
            wrong.add(name)
            definition = schema["properties"][name]
            yield name, f"The setting '{name}' {_advice(name, error.instance, definition)}"
    for name in [name for name in config if name not in wrong]:
        if advice := _finer_advice(name, config[name], schema["properties"][name]):
            yield name, f"The setting '{name}' {advice}"


def _advice(name: str, value: Any, definition: Mapping[str, Any]) -> str:
    """What a value ought to be that the JSON Schema of its setting does not accept."""
    kinds = definition["type"]
    if "array" in kinds:
        right = ", ".join(f"'{choice}'" for choice in definition["items"]["enum"])
        return f"must be a JSON array of any of {right}, not {_shown(value)}"
    if "string" in kinds and not isinstance(value, str):
        return f"must be a text, not {type(value).__name__}"
    if name == "api_key":
        return (
            "holds characters that no Recurly key has: copy it again from Recurly, Integrations > "
            "API Credentials"
        )
    if "integer" in kinds:
        least, most = definition.get("minimum", 0), definition.get("maximum")
        span = f"of {least} or more" if most is None else f"from {least} to {most}"
        right = f"a whole number {span}"
    elif "boolean" in kinds:
        right = "true or false"
    elif "object" in kinds:
        right = "a JSON object"
    elif choices := definition.get("enum"):
        right = " or ".join(f"'{choice}'" for choice in choices if choice is not None)
    else:
        right = "the site's name as in <name>.recurly.com"
    return f"must be {right}, not {_shown(value)}"


def _finer_advice(name: str, value: Any, definition: Mapping[str, Any]) -> str | None:
    """What a value ought to be, where its JSON Schema does not tell; None when it is right."""
    if name == "api_url":
        return _url_advice(value)
    if name == "start_date" and time_or_none(value.strip()) is None:
        return f"must be a date such as 2024-01-31 or 2024-01-31T00:00:00Z, not {_shown(value)}"
    # The SDK does not say that levels and lengths are never negative.
    is_negative = isinstance(value, int) and value < 0
    return _advice(name, value, definition) if is_negative else None


def _url_advice(text: str) -> str | None:
    right = "must be a URL such as https://v3.recurly.com"
    try:
        parts = urlsplit(text)
        labels = (parts.hostname or "").removesuffix(".").split(".")
        is_host = all(0 < len(label) <= MAX_LABEL_LENGTH for label in labels)
        usable = parts.scheme in {"http", "https"} and is_host and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(mark.isspace() for mark in text):
        return f"{right}, not {_shown(text)}"
    if parts.username or parts.password or parts.query or parts.fragment:
        return f"{right}, without credentials, query or fragment"
    return None


MAX_LABEL_LENGTH = 63
"""Characters between two dots of a host's name."""

MAX_SHOWN = 60
"""Characters of a wrong value that an error shows."""


def _shown(value: Any) -> str:
    """A value as a sentence shows it; the SDK reads fractions as `Decimal`."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
