"""The settings: declared once, read once, with a sentence for each mistake."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.choice import chosen, list_of_texts, must_be_one_of
from recurly_to_klaviyo.events import METRICS
from recurly_to_klaviyo.links import Link
from recurly_to_klaviyo.metrics import DUNNING, METRIC_GROUPS, NATIVE, SNAPSHOTS
from recurly_to_klaviyo.profiles import PROPERTIES
from recurly_to_klaviyo.properties import PROPERTY_GROUPS, custom_field_property
from recurly_to_klaviyo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

INVOICE_TYPES = ("charge", "legacy", "credit")
IDENTIFIERS = ("email", "account_code")
PROFILE_ATTRIBUTES = ("first_name", "last_name", "organization", "locale")
CUSTOM_FIELD_OWNERS = ("account", "subscription")
MAX_LEAD_DAYS = 365

_TEXTS = {"type": ["array", "null"], "items": {"type": "string"}}
_OBJECT = {"type": ["object", "null"], "additionalProperties": True}


@dataclass(frozen=True)
class Setting:
    """A setting as the plugin's `--about` and the documents show it."""

    name: str
    schema: Mapping[str, Any]
    description: str
    default: Any = None

    def json_schema(self) -> dict[str, Any]:
        """Its part of the plugin's JSON Schema."""
        told = {**self.schema, "description": self.description}
        return told if self.default is None else {**told, "default": self.default}


SETTINGS = (
    Setting(
        "metrics",
        _TEXTS,
        "Metrics to send, by name or group "
        f"(`{'`, `'.join(METRIC_GROUPS)}`); `+` before each adds to the default.",
        [NATIVE],
    ),
    Setting(
        "properties",
        _TEXTS,
        "Profile properties to send, by name or group "
        f"(`{'`, `'.join(PROPERTY_GROUPS)}`); `+` before each adds to the default.",
        [NATIVE],
    ),
    Setting(
        "names",
        _OBJECT,
        "Own names of metrics and profile properties: `{default name: own name}`.",
    ),
    Setting(
        "issued_invoice_types",
        _TEXTS,
        "Invoice types that count as Issued Invoice; `credit` can be added.",
        ["charge", "legacy"],
    ),
    Setting(
        "ordered_product_origins",
        _TEXTS,
        "Invoice origins whose charges count as Ordered Product; all by default.",
    ),
    Setting(
        "identify_by",
        {"type": ["string", "null"], "enum": [*IDENTIFIERS, None]},
        "Whose profile it is: that of the account's `email` (of its id, as `external_id`, where "
        "there is none), or that of the `account_code`, as `external_id`, for all.",
        "email",
    ),
    Setting(
        "link_accounts",
        {"type": ["boolean", "null"]},
        "Send the id of a person's oldest account as `external_id` beside the e-mail address, so "
        "that a changed address stays the same profile.",
        True,  # noqa: FBT003  (the default)
    ),
    Setting(
        "lead_days",
        {"type": ["integer", "array", "null"], "items": {"type": "integer"}},
        "Days before the date at which reminders are sent; a list gives several reminders.",
        3,
    ),
    Setting(
        "links",
        {"type": ["array", "null"], "items": {"type": "object"}},
        "Links to fill in: a list of `{property, url, 'on'}`, where `url` is a template such as "
        "`https://shop.example/billing?account={account_code}` and `'on'` lists metrics and "
        "`profile` (all payment and dunning metrics by default).",
    ),
    Setting(
        "custom_fields",
        _OBJECT,
        "Recurly's custom fields to send, by name: `{account: [...], subscription: [...]}`.",
    ),
    Setting(
        "profile_attributes",
        _TEXTS,
        "The profile's own attributes to overwrite with Recurly's: any of "
        f"`{'`, `'.join(PROFILE_ATTRIBUTES)}`.",
    ),
    Setting(
        "site",
        {"type": ["string", "null"]},
        "A name for this Recurly site, where several share one Klaviyo account: events carry it as "
        "`Recurly Site`, and account codes begin with it under `identify_by: account_code`.",
    ),
)


