"""Lists: named groups that profiles join by import, without consent."""

from __future__ import annotations

from typing import NamedTuple


class ProfileList(NamedTuple):
    """A list; `created` in seconds since 1970."""

    id: str
    name: str
    created: float


class Lists:
    """All lists of the account."""

    def __init__(self) -> None:
        self._by_id: dict[str, ProfileList] = {}

    def get(self, identifier: str) -> ProfileList | None:
        """The list with that id."""
        return self._by_id.get(identifier)

    def create(self, name: str, now: float) -> ProfileList:
        """A new list; names need not differ (assumed)."""
        identifier = f"L{len(self._by_id) + 1:05d}"
        created = self._by_id[identifier] = ProfileList(identifier, name, now)
        return created
