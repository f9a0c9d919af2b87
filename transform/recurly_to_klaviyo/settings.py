"""What the settings mean to the rules, once they have been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurly_to_klaviyo.links import Link


@dataclass(frozen=True)
class Settings:
    """How Recurly records become rows; `config` declares and reads them.

    Attributes:
        metrics: Default names of the metrics to send.
        properties: Default names of the profile properties to send.
        lead_days: Each number once, the smallest first.
        account_fields: Custom fields of accounts.
        subscription_fields: Custom fields of subscriptions.
    """

    metrics: frozenset[str]
    properties: frozenset[str]
    names: Mapping[str, str]
    issued_invoice_types: frozenset[str]
    ordered_product_origins: frozenset[str] | None
    identify_by: str
    link_accounts: bool
    lead_days: tuple[int, ...]
    links: tuple[Link, ...]
    account_fields: tuple[str, ...]
    subscription_fields: tuple[str, ...]
    profile_attributes: frozenset[str]
    site: str | None

    def name(self, default: str) -> str:
        """The name a metric or profile property goes by in this merchant's Klaviyo account."""
        return self.names.get(default, default)