def json_schema() -> dict[str, Any]:
    """All settings as a JSON Schema."""
    return {
        "type": "object",
        "properties": {setting.name: setting.json_schema() for setting in SETTINGS},
    }


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Build the settings from `transform_config`; what is absent or null has its default.

    Raises:
        ValueError: A setting is unknown or has a value it cannot have; the message says which
            and what would do.
    """
    known = [setting.name for setting in SETTINGS]
    for name in config:
        must_be_one_of(f"Setting '{name}' of the transform is unknown", name, known)
    given = {setting.name: setting.default for setting in SETTINGS}
    given |= {name: value for name, value in config.items() if value is not None}
    must_be_one_of(
        f"identify_by cannot be '{given['identify_by']}'", given["identify_by"], IDENTIFIERS
    )
    account_fields, subscription_fields = _custom_fields(given["custom_fields"])
    return Settings(
        metrics=chosen(
            "metrics", given["metrics"], {each.name: each.group for each in METRICS}, NATIVE
        ),
        properties=chosen(
            "properties",
            given["properties"],
            {each.name: each.group for each in PROPERTIES},
            NATIVE,
        ),
        names=_names(
            given["names"],
            (
                *(metric.name for metric in METRICS),
                *(declared.name for declared in PROPERTIES),
                *map(custom_field_property, (*account_fields, *subscription_fields)),
            ),
        ),
        issued_invoice_types=_among(
            "issued_invoice_types", given, INVOICE_TYPES, "is no invoice type"
        ),
        ordered_product_origins=None
        if given["ordered_product_origins"] is None
        else frozenset(
            list_of_texts(
                "ordered_product_origins",
                given["ordered_product_origins"],
                example="purchase",
            )
        ),
        identify_by=given["identify_by"],
        link_accounts=_switch("link_accounts", given["link_accounts"]),
        lead_days=_lead_days(given["lead_days"]),
        links=_links(given["links"]),
        account_fields=account_fields,
        subscription_fields=subscription_fields,
        profile_attributes=_among(
            "profile_attributes", given, PROFILE_ATTRIBUTES, "is no attribute to send"
        ),
        site=_site(given["site"]),
    )


def _among(
    setting: str, given: Mapping[str, Any], allowed: tuple[str, ...], complaint: str
) -> frozenset[str]:
    if given[setting] is None:
        return frozenset()
    values = list_of_texts(setting, given[setting], example=allowed[0])
    for value in values:
        must_be_one_of(f"'{value}' in {setting} {complaint}", value, allowed)
    return frozenset(values)


def _names(names: Any, known: Collection[str]) -> dict[str, str]:
    if names is None:
        return {}
    if not isinstance(names, dict):
        raise ValueError(  # noqa: TRY004  (the transform contract: a wrong setting is a ValueError)
            'names must be an object: {"default name": "own name"}.'
        )
    for default, own in names.items():
        must_be_one_of(f"names has '{default}', which nothing is called", default, known)
        if not isinstance(own, str) or not own.strip():
            raise ValueError(f"names gives '{default}' no usable name: write a text.")
    used = [names.get(default, default) for default in known]
    for name in used:
        if used.count(name) > 1:
            raise ValueError(f"names leads to '{name}' twice: give each its own name.")
    return names


def _switch(setting: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    texts = {"true": True, "false": False}
    if isinstance(value, str) and value.strip().lower() in texts:
        return texts[value.strip().lower()]
    raise ValueError(f"{setting} must be true or false.")


def _lead_days(value: Any) -> tuple[int, ...]:
    days = value if isinstance(value, list) else [value]
    numbers = [
        int(day) if isinstance(day, str) and day.strip().isdecimal() else day for day in days
    ]
    if not numbers or not all(
        type(number) is int and 1 <= number <= MAX_LEAD_DAYS for number in numbers
    ):
        raise ValueError(
            f"lead_days must be a number of days from 1 to {MAX_LEAD_DAYS}, or a list of such."
        )
    return tuple(sorted(set(numbers)))


def _links(given: Any) -> tuple[Link, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise ValueError(  # noqa: TRY004  (the transform contract: a wrong setting is a ValueError)
            'links must be a list of objects: {"property": …, "url": …, "on": […]}.'
        )
    streams = {metric.name: metric.stream for metric in METRICS}
    default_on = [
        metric.name
        for metric in METRICS
        if metric.stream == "transactions" or metric.group == DUNNING
    ]
    links = tuple(
        Link.from_config(each, streams=streams, default_on=default_on, snapshots=SNAPSHOTS)
        for each in given
    )
    for link in links:
        if any(
            other is not link and other.name == link.name and other.on & link.on for other in links
        ):
            raise ValueError(f"links fills '{link.name}' twice in one place: give each its own.")
    return links


def _custom_fields(given: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if given is None:
        return (), ()
    if not isinstance(given, dict):
        raise ValueError(  # noqa: TRY004  (the transform contract: a wrong setting is a ValueError)
            'custom_fields must be an object: {"account": ["name"], "subscription": ["name"]}.'
        )
    for owner in given:
        must_be_one_of(f"'{owner}' in custom_fields is unknown", owner, CUSTOM_FIELD_OWNERS)
    account, subscription = (
        tuple(
            dict.fromkeys(
                list_of_texts(f"custom_fields.{owner}", given.get(owner) or [], example="name")
            )
        )
        for owner in CUSTOM_FIELD_OWNERS
    )
    for name in account:
        if name in subscription:
            raise ValueError(
                f"custom_fields names '{name}' of the account and of the subscription: both would "
                "fill one property, so choose one of them."
            )
    return account, subscription


def _site(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise ValueError("site must be a text, such as the site's subdomain.")  # noqa: TRY004
    return value.strip()


def from_environment(variables: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """The settings that environment variables hold: texts as they are, all else as JSON."""
    found: dict[str, Any] = {}
    for setting in SETTINGS:
        text = variables.get(f"{prefix}{setting.name.upper()}")
        if text:
            found[setting.name] = text if "string" in setting.schema["type"] else _from_json(text)
    return found


def _from_json(text: str) -> Any:
    """What a variable holds; what is no JSON stays a text, about which the settings say more."""
    try:
        return json.loads(text)
    except ValueError:
        return text
