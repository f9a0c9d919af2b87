"""The audit: remembers what should be in Klaviyo, reads what is, and says what differs."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from target_klaviyo.audit.comparison import Comparison, Period
from target_klaviyo.audit.days import DAY, NOTHING, Counts, day_of, days, midnight, zone_named
from target_klaviyo.audit.expected import ExpectedRows
from target_klaviyo.audit.findings import (
    EXPLAINED,
    AuditResult,
    Day,
    Difference,
    MetricResult,
    Rejection,
    SourceDay,
)
from target_klaviyo.audit.found import FoundEvents
from target_klaviyo.audit.profiles import ProfileAudit
from target_klaviyo.audit.store import open_store
from target_klaviyo.audit.zones import judge_zones
from target_klaviyo.errors import TooManyRejects
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date, datetime

    from target_klaviyo.audit.comparison import MissingEvent
    from target_klaviyo.audit.days import Amount
    from target_klaviyo.audit.klaviyo_side import KlaviyoSide
    from target_klaviyo.config import Settings
    from target_klaviyo.errors import RowRejected
    from target_klaviyo.rows.contract import EventRow, ProfileRow
    from target_klaviyo.singer.transforms import Transform

MARGIN = 2 * DAY
"""Around the period: an event moved just over its edge is moved, not missing."""

logger = logging.getLogger("target-klaviyo")


class Auditor:
    """Expects rows, then compares.

    Args:
        klaviyo: what Klaviyo holds; its account is asked for at once, which also tries the key.
        settings: of the run.
        transform: what the rows are made by, if by one: it knows which metrics it can make,
            which of them outlive their source records, and by which properties its events are told
            from those of other sites in the same account.
        now: the present, in UTC.
    """

    def __init__(
        self,
        klaviyo: KlaviyoSide,
        settings: Settings,
        transform: Transform | None,
        now: Callable[[], datetime],
    ) -> None:
        self._klaviyo = klaviyo
        self._settings = settings
        self._now = now
        self._account = klaviyo.account()
        self._zone = zone_named(self._account.timezone, "Klaviyo's account")
        name = settings.source_timezone
        self._source_zone = zone_named(name, "The setting 'source_timezone'") if name else None
        first, last = settings.audit_from, settings.audit_to
        self._from = self._midnight(first - MARGIN) if first else float("-inf")
        self._until = self._midnight(last + MARGIN + DAY) if last else float("inf")
        self._store = open_store()
        self._expected = ExpectedRows(
            self._store,
            keep_payloads=settings.mode == "repair",
            sample_by=now().date().isoformat(),
        )
        for metric in sorted(getattr(transform, "metrics", ())):
            self._expected.include_metric(metric)
        self._found = FoundEvents(self._store, getattr(transform, "event_scope", {}))
        vanishing = getattr(transform, "vanishing_metrics", ())
        self._comparison = Comparison(self._store, vanishing)
        self._profiles = ProfileAudit(klaviyo, self._expected, settings.audit_profiles)
        self._rejections: Counter[tuple[str, str]] = Counter()
        self._expects_rows = False
        self._up_to_date: set[str] = set()

    def close(self) -> None:
        """Forget all rows."""
        self._store.close()

    # What is expected.

    def expect_event(self, row: EventRow) -> None:
        """Expect an event, if it may be stored when it matters; its metric is compared anyway."""
        self._expects_rows = True
        self._expected.include_metric(row.metric)
        if row.latest.timestamp() >= self._from and row.earliest.timestamp() < self._until:
            self._expected.add_event(row)

    def expect_profile(self, row: ProfileRow) -> None:
        """Expect a profile."""
        self._expects_rows = True
        self._expected.add_profile(row)

    def count_rejection(self, label: str, rejection: RowRejected) -> None:
        """Count what could never be sent; an audit adds nothing to the rejects file."""
        self._rejections[label, rejection.rule] += 1

    def explain(self, rejected: Iterable[tuple[EventRow | ProfileRow, str]]) -> None:
        """Note why rows are not in Klaviyo: the reasons of the rejects file."""
        for row, reason in rejected:
            self._expected.explain(row, reason)

    # The comparison.

    def check_comparable(self) -> None:
        """Raise TooManyRejects when rows came, and not one of them can be sent at all."""
        if not self._rejections or self._expects_rows:
            return
        ((_, rule), count) = self._rejections.most_common(1)[0]
        raise TooManyRejects(
            f"Nothing can be compared, since of {counted(self._rejections.total(), 'row')} none "
            f"can be sent; the commonest reason ({count:,}) is: {rule} Mend the source, or what "
            "makes rows of it ('event_streams', 'profile_streams', 'stream_maps', 'transform')."
        )

    def compare(self) -> AuditResult:
        """Look into Klaviyo and say what differs.

        Once more, after a repair: only metrics of which something was sent are read again.
        """
        self._expected.write()
        names = sorted(self._expected.metrics)
        first, last = self._days()
        logger.info(
            "Comparing %s from %s to %s (%s) with %s.",
            counted(len(names), "metric"),
            first,
            last,
            self._zone.key,
            self._account.name,
        )
        metric_ids = self._klaviyo.metrics()
        for name in names:
            if name not in self._up_to_date:
                self._read(name, metric_ids.get(name), first, last)
        self._up_to_date.update(names)
        settled_until = int((self._now() - self._settings.settle).timestamp())
        start, end = self._midnight(first), self._midnight(last + DAY)
        self._comparison.classify(Period(start, end, settled_until))
        metrics = list(self._metric_results(metric_ids, first, last))
        zones = judge_zones(
            metrics, self._comparison.moves(), account=self._zone, source=self._source_zone
        )
        return AuditResult(
            account=self._account.name,
            currency=self._account.currency,
            first=first,
            last=last,
            made_at=self._now(),
            zones=zones,
            metrics=metrics,
            profiles=self._profiles.check(),
            rejections=[
                Rejection(label, rule, count) for (label, rule), count in self._rejections.items()
            ],
            other_metrics=sorted(metric_ids.keys() - set(names)),
            settle_minutes=self._settings.settle.total_seconds() / 60,
            requests=self._klaviyo.requests,
        )

    def _days(self) -> tuple[date, date]:
        """First and last day, in the account's zone."""
        today = day_of(self._now().timestamp(), self._zone)
        span = self._expected.span()
        first_told = day_of(span[0], self._zone) if span else today
        last_told = day_of(span[1], self._zone) if span else today
        last = self._settings.audit_to or max(today, last_told, self._settings.audit_from or today)
        return self._settings.audit_from or min(first_told, last), last

    def _read(self, name: str, metric_id: str | None, first: date, last: date) -> None:
        """Read the events of a metric, as far around the period as ours may stand."""
        start, end = self._expected.reach(
            name, self._midnight(first - MARGIN), self._midnight(last + MARGIN + DAY)
        )
        events = self._klaviyo.events(metric_id, start, end) if metric_id else ()
        self._found.replace(self._expected.metrics[name], events)

    def _metric_results(
        self, metric_ids: Mapping[str, str], first: date, last: date
    ) -> Iterator[MetricResult]:
        start, end = self._midnight(first), self._midnight(last + DAY)
        counts = Counts(self._store, start, end)
        expected_days = counts.expected_by_day(self._zone)
        found_days = counts.found_by_day(self._zone)
        source_days = self._source_days(start, end)
        expected_sums = counts.expected_sums(self._account.currency)
        found_sums = counts.found_sums(self._account.currency)
        followed, formerly_true = counts.followed(), counts.formerly_true()
        without_id, without_value = counts.without_unique_id(), counts.without_value()
        for name in sorted(self._expected.metrics):
            wanted, there = expected_days.get(name, {}), found_days.get(name, {})
            by_day = {
                day: Day(day, wanted.get(day, NOTHING), there.get(day, NOTHING))
                for day in days(first, last)
            }
            self._note_findings(name, by_day)
            yield MetricResult(
                name,
                metric_ids.get(name),
                list(by_day.values()),
                source_days.get(name, {}),
                self._comparison.counts(name),
                [
                    finding
                    for difference in Difference
                    for finding in self._comparison.listed(name, difference)
                ],
                expected_sums.get(name, {}),
                found_sums.get(name, {}),
                followed=followed.get(name, 0),
                formerly_true=formerly_true.get(name, 0),
                without_unique_id=without_id.get(name, 0),
                without_value=without_value.get(name, 0),
            )

    def _note_findings(self, metric: str, by_day: Mapping[date, Day]) -> None:
        """Tell the days what differs on them."""
        for found in self._comparison.by_slot(metric):
            is_explained = found.difference in EXPLAINED
            if found.lacks_at and (day := by_day.get(day_of(found.lacks_at, self._zone))):
                day.absent += found.events * is_explained
                day.missing += found.events * (not is_explained)
                day.differs |= not is_explained
            if found.stands_at and (day := by_day.get(day_of(found.stands_at, self._zone))):
                is_altered = found.difference is Difference.ALTERED
                day.vanished += found.events * is_explained
                day.surplus += found.events * (not is_explained and not is_altered)
                day.differs |= not is_explained

    def _source_days(self, start: int, end: int) -> dict[str, dict[date, SourceDay]]:
        """Counts per metric and day of the source's zone, of whole days."""
        zone = self._source_zone
        if zone is None:
            return {}
        first, last = day_of(start, zone), day_of(end - 1, zone)
        whole_days = Counts(self._store, midnight(first, zone), midnight(last + DAY, zone))
        expected, found = whole_days.expected_by_day(zone), whole_days.found_by_day(zone)

        def on(side: Mapping[str, Mapping[date, Amount]], name: str, day: date) -> int:
            return side.get(name, {}).get(day, NOTHING).count

        return {
            name: {
                day: SourceDay(on(expected, name, day), on(found, name, day))
                for day in days(first, last)
            }
            for name in self._expected.metrics
        }

    def _midnight(self, day: date) -> int:
        return midnight(day, self._zone)

    # What a repair needs.

    def missing_events(self) -> Iterator[MissingEvent]:
        """The events found missing, marked as sent from now on."""
        yield from self._comparison.missing()
        self._up_to_date -= self._comparison.sent_and_missing()

    def differing_profiles(self) -> Iterator[ProfileRow]:
        """The profiles that differ for no known reason, marked as sent from now on."""
        return self._profiles.differing()

    def sent_and_missing(self) -> bool:
        """Whether something that was sent again is not to be seen yet."""
        sent = self._comparison.sent_and_missing()
        self._up_to_date -= sent
        return bool(sent) or self._profiles.sent_and_differing()
