"""A profile as Klaviyo holds it (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Person:
    """A profile of Klaviyo's: its address in lower case, and `attributes` all that is shown."""

    id: str
    email: str | None
    external_id: str | None
    attributes: Mapping[str, Any]

    @property
    def is_nameless(self) -> bool:
        """Whether nothing but an external id tells who it is, so that it is nobody else's."""
        return not self.email and not self.attributes.get("phone_number")

    @classmethod
    def shown(cls, resource: Mapping[str, Any]) -> Person:
        """The person in a JSON:API resource of `GET /api/profiles`."""
        attributes = resource["attributes"]
        email, external_id = attributes.get("email"), attributes.get("external_id")
        return cls(
            id=resource["id"],
            email=email.strip().lower() if isinstance(email, str) and email.strip() else None,
            external_id=str(external_id) if external_id else None,
            attributes=attributes,
        )
