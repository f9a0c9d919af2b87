"""How a profile property is declared: its name and the rule that tells its value of a person.

The rules stand in `profiles/`. A rule returns None to clear the property and a tuple for a list.
It fails with NotReadError or UnreadableError where nothing can be said, and then Klaviyo keeps what
it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from recurly_to_klaviyo.person import Person

    Rule = Callable[[Person, datetime], Any]

NATIVE = "native"
STATUS = "status"
PROPERTY_GROUPS = (NATIVE, STATUS)


@dataclass(frozen=True)
class ProfileProperty:
    """A custom property of a profile and how it follows from a person as of now."""

    name: str
    group: str
    value: Rule

    @property
    def meaning(self) -> str:
        """What the property holds, in one sentence: the first paragraph of the rule's docstring."""
        return " ".join((self.value.__doc__ or "").split("\n\n", maxsplit=1)[0].split())


PROPERTIES: list[ProfileProperty] = []


def profile_property(name: str, *, group: str = NATIVE) -> Callable[[Rule], Rule]:
    """Declare the decorated function as the rule of profile property `name`."""

    def declare(value: Rule) -> Rule:
        PROPERTIES.append(ProfileProperty(name, group, value))
        return value

    return declare


def custom_field_property(field: str) -> str:
    """The property that holds one of Recurly's custom fields, on profiles and on events."""
    return f"Recurly {field}"
