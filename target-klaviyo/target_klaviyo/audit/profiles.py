"""The audit of the profiles, or of a sample of them: property by property."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.audit.expected import anchors, who
from target_klaviyo.audit.found import found_profiles
from target_klaviyo.people.changes import alike, flat
from target_klaviyo.people.lookups import PEOPLE_PER_PAGE
from target_klaviyo.rows.identity import SILENT_DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_klaviyo.audit.expected import ExpectedProfile, ExpectedRows
    from target_klaviyo.klaviyo.exchange import Api
    from target_klaviyo.rows.contract import ProfileRow

    Difference = dict[str, Any]
    FoundProfile = Mapping[str, Any]
    FoundProfiles = Mapping[tuple[str, str], list[dict[str, Any]]]

MAX_LISTED = 1_000
FORMER_ADDRESS = "a profile under a former address"
"""What stands for the property where a second profile is the same person's."""

SILENT = "Klaviyo keeps no profiles for addresses at example.com and test.com"
ERASED = "the source no longer knows this person, whose address it has erased"


class ProfileAudit:
    """Compares profiles, a page at a time.

    Args:
        api: asks Klaviyo.
        expected: what should be there.
        size: how many profiles to compare; -1 means all.
    """

    def __init__(self, api: Api, expected: ExpectedRows, size: int) -> None:
        self._api = api
        self._expected = expected
        self._size = size
        self._differing: set[str] = set()
        self._sent: frozenset[str] = frozenset()

    def check(self) -> dict[str, Any]:
        """Compare the sample; what the report says of it."""
        checked = explained = 0
        listed: list[Difference] = []
        self._differing.clear()
        sample = self._expected.sample(self._size)
        while wanted := list(islice(sample, PEOPLE_PER_PAGE)):
            lookups = (lookup for each in wanted for lookup in _lookups(each.row))
            found = found_profiles(self._api, lookups)
            for each in wanted:
                checked += 1
                wrong = differences(each, found)
                listed += wrong[: MAX_LISTED - len(listed)]
                explained += any(difference["reason"] for difference in wrong)
                if not all(difference["reason"] for difference in wrong):
                    self._differing.add(who(each.row.identity))
        return {
            "expected": self._expected.profile_count(),
            "checked": checked,
            "differing": len(self._differing),
            "explained": explained,
            "differences": listed,
        }

    def differing(self) -> Iterator[ProfileRow]:
        """The profiles that differ for no known reason, marked as sent from now on."""
        self._sent = frozenset(self._differing)
        for name in sorted(self._sent):
            profile = self._expected.profile(name)
            if profile is not None:
                yield profile.row

    def sent_and_differing(self) -> bool:
        """Whether a profile that was sent again is not as it should be yet."""
        return not self._sent.isdisjoint(self._differing)


def differences(expected: ExpectedProfile, found: FoundProfiles) -> list[Difference]:
    """What differs between a profile as it should be and as it is, property by property (pure).

    A person is looked up by our anchors, external ids, and by the row's own identifier. The
    profile under that one is the person's; without it, the anchored one is, under a former address.

    Args:
        expected: as it should be; what its row does not mention is not compared.
        found: profiles by each of their identifiers; of several the one that fits best counts.

    Returns:
        As the report has them: None is an absent value, an empty property a whole profile that is
        missing; what has a reason is explained.
    """
    row = expected.row
    name = row.identity[0][1]
    present = list(found.get(row.identity[0], []))
    ids = {profile["id"] for profile in present}
    former = {
        profile["id"]: profile
        for anchor in anchors(row)
        for profile in found.get(("external_id", anchor), [])
        if profile["id"] not in ids
    }
    if not present and not former:
        reason = expected.reason or (SILENT if SILENT_DOMAIN in row.warnings else "")
        return [_difference(name, "", "a profile", None, reason)]
    compared = [
        list(_differing_properties(name, expected, profile, is_former=not present))
        for profile in present or former.values()
    ]
    best = min(compared, key=len)
    if present:
        best += [
            _difference(name, FORMER_ADDRESS, None, _named(profile), expected.reason)
            for profile in former.values()
        ]
    return best


def _named(profile: FoundProfile) -> str:
    """The identifier a person would look for."""
    named = (profile.get(kind) for kind in ("email", "phone_number", "external_id", "id"))
    return str(next(filter(None, named), ""))


def _lookups(row: ProfileRow) -> Iterator[tuple[str, str]]:
    """What to look the row's person up by, as (kind, value).

    An address also as it came, since filters may mind its case (docs/klaviyo.md: People).
    """
    for anchor in anchors(row):
        yield "external_id", anchor
    kind, value = row.identity[0]
    yield kind, value
    as_it_came = orjson.loads(row.attributes).get(kind)
    if isinstance(as_it_came, str):
        yield kind, as_it_came


def _differing_properties(
    name: str, expected: ExpectedProfile, found: FoundProfile, *, is_former: bool
) -> Iterator[Difference]:
    row = expected.row
    wanted, there = flat(row.fields()), flat(found)
    was_erased = row.identity[0][0] == "external_id" and bool(found.get("email"))
    for key, value in sorted(wanted.items()):
        present = there.get(key)
        if key == "email" and not is_former:
            continue  # found by it, or beside another identifier a matter of Klaviyo's merging
        if key == "external_id" and present:
            continue  # an anchor, or a stranger's, which is left alone
        if not alike(value, present):
            erased = ERASED if was_erased and value is None else ""
            shown_name = key.removeprefix("properties.")
            yield _difference(name, shown_name, value, present, expected.reason or erased)


def _difference(profile: str, name: str, expected: Any, found: Any, reason: str) -> Difference:
    return {
        "profile": profile,
        "property": name,
        "expected": expected,
        "found": found,
        "reason": reason,
    }
