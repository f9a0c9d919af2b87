"""Which profile a row goes to, by what Klaviyo holds under its identifiers."""

from __future__ import annotations

import pytest

from target_klaviyo.people.resolution import Person, Resolution, resolve
from target_klaviyo.rows.contract import Origin, ProfileRow


def person(name: str, email: str | None = None, external_id: str | None = None) -> Person:
    """A profile of these identifiers."""
    return Person(name, email, external_id, {})


def row(*identity: tuple[str, str], also_known_as: tuple[str, ...] = ()) -> ProfileRow:
    """A row of these identifiers."""
    origin = Origin("profiles", b"{}", b"{}")
    return ProfileRow(origin, identity, None, b"{}", [], also_known_as=also_known_as)


ROW = row(("email", "new@shop.se"), ("external_id", "oldest"), also_known_as=("younger",))
NOBODY = person("other", "old@shop.se", "somebody")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([], Resolution(None), id="nobody is known"),
        pytest.param([NOBODY], Resolution(None), id="somebody else is passed over"),
        pytest.param(
            [one := person("p", "new@shop.se")],
            Resolution(one, sets_anchor=True),
            id="known by the address alone, and anchored now",
        ),
        pytest.param(
            [one := person("p", "new@shop.se", "oldest")],
            Resolution(one),
            id="known by both",
        ),
        pytest.param(
            [one := person("p", "new@shop.se", "younger")],
            Resolution(one, sets_anchor=True),
            id="anchored by another account of the person, and anchored anew",
        ),
        pytest.param(
            [one := person("p", "new@shop.se", "shop-17")],
            Resolution(one, foreign=True),
            id="known to another system, whose id stays",
        ),
        pytest.param(
            [one := person("p", "old@shop.se", "oldest")],
            Resolution(one, sets_email=True),
            id="the customer has changed the address",
        ),
        pytest.param(
            [one := person("p", None, "younger")],
            Resolution(one, sets_anchor=True, sets_email=True),
            id="another account of the person had no address",
        ),
        pytest.param(
            [old := person("a", "old@shop.se", "oldest"), new := person("b", "new@shop.se")],
            Resolution(new, (old,), sets_anchor=True),
            id="the new address has a profile of its own already",
        ),
        pytest.param(
            [
                old := person("a", "old@shop.se", "oldest"),
                new := person("b", "new@shop.se", "shop-17"),
            ],
            Resolution(new, (old,), foreign=True),
            id="the new address is known to another system",
        ),
        pytest.param(
            [
                second := person("a", "second@shop.se", "younger"),
                first := person("b", "first@shop.se", "oldest"),
            ],
            Resolution(first, (second,), sets_email=True),
            id="of two former profiles the anchored one stays",
        ),
    ],
)
def test_a_row_goes_to_the_profile_of_its_person(found: list[Person], expected: Resolution) -> None:
    """The address decides, the anchor follows the person through a changed address."""
    assert resolve(ROW, found) == expected
    assert resolve(ROW, found[::-1]) == expected


def test_a_person_without_an_address_keeps_the_one_klaviyo_has() -> None:
    """An address that the source has lost is not taken from the profile."""
    known = person("p", "kept@shop.se", "alone")
    assert resolve(row(("external_id", "alone")), [known]) == Resolution(known)
