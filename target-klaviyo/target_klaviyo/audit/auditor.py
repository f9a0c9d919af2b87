"""The consumer of rows that writes nothing: it remembers what should be in Klaviyo, then looks."""

from __future__ import annotations

import logging
import select
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit import profiles, queries
from target_klaviyo.audit.comparison import ExpectedDay, compare_days
from target_klaviyo.audit.expectations import Expectations, who
from target_klaviyo.audit.findings import AuditResult, Kind, MetricResult, ProfilesResult, Rejection
from target_klaviyo.audit.judging import NO_VALUES_SHOWN, SILENTLY_DROPPED, EventJudge
from target_klaviyo.audit.matching import match
from target_klaviyo.audit.timezones import (
    NOTHING,
    Amount,
    by_day,
    day_of,
    days,
    klaviyo_name,
    midnight,
    ranges,
    runs,
    widened,
    zone_named,
)
from target_klaviyo.audit.zones import judge_zones

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date
    from zoneinfo import ZoneInfo

    from target_klaviyo.audit.findings import Day
    from target_klaviyo.audit.reader import Interruption, Reader
    from target_klaviyo.errors import RowRejected
    from target_klaviyo.rows import EventRow, Origin, ProfileRow

DAY = timedelta(days=1)
MARGIN = DAY
"""Around the period: an event moved just over its edge is moved, not missing."""

LOOK_FOR_SIGNALS_SECONDS = 0.5

log = logging.getLogger("target-klaviyo")


@dataclass(frozen=True)
class AuditOptions:
    """What of the settings concerns an audit.

    Attributes:
        first: first day to compare, in the account's zone; None: that of the first event.
        last: last day to compare; None: today, or that of the last event.
        source_timezone: IANA name of the zone in which the source's reports count days.
        settle: how long Klaviyo may take to show an event.
        profiles: how many profiles to compare; -1 means all.
        audit_key: name of the event property by which events are known again.
    """

    first: date | None = None
    last: date | None = None
    source_timezone: str | None = None
    settle: timedelta = timedelta(minutes=10)
    profiles: int = 5_000
    audit_key: str = "Recurly ID"


