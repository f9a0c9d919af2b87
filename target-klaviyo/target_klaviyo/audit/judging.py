"""What is wrong with single events, and why, once they are matched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.audit.findings import EXPLAINED, Difference
from target_klaviyo.audit.matching import same_value
from target_klaviyo.audit.timezones import day_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from zoneinfo import ZoneInfo

    from target_klaviyo.audit.findings import Day
    from target_klaviyo.audit.sightings import FindingLog, Sightings
    from target_klaviyo.audit.store import Candidate

EVENTS_AGREE = "Klaviyo's counts differ, yet each of its events is in place"
NO_VALUES_SHOWN = "the sum differs, and Klaviyo's events do not show their values"
NOT_ALL_SEARCHED = (
    "not found under the days that were read, and it may stand under more: look for it in Klaviyo, "
    "on its profile"
)
SILENTLY_DROPPED = "Klaviyo drops events for addresses at example.com and test.com without a word"


class EventJudge:
    """Logs the findings of a metric whose differing days have been read and matched.

    Args:
        sightings: holds the events, matched.
        days: the days of the period; what is found decides which of them differ.
        zone: the account's.
        settled_until: expected events from then on may not be visible yet.
        searched_everywhere: whether all days were read under which an event may stand.
        log: takes the findings.
    """

    def __init__(  # noqa: PLR0913  (what it judges by, each by name)
        self,
        sightings: Sightings,
        *,
        days: Mapping[date, Day],
        zone: ZoneInfo,
        settled_until: int,
        searched_everywhere: bool,
        log: FindingLog,
    ) -> None:
        self._sightings = sightings
        self._days = days
        self._zone = zone
        self._settled_until = settled_until
        self._searched_everywhere = searched_everywhere
        self._log = log
        self._wrong: set[date] = set()
        self._explained: set[date] = set()
        self._without_values: set[date] = set()

    def judge(self, metric: str) -> None:
        """Judge all that was read."""
        for expected, found in self._sightings.pairs():
            self._present(expected, found)
        for expected in self._sightings.expected_unpaired(metric):
            self._absent(expected)
        for found in self._sightings.leftovers():
            self._surplus(found)
        for day in self._days.values():
            if day.day in self._wrong:
                day.differs = True
            elif day.differs:
                self._acquit(day)

    def _present(self, expected: Candidate, found: Candidate) -> None:
        here, there = day_of(expected.time, self._zone), day_of(found.time, self._zone)
        if found.value is None:
            self._without_values.add(here)
        if here != there:
            if here in self._days or there in self._days:
                reason = f"stored under {there} instead of {here}"
                self._log.add(Difference.MOVED, expected, found, reason)
                self._wrong |= {here, there}
        elif here in self._days and not same_value(expected, found):
            self._log.add(Difference.ALTERED, expected, found, "stored with another value")
            self._wrong.add(here)

    def _absent(self, expected: Candidate) -> None:
        day = self._days.get(day_of(expected.time, self._zone))
        if day is None:
            return
        difference, reason = self._why_absent(expected)
        self._log.add(difference, expected, None, reason)
        if difference in EXPLAINED:
            day.explained += 1
            self._explained.add(day.day)
        else:
            self._wrong.add(day.day)

    def _why_absent(self, expected: Candidate) -> tuple[Difference, str]:
        silent, rejected = self._sightings.silent_or_rejected(expected.number)
        if rejected is not None:
            return Difference.REJECTED, rejected
        if silent:
            return Difference.DROPPED, SILENTLY_DROPPED
        if expected.time >= self._settled_until:
            return Difference.PENDING, "so young that Klaviyo may not show it yet"
        if expected.earliest < expected.latest and not self._searched_everywhere:
            return Difference.MISSING, NOT_ALL_SEARCHED
        return Difference.MISSING, "Klaviyo does not have it"

    def _surplus(self, found: Candidate) -> None:
        day = day_of(found.time, self._zone)
        if day in self._days:
            self._log.add(
                Difference.UNEXPECTED, None, found, "nothing like it came from the source"
            )
            self._wrong.add(day)

    def _acquit(self, day: Day) -> None:
        """Its numbers differ, but nothing is wrong with its events, or nothing unexplained."""
        if day.day in self._explained:
            day.differs = False
        elif day.expected.count == day.found.count and day.day in self._without_values:
            day.note = NO_VALUES_SHOWN
        else:
            day.differs = False
            day.note = EVENTS_AGREE
