"""Reading a metric's single events, of as few days as it takes, and pairing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.audit.matching import match
from target_klaviyo.audit.queries import EVENTS_PER_PAGE
from target_klaviyo.audit.timezones import day_of, days, midnight, runs, widened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from zoneinfo import ZoneInfo

    from target_klaviyo.audit.inquiry import Inquiry
    from target_klaviyo.audit.sightings import Sightings
    from target_klaviyo.audit.timezones import Amount

MOST_EXTRA_PAGES = 100
"""How many pages of a metric's events are read for the sake of those whose time moves."""


class EventSearch:
    """Looks for the events of one metric.

    Args:
        inquiry: asks Klaviyo.
        sightings: keeps what is found, and pairs it.
        metric: name of the metric.
        metric_id: Klaviyo's id of it; None when it has none of that name.
        audit_key: name of the event property by which events are known again.
        zone: the account's.
        found: Klaviyo's counts per day of the period and of the margin around it.

    Attributes:
        read: the days of these that have been read.
        exhaustive: whether all days were read that an event not found may stand under.
    """

    def __init__(  # noqa: PLR0913  (its collaborators, and which metric)
        self,
        inquiry: Inquiry,
        sightings: Sightings,
        *,
        metric: str,
        metric_id: str | None,
        audit_key: str,
        zone: ZoneInfo,
        found: Mapping[date, Amount],
    ) -> None:
        self._inquiry = inquiry
        self._sightings = sightings
        self._metric = metric
        self._metric_id = metric_id
        self._audit_key = audit_key
        self._zone = zone
        self._found = found
        self._elsewhere: set[date] = set()
        self._pages_left = MOST_EXTRA_PAGES
        self.read: set[date] = set()
        self.exhaustive = True
        sightings.begin_matching()

    def look_into(self, differing: set[date]) -> None:
        """Read and match the events of differing days, and of those they may have got lost on.

        A neighbour that agrees may still hold what is missing, when it lost as many itself; then
        its own neighbours are read too. An event whose time moves may stand under any day since
        the earliest; those days are read last, also outside the period.
        """
        unread = set(widened(differing, self._found)) - self.read
        while unread:
            self._read(unread)
            loose = {day_of(time, self._zone) for time in self._sightings.loose_times(self._metric)}
            unread = set(widened(loose - differing, self._found)) - self.read
            if not unread:
                unread = self._look_where_times_moved()
        self._sightings.follow(self._metric)

    def _read(self, chosen: set[date]) -> None:
        self.read |= chosen
        self._sightings.match_within(self._seconds(run) for run in runs(sorted(self.read)))
        self._fetch(day for day in chosen if self._found[day].count)
        match(self._sightings, self._metric)

    def _look_where_times_moved(self) -> set[date]:
        """Read days outside the period under which events may stand; return those within it."""
        reach: set[date] = set()
        for event in self._sightings.moving_unpaired(self._metric):
            reach.update(days(day_of(event.earliest, self._zone), day_of(event.latest, self._zone)))
        outside = reach - self._found.keys() - self._elsewhere
        if outside and self._metric_id is not None:
            self._elsewhere |= outside
            there = self._inquiry.by_day(self._metric_id, min(outside), max(outside), self._zone)
            counts = {day: there[day].count for day in outside & there.keys()}
            self._fetch(self._affordable(counts))
            match(self._sightings, self._metric)
        inside = (reach & self._found.keys()) - self.read
        return set(self._affordable({day: self._found[day].count for day in inside}))

    def _affordable(self, counts: Mapping[date, int]) -> Iterable[date]:
        """Of days those that hold events and may still be read, the latest first."""
        for day in sorted((day for day, count in counts.items() if count), reverse=True):
            pages = 1 + counts[day] // EVENTS_PER_PAGE
            if pages > self._pages_left:
                self.exhaustive = False
                return
            self._pages_left -= pages
            yield day

    def _fetch(self, chosen: Iterable[date]) -> None:
        if self._metric_id is not None:
            for run in runs(sorted(chosen)):
                self._sightings.add_found(
                    self._inquiry.events(self._metric_id, *self._seconds(run), self._audit_key)
                )

    def _seconds(self, run: tuple[date, date]) -> tuple[int, int]:
        first, end = run
        return midnight(first, self._zone), midnight(end, self._zone)
