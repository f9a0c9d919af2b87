"""The account behind the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.json_api import as_object, resources


@dataclass(frozen=True)
class Account:
    """The account behind the key; `currency` is an ISO 4217 code, empty when it tells none."""

    name: str
    timezone: str
    currency: str
    is_test: bool


def read_account(document: Any) -> Account:
    """The account that GET /api/accounts shows; raises KlaviyoError when it shows none."""
    for resource in resources(document):
        attributes = as_object(resource.get("attributes"))
        contact = as_object(attributes.get("contact_information"))
        return Account(
            str(contact.get("organization_name") or resource.get("id") or "Klaviyo"),
            str(attributes.get("timezone") or "UTC"),
            str(attributes.get("preferred_currency") or ""),
            is_test=attributes.get("test_account") is True,
        )
    raise KlaviyoError("Klaviyo names no account for this key; check the setting 'api_key'.")
