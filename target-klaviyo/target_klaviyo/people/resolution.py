"""Which profile a row belongs to, and what must happen there first (pure).

A person is known by two things: the anchor, an `external_id` that never changes, and the e-mail
address, which does. Klaviyo may know both under one profile, under two, or under none:

    anchor found   address found    the row goes to
    no             no               a new profile, with both
    no             yes              the addressed profile, which gets the anchor
    yes            the same one     that profile
    yes            no               the anchored profile, which gets the new address
    yes            another one      the addressed profile, once the anchored one is folded into it

A profile with an `external_id` of somebody else's keeps it: it is written to by its address, and
its anchor is left alone. (docs/klaviyo.md: People)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from target_klaviyo.rows.contract import ProfileRow


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


@dataclass(frozen=True)
class Resolution:
    """What a row's identifiers lead to.

    Attributes:
        person: the profile the row goes to, None for one that does not exist yet.
        former: other profiles of the same person, to be folded into `person` first.
        sets_anchor: whether `person` is still to get the row's `external_id`.
        sets_email: whether `person` is still to get the row's address.
        foreign: `person` bears an external id of somebody else's, which it keeps.
    """

    person: Person | None
    former: tuple[Person, ...] = ()
    sets_anchor: bool = False
    sets_email: bool = False
    foreign: bool = False

    @property
    def profile_ids(self) -> frozenset[str]:
        """The profiles that it reads or changes."""
        return frozenset(each.id for each in (self.person, *self.former) if each is not None)


def resolve(row: ProfileRow, found: Collection[Person]) -> Resolution:
    """Decide by what Klaviyo holds under the row's identifiers.

    `found` are the profiles that bear one of them; others among them are passed over.
    """
    anchor, email, external_ids = row.anchor, row.email, row.external_ids
    addressed = next((it for it in found if it.email and it.email == email), None)
    ours = [person for person in found if person.external_id in external_ids]
    ours.sort(key=lambda person: (person.external_id != anchor, person.id))
    person = addressed or next(iter(ours), None)
    if person is None:
        return Resolution(None)
    foreign = person.external_id not in {None, *external_ids}
    return Resolution(
        person,
        former=tuple(each for each in ours if each is not person),
        sets_anchor=not foreign and person.external_id != anchor,
        sets_email=addressed is None and email is not None,
        foreign=foreign,
    )
