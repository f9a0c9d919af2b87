"""The audit of one metric: by day first, by event where days differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.audit.comparison import ExpectedDay, compare_days
from target_klaviyo.audit.findings import Difference, MetricResult, SourceDay
from target_klaviyo.audit.judging import NO_VALUES_SHOWN, SILENTLY_DROPPED, EventJudge
from target_klaviyo.audit.search import EventSearch
from target_klaviyo.audit.timezones import DAY, NOTHING, Amount, by_day, day_of, days, midnight

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
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
        currency: the account's.
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
        currency: str,
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
        self._currency = currency
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
        found = self._inquiry.by_day(metric_id, *outer, self._zone) if metric_id else {}
        found = {day: found.get(day, NOTHING) for day in days(*outer)}
        compared = self._compared(name, found)
        log = self._sightings.log_of(name)
        if any(day.differs for day in self._inside(compared).values()):
            compared = self._compared_by_event(name, metric_id, found, compared, log)
        else:
            self._log_silent(name, compared, log)
        inside = self._inside(compared)
        period = self._seconds(self._first, self._last + DAY)
        sums = self._expectations.sums(name, *period)
        return MetricResult(
            name,
            metric_id,
            list(inside.values()),
            self._source_days(name, metric_id, log.explained),
            log.counts,
            log.listed,
            unexplained=sum(day.note == NO_VALUES_SHOWN for day in inside.values()),
            sums=sums,
            comparable=sums.keys() <= {self._currency},
            followed=self._expectations.followed(name, *period),
        )

    def _compared(self, name: str, found: Mapping[date, Amount]) -> list[Day]:
        """The days, the margin's too, in numbers."""
        wanted = self._expected_days(name, min(found), max(found))
        return compare_days(found, wanted, found)

    def _inside(self, compared: Iterable[Day]) -> dict[date, Day]:
        return {day.day: day for day in compared if self._first <= day.day <= self._last}

    def _compared_by_event(
        self,
        name: str,
        metric_id: str | None,
        found: Mapping[date, Amount],
        compared: list[Day],
        log: FindingLog,
    ) -> list[Day]:
        """Read the events of days that differ, and judge them.

        An event that is found under an earlier time that it had is expected there from then on,
        so that afterwards other days may differ; until none does that has not been read.
        """
        search = EventSearch(
            self._inquiry,
            self._sightings,
            metric=name,
            metric_id=metric_id,
            audit_key=self._audit_key,
            zone=self._zone,
            found=found,
        )
        while differing := {day.day for day in compared if day.differs} - search.read:
            search.look_into(differing)
            compared = self._compared(name, found)
        self._log_silent(name, (day for day in compared if day.day not in search.read), log)
        for day in compared:
            if day.day in search.read:
                day.explained = 0  # the judge counts them, one by one
        EventJudge(
            self._sightings,
            days=self._inside(compared),
            zone=self._zone,
            settled_until=self._settled_until,
            searched_everywhere=search.exhaustive,
            log=log,
        ).judge(name)
        return compared

    def _expected_days(self, name: str, first: date, last: date) -> dict[date, ExpectedDay]:
        slots = list(self._expectations.slots(name, *self._seconds(first, last + DAY)))
        total = by_day(((each.slot, each.total) for each in slots), self._zone)
        silent = by_day(((each.slot, each.silent) for each in slots), self._zone)
        foreign = by_day(((each.slot, Amount(each.foreign)) for each in slots), self._zone)
        return {
            day: ExpectedDay(amount, silent[day], foreign[day].count)
            for day, amount in total.items()
        }

    def _log_silent(self, name: str, compared: Iterable[Day], log: FindingLog) -> None:
        """Days that agree without the events that Klaviyo drops: name those events."""
        for day in self._inside(compared).values():
            if day.explained:
                for event in self._expectations.silent(
                    name, *self._seconds(day.day, day.day + DAY)
                ):
                    log.add(Difference.DROPPED, event, None, SILENTLY_DROPPED)

    def _source_days(
        self, name: str, metric_id: str | None, explained: Mapping[int, int]
    ) -> dict[date, SourceDay]:
        """Counts per day of the source's zone, of what is expected and of what is there.

        `explained` says by slot how many of the expected are absent for a known reason.
        """
        zone = self._source_zone
        if zone is None:
            return {}
        start, end = self._seconds(self._first, self._last + DAY)
        first, last = day_of(start, zone), day_of(end - 1, zone)
        slots = self._expectations.slots(name, midnight(first, zone), midnight(last + DAY, zone))
        wanted = by_day(((each.slot, each.total) for each in slots), zone)
        found = self._inquiry.by_day(metric_id, first, last, zone) if metric_id else {}
        absent = by_day(((slot, Amount(count)) for slot, count in sorted(explained.items())), zone)
        return {
            day: SourceDay(*(of.get(day, NOTHING).count for of in (wanted, found, absent)))
            for day in days(first, last)
        }

    def _seconds(self, first: date, end: date) -> tuple[int, int]:
        return midnight(first, self._zone), midnight(end, self._zone)