class Auditor:
    """Takes the row stream, then compares.

    Args:
        reader: asks Klaviyo.
        options: of the settings.
        interruption: where a signal is noted.
        rejects: reads (row, reason) out of the rejects file.
        conclude: what to do with the result.
        keep_payloads: keep what is needed to send rows again.
        now: the present, in UTC.
    """

    def __init__(  # noqa: PLR0913  (its collaborators, each by name)
        self,
        *,
        reader: Reader,
        options: AuditOptions,
        interruption: Interruption,
        rejects: Callable[[], Iterable[tuple[EventRow | ProfileRow, str]]],
        conclude: Callable[[Auditor], None],
        rejections: Counter[tuple[str, str]],
        keep_payloads: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._reader = reader
        self._options = options
        self.interruption = interruption
        self._rejects = rejects
        self._conclude = conclude
        self._rejections = rejections
        self._now = now
        self._account = queries.read_account(reader.ask(queries.account()))
        self._zone = zone_named(self._account.timezone, "Klaviyo's account")
        self._source_zone: ZoneInfo | None = None
        if options.source_timezone:
            self._source_zone = zone_named(options.source_timezone, "The setting source_timezone")
        self._from, self._until = self._bounds()
        self._differing: set[str] = set()
        self._sent: frozenset[str] = frozenset()
        self.expectations = Expectations(
            audit_key=options.audit_key,
            currency=self._account.currency,
            keep_payloads=keep_payloads,
            sample_by=self._now().date().isoformat(),
        )

    def _bounds(self) -> tuple[float, float]:
        """Between which moments an event matters at all."""
        first, last = self._options.first, self._options.last
        return (
            midnight(first - MARGIN, self._zone) if first else float("-inf"),
            midnight(last + MARGIN + DAY, self._zone) if last else float("inf"),
        )

    # Rows in.

    def seen(self, kind: str) -> None:
        """A row was read."""

    def event(self, row: EventRow) -> None:
        """Expect an event, if its time matters; its metric is compared in any case."""
        self.expectations.know(row.metric)
        if self._from <= row.time.timestamp() < self._until:
            self.expectations.add_event(row)

    def profile(self, row: ProfileRow) -> None:
        """Expect a profile."""
        self.expectations.add_profile(row)

    def reject(self, kind: str, rejection: RowRejected, origin: Origin) -> None:
        """Count what could never be sent; an audit adds nothing to the rejects file."""
        del origin
        self._rejections[kind, rejection.rule] += 1

    def state(self, value: Any) -> None:
        """An audit moves no bookmark."""

    def pump(self, source: Any = None) -> None:
        """Wait until `source` can be read; rows need no waiting for room."""
        self.interruption.check()
        while source is not None:
            ready, _, _ = select.select([source], [], [], LOOK_FOR_SIGNALS_SECONDS)
            self.interruption.check()
            if ready:
                return

    def finish(self, *, all_taken: bool) -> None:
        """Compare, and hand over to whoever draws the conclusion."""
        del all_taken
        self.read_rejects()
        try:
            self._conclude(self)
        finally:
            self.expectations.close()

    def wind_down(self) -> None:
        """There is nothing to finish."""
        self.expectations.close()

    def abandon(self) -> None:
        """There is nothing to finish."""
        self.expectations.close()

    def interrupt(self, signum: int) -> None:
        """Note a signal."""
        self.interruption.set(signum)

    def read_rejects(self) -> None:
        """Note why rows of the rejects file are not in Klaviyo."""
        for row, reason in self._rejects():
            self.expectations.explain(row, reason)

    def sent_and_missing(self) -> bool:
        """Whether something that was sent again is not to be seen yet."""
        return bool(self.expectations.sent_and_missing() or self._sent & self._differing)

    def profiles_to_send(self) -> Iterator[ProfileRow]:
        """The profiles that differ for no known reason, marked as sent from now on."""
        self._sent = frozenset(self._differing)
        for name in sorted(self._differing):
            row = self.expectations.expected_profile(name)
            if row is not None:
                yield row

    # The comparison.

    def compare(self) -> AuditResult:
        """Look into Klaviyo and say what differs."""
        self.expectations.begin_findings()
        first, last = self._period()
        identifiers: dict[str, str] = {}
        for document in self._reader.pages(queries.metrics):
            for name, identifier in queries.read_metrics(document):
                identifiers.setdefault(name, identifier)
        names = self.expectations.metrics()
        log.info(
            "Comparing %d metrics from %s to %s (%s) with %s.",
            len(names),
            first,
            last,
            self._account.timezone,
            self._account.name,
        )
        metrics = [self._metric(name, identifiers.get(name), first, last) for name in names]
        zones = judge_zones(
            metrics,
            [list(self._slots(name, first, last)) for name in names],
            account=self._zone,
            source=self._source_zone,
        )
        return AuditResult(
            account=self._account.name,
            currency=self._account.currency,
            first=first,
            last=last,
            made_at=self._now(),
            zones=zones,
            metrics=metrics,
            profiles=self._profiles(),
            rejections=[
                Rejection(kind, rule, count) for (kind, rule), count in self._rejections.items()
            ],
            other_metrics=sorted(identifiers.keys() - set(names)),
            settle_minutes=self._options.settle.total_seconds() / 60,
            requests=self._reader.requests,
        )

    def _period(self) -> tuple[date, date]:
        """First and last day, in the account's zone."""
        today = day_of(self._now().timestamp(), self._zone)
        span = self.expectations.span()
        first = self._options.first or (day_of(span[0], self._zone) if span else today)
        last = self._options.last or max(
            today, day_of(span[1], self._zone) if span else today, first
        )
        return min(first, last), last

    def _metric(self, name: str, identifier: str | None, first: date, last: date) -> MetricResult:
        """Compare a metric, in the margin around the period too."""
        outer = (first - MARGIN, last + MARGIN)
        start, end = self._seconds(outer[0], outer[1] + DAY)
        wanted = self._expected_days(name, start, end)
        found = self._aggregates(identifier, *outer, self._zone) if identifier else {}
        compared = compare_days(days(*outer), wanted, found)
        inside = {day.day: day for day in compared if first <= day.day <= last}
        result = MetricResult(name, identifier, list(inside.values()))
        log_of_findings = self.expectations.log_of(name)
        for day in result.days:
            if day.explained:
                for event in self.expectations.silent(name, *self._seconds(day.day, day.day + DAY)):
                    log_of_findings.add(Kind.DROPPED, event, None, SILENTLY_DROPPED)
        if any(day.differs for day in result.days):
            self._match_events(name, identifier, compared)
            EventJudge(
                self.expectations,
                days=inside,
                zone=self._zone,
                settled_until=int((self._now() - self._options.settle).timestamp()),
                log=log_of_findings,
            ).judge(name)
        result.counts, result.findings = log_of_findings.counts, log_of_findings.listed
        result.unexplained = sum(day.note == NO_VALUES_SHOWN for day in result.days)
        if self._source_zone is not None:
            result.source_days = self._source_days(name, identifier, first, last)
        return result

    def _expected_days(self, name: str, start: int, end: int) -> dict[date, ExpectedDay]:
        slots = list(self.expectations.slots(name, start, end))
        total = by_day(((each.slot, each.total) for each in slots), self._zone)
        silent = by_day(((each.slot, each.silent) for each in slots), self._zone)
        foreign = by_day(((each.slot, Amount(each.foreign)) for each in slots), self._zone)
        return {
            day: ExpectedDay(amount, silent[day], foreign[day].count)
            for day, amount in total.items()
        }

    def _aggregates(
        self, identifier: str, first: date, last: date, zone: ZoneInfo
    ) -> dict[date, Amount]:
        """Klaviyo's count and sum per day of a zone."""
        found: dict[date, Amount] = {}
        for begin, end in ranges(first, last):
            name = klaviyo_name(zone.key)
            start, stop = midnight(begin, zone), midnight(end, zone)
            documents = self._reader.pages(
                lambda cursor, start=start, stop=stop, name=name: queries.aggregates(  # type: ignore[misc]
                    identifier, start, stop, name, cursor
                ),
                queries.next_aggregates_cursor,
            )
            for document in documents:
                for day, amount in queries.read_aggregates(document, zone):
                    if begin <= day < end:
                        found[day] = found.get(day, NOTHING).plus(amount)
        return found

    def _match_events(self, name: str, identifier: str | None, compared: list[Day]) -> None:
        """Read the events of differing days and their neighbours, and match them.

        A neighbour that agrees may still hold what is missing, when it lost as many itself; then
        its own neighbours are read too.
        """
        there = {day.day: day.found.count for day in compared}
        differing = {day.day for day in compared if day.differs}
        self.expectations.begin_matching()
        chosen: set[date] = set()
        unread = set(widened(differing, there))
        while unread:
            chosen |= unread
            self.expectations.match_within(self._seconds(*run) for run in runs(sorted(chosen)))
            if identifier is not None:
                for run in runs(day for day in sorted(unread) if there[day]):
                    self._read_events(identifier, *self._seconds(*run))
            match(self.expectations, name)
            loose = {day_of(time, self._zone) for time in self.expectations.loose_times(name)}
            unread = set(widened(loose - differing, there)) - chosen

    def _read_events(self, identifier: str, start: int, end: int) -> None:
        documents = self._reader.pages(
            lambda cursor: queries.events(identifier, start, end, cursor)
        )
        for document in documents:
            self.expectations.add_found(queries.read_events(document, self._options.audit_key))

    def _source_days(
        self, name: str, identifier: str | None, first: date, last: date
    ) -> dict[date, tuple[int, int]]:
        """Counts per day of the source's zone, of what is expected and of what is there."""
        zone = self._source_zone
        if zone is None:
            return {}
        start, end = midnight(first, self._zone), midnight(last + DAY, self._zone)
        begin, stop = day_of(start, zone), day_of(end - 1, zone)
        slots = self.expectations.slots(name, midnight(begin, zone), midnight(stop + DAY, zone))
        wanted = by_day(((each.slot, each.total) for each in slots), zone)
        found = self._aggregates(identifier, begin, stop, zone) if identifier else {}
        return {
            day: (wanted.get(day, NOTHING).count, found.get(day, NOTHING).count)
            for day in days(begin, stop)
        }

    def _slots(self, name: str, first: date, last: date) -> Iterable[tuple[int, Amount]]:
        for each in self.expectations.slots(name, *self._seconds(first, last + DAY)):
            yield each.slot, each.total

    def _profiles(self) -> ProfilesResult:
        """Compare a sample of the profiles."""
        result = ProfilesResult(expected=self.expectations.profile_count())
        self._differing.clear()
        wanted: list[tuple[ProfileRow, bool, str | None]] = []
        for each in self.expectations.sample(self._options.profiles):
            wanted.append(each)
            if len(wanted) >= queries.PROFILES_PER_PAGE:
                self._compare_profiles(wanted, result)
                wanted = []
        self._compare_profiles(wanted, result)
        return result

    def _compare_profiles(
        self, wanted: list[tuple[ProfileRow, bool, str | None]], result: ProfilesResult
    ) -> None:
        found: list[dict[str, Any]] = []
        questions = profiles.batches(
            (profiles.lookup(row) for row, _, _ in wanted),
            queries.PROFILES_PER_PAGE,
            queries.MAX_FILTER_CHARS,
        )
        for kind, values in questions:
            documents = self._reader.pages(
                lambda cursor, kind=kind, values=values: queries.profiles(  # type: ignore[misc]
                    kind, values, cursor
                )
            )
            for document in documents:
                found += queries.read_profiles(document)
        there: Mapping[tuple[str, str], list[dict[str, Any]]] = profiles.index(found)
        for row, silent, rejected in wanted:
            result.checked += 1
            found_wrong = profiles.differences(
                row, there.get(profiles.lookup(row), []), silent=silent, rejected=rejected
            )
            result.differences += found_wrong
            if any(not each.reason for each in found_wrong):
                self._differing.add(who(row.identity))

    def _seconds(self, first: date, end: date) -> tuple[int, int]:
        return midnight(first, self._zone), midnight(end, self._zone)
