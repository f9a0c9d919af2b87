"""The audit of one metric: by day first, by event where days differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.audit.comparison import ExpectedDay, compare_days
from target_klaviyo.audit.findings import Kind, MetricResult
from target_klaviyo.audit.judging import NO_VALUES_SHOWN, SILENTLY_DROPPED, EventJudge
from target_klaviyo.audit.matching import match
from target_klaviyo.audit.timezones import (
    DAY,
    NOTHING,
    Amount,
    by_day,
    day_of,
    days,
    midnight,
    runs,
    widened,
)

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

    from target_klaviyo.audit.expectations import Expectations
    from target_klaviyo.audit.findings import Day
    from target_klaviyo.audit.inquiry import Inquiry
    from target_klaviyo.audit.sightings import FindingLog, Sightings

MARGIN = DAY
"""Around the period: an event moved just over its edge is moved, not missing."""


class MetricAudit:
    """Compares metrics, one at a time.

    Args:
        inquiry: asks Klaviyo.
        expectations: what should be there.
        sightings: keeps what is there.
        zone: the account's.
        source_zone: the zone of the source's reports, when it was told.
        audit_key: name of the event property by which events are known again.
        first: first day of the period, in the account's zone.
        last: last day of the period.
        settled_until: expected events from then on may not be visible yet.
    """

    def __init__(  # noqa: PLR0913  (its collaborators and the period, each by name)
        self,
        inquiry: Inquiry,
        expectations: Expectations,
        sightings: Sightings,
        *,
        zone: ZoneInfo,
        source_zone: ZoneInfo | None,
        audit_key: str,
        first: date,
        last: date,
        settled_until: int,
    ) -> None:
        self._inquiry = inquiry
        self._expectations = expectations
        self._sightings = sightings
        self._zone = zone
        self._source_zone = source_zone
        self._audit_key = audit_key
        self._first = first
        self._last = last
        self._settled_until = settled_until

    def compare(self, name: str, metric_id: str | None) -> MetricResult:
        """Compare a metric, in the margin around the period too.

        Args:
            name: of the metric.
            metric_id: Klaviyo's id of it; None when it has none of that name.
        """
        outer = (self._first - MARGIN, self._last + MARGIN)
        wanted = self._expected_days(name, *outer)
        found = self._inquiry.by_day(metric_id, *outer, self._zone) if metric_id else {}
        compared = compare_days(days(*outer), wanted, found)
        inside = {day.day: day for day in compared if self._first <= day.day <= self._last}
        log = self._sightings.log_of(name)
        self._log_silent(name, inside, log)
        if any(day.differs for day in inside.values()):
            self._match_events(name, metric_id, compared)
            EventJudge(
                self._sightings,
                days=inside,
                zone=self._zone,
                settled_until=self._settled_until,
                log=log,
            ).judge(name)
        return MetricResult(
            name,
            metric_id,
            list(inside.values()),
            self._source_days(name, metric_id),
            log.counts,
            log.listed,
            sum(day.note == NO_VALUES_SHOWN for day in inside.values()),
        )

    def _expected_days(self, name: str, first: date, last: date) -> dict[date, ExpectedDay]:
        slots = list(self._expectations.slots(name, *self._seconds(first, last + DAY)))
        total = by_day(((each.slot, each.total) for each in slots), self._zone)
        silent = by_day(((each.slot, each.silent) for each in slots), self._zone)
        foreign = by_day(((each.slot, Amount(each.foreign)) for each in slots), self._zone)
        return {
            day: ExpectedDay(amount, silent[day], foreign[day].count)
            for day, amount in total.items()
        }

    def _log_silent(self, name: str, days: dict[date, Day], log: FindingLog) -> None:
        """Days that agree without the events that Klaviyo drops: name those events."""
        for day in days.values():
            if day.explained:
                for event in self._expectations.silent(
                    name, *self._seconds(day.day, day.day + DAY)
                ):
                    log.add(Kind.DROPPED, event, None, SILENTLY_DROPPED)

    def _match_events(self, name: str, metric_id: str | None, compared: list[Day]) -> None:
        """Read the events of differing days and their neighbours, and match them.

        A neighbour that agrees may still hold what is missing, when it lost as many itself; then
        its own neighbours are read too.
        """
        there = {day.day: day.found.count for day in compared}
        differing = {day.day for day in compared if day.differs}
        self._sightings.begin_matching()
        chosen: set[date] = set()
        unread = set(widened(differing, there))
        while unread:
            chosen |= unread
            self._sightings.match_within(self._seconds(*run) for run in runs(sorted(chosen)))
            if metric_id is not None:
                for run in runs(day for day in sorted(unread) if there[day]):
                    self._sightings.add_found(
                        self._inquiry.events(metric_id, *self._seconds(*run), self._audit_key)
                    )
            match(self._sightings, name)
            loose = {day_of(time, self._zone) for time in self._sightings.loose_times(name)}
            unread = set(widened(loose - differing, there)) - chosen

    def _source_days(self, name: str, metric_id: str | None) -> dict[date, tuple[int, int]]:
        """Counts per day of the source's zone, of what is expected and of what is there."""
        zone = self._source_zone
        if zone is None:
            return {}
        start, end = self._seconds(self._first, self._last + DAY)
        first, last = day_of(start, zone), day_of(end - 1, zone)
        slots = self._expectations.slots(name, midnight(first, zone), midnight(last + DAY, zone))
        wanted = by_day(((each.slot, each.total) for each in slots), zone)
        found = self._inquiry.by_day(metric_id, first, last, zone) if metric_id else {}
        return {
            day: (wanted.get(day, NOTHING).count, found.get(day, NOTHING).count)
            for day in days(first, last)
        }

    def _seconds(self, first: date, end: date) -> tuple[int, int]:
        return midnight(first, self._zone), midnight(end, self._zone)
