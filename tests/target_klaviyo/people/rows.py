"""Rows of people, and people as Klaviyo shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Site


def person(anchor: str, email: str | None = None, *also: str, **properties: Any) -> dict[str, Any]:
    """A profile row of a person, by the id of the oldest account."""
    row: dict[str, Any] = {"external_id": anchor, "properties": properties}
    if email is not None:
        row["email"] = email
    if also:
        row["also_known_as"] = list(also)
    return row


def shown(site: Site) -> set[tuple[str | None, str | None, str]]:
    """(address, external id, plan) of every profile."""
    return {
        (each.email, each.external_id, each.properties.get("Plan", ""))
        for each in site.account.profiles()
    }
