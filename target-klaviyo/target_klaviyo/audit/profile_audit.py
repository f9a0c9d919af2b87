"""The audit of a sample of the profiles."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from target_klaviyo.audit import profiles
from target_klaviyo.audit.findings import ProfilesResult
from target_klaviyo.audit.queries import PROFILES_PER_PAGE
from target_klaviyo.audit.store import who

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_klaviyo.audit.expectations import Expectations
    from target_klaviyo.audit.inquiry import Inquiry
    from target_klaviyo.rows.contract import ProfileRow


class ProfileAudit:
    """Compares profiles, property by property, a page at a time.

    Args:
        inquiry: asks Klaviyo.
        expectations: what should be there.
        size: how many profiles to compare; -1 means all.
    """

    def __init__(self, inquiry: Inquiry, expectations: Expectations, size: int) -> None:
        self._inquiry = inquiry
        self._expectations = expectations
        self._size = size
        self._differing: set[str] = set()
        self._sent: frozenset[str] = frozenset()

    def compare(self) -> ProfilesResult:
        """Compare the sample."""
        result = ProfilesResult(expected=self._expectations.profile_count())
        self._differing.clear()
        sample = self._expectations.sample(self._size)
        while wanted := list(islice(sample, PROFILES_PER_PAGE)):
            there = self._inquiry.profiles(
                spelling for row, _, _ in wanted for spelling in sorted(profiles.spellings(row))
            )
            for row, silent, rejected in wanted:
                result.checked += 1
                wrong = profiles.differences(
                    row, there.get(profiles.lookup(row), []), silent=silent, rejected=rejected
                )
                result.differences += wrong
                if any(not each.reason for each in wrong):
                    self._differing.add(who(row.identity))
        return result

    def to_send(self) -> Iterator[ProfileRow]:
        """The profiles that differ for no known reason, marked as sent from now on."""
        self._sent = frozenset(self._differing)
        for name in sorted(self._sent):
            row = self._expectations.expected_profile(name)
            if row is not None:
                yield row

    def sent_and_differing(self) -> bool:
        """Whether a profile that was sent again is not as it should be yet."""
        return not self._sent.isdisjoint(self._differing)
