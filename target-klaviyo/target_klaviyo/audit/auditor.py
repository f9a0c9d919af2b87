"""The consumer of rows that writes nothing: it remembers what should be in Klaviyo, then looks."""

from __future__ import annotations

import logging
import select
from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit.expectations import Expectations
from target_klaviyo.audit.findings import AuditResult, Rejection
from target_klaviyo.audit.metric_audit import MARGIN, MetricAudit
from target_klaviyo.audit.profile_audit import ProfileAudit
from target_klaviyo.audit.sightings import Sightings
from target_klaviyo.audit.store import open_store
from target_klaviyo.audit.timezones import DAY, day_of, midnight, zone_named
from target_klaviyo.audit.zones import judge_zones
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

    from target_klaviyo.audit.inquiry import Inquiry
    from target_klaviyo.audit.options import AuditOptions
    from target_klaviyo.audit.sightings import MissingEvent
    from target_klaviyo.audit.timezones import Amount
    from target_klaviyo.errors import RowRejected
    from target_klaviyo.klaviyo.shutdown import Shutdown
    from target_klaviyo.rows.contract import EventRow, Origin, ProfileRow

LOOK_FOR_SIGNALS_SECONDS = 0.5

logger = logging.getLogger("target-klaviyo")


class Auditor:
    """Takes the row stream, then compares.

    Args:
        inquiry: asks Klaviyo; its account is asked for at once, which also tries the key.
        options: of the settings.
        shutdown: where a signal is noted.
        rejects: reads (row, reason) out of the rejects file.
        conclude: what to do when all rows have come.
        now: the present, in UTC.
    """

    def __init__(  # noqa: PLR0913  (its collaborators, each by name)
        self,
        *,
        inquiry: Inquiry,
        options: AuditOptions,
        shutdown: Shutdown,
        rejects: Callable[[], Iterable[tuple[EventRow | ProfileRow, str]]],
        conclude: Callable[[Auditor], None],
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._inquiry = inquiry
        self._options = options
        self.shutdown = shutdown
        self._rejects = rejects
        self._conclude = conclude
        self._now = now
        self._rejections: Counter[tuple[str, str]] = Counter()
        self._account = inquiry.account()
        self._zone = zone_named(self._account.timezone, "Klaviyo's account")
        self._source_zone: ZoneInfo | None = None
        if options.source_timezone:
            self._source_zone = zone_named(options.source_timezone, "The setting 'source_timezone'")
        self._from, self._until = self._bounds()
        self._store = open_store()
        self._expectations = Expectations(
            self._store,
            audit_key=options.audit_key,
            currency=self._account.currency,
            keep_payloads=options.keep_payloads,
            sample_by=now().date().isoformat(),
        )
        self._sightings = Sightings(self._store)
        self._profiles = ProfileAudit(inquiry, self._expectations, options.profiles)

    def _bounds(self) -> tuple[float, float]:
        """Between which moments an event matters at all."""
        first, last = self._options.first, self._options.last
        return (
            midnight(first - MARGIN, self._zone) if first else float("-inf"),
            midnight(last + MARGIN + DAY, self._zone) if last else float("inf"),
        )

    # Rows in.

    def count_read(self, label: str) -> None:
        """A row was read."""

    def take_event(self, row: EventRow) -> None:
        """Expect an event, if it may be stored when it matters; its metric is compared anyway."""
        self._expectations.know(row.metric)
        earliest = row.earliest or row.time
        if row.time.timestamp() >= self._from and earliest.timestamp() < self._until:
            self._expectations.add_event(row)

    def take_profile(self, row: ProfileRow) -> None:
        """Expect a profile."""
        self._expectations.add_profile(row)

    def take_reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """Count what could never be sent; an audit adds nothing to the rejects file."""
        del origin
        self._rejections[label, rejection.rule] += 1

    def take_state(self, value: bytes) -> None:
        """An audit moves no bookmark."""

    def poll(self, source: Any = None) -> None:
        """Wait until `source` can be read; rows need no waiting for room."""
        self.shutdown.raise_if_requested()
        while source is not None:
            ready, _, _ = select.select([source], [], [], LOOK_FOR_SIGNALS_SECONDS)
            self.shutdown.raise_if_requested()
            if ready:
                return

    def finish(self, *, all_taken: bool) -> None:
        """Compare, and hand over to whoever draws the conclusion."""
        del all_taken
        self.read_rejects()
        try:
            self._conclude(self)
        finally:
            self._store.close()

    def drain(self) -> None:
        """There is nothing to finish."""
        self._store.close()

    def abort(self) -> None:
        """There is nothing to finish."""
        self._store.close()

    def interrupt(self, signum: int) -> None:
        """Note a signal."""
        self.shutdown.request(signum)

    def read_rejects(self) -> None:
        """Note why rows of the rejects file are not in Klaviyo."""
        for row, reason in self._rejects():
            self._expectations.explain(row, reason)

    # The comparison.

    def compare(self) -> AuditResult:
        """Look into Klaviyo and say what differs."""
        names = self._expectations.metrics()
        self._sightings.begin_findings()
        first, last = self._period()
        logger.info(
            "Comparing %s from %s to %s (%s) with %s.",
            counted(len(names), "metric"),
            first,
            last,
            self._zone.key,
            self._account.name,
        )
        identifiers = self._inquiry.metrics()
        audit = MetricAudit(
            self._inquiry,
            self._expectations,
            self._sightings,
            zone=self._zone,
            source_zone=self._source_zone,
            currency=self._account.currency,
            audit_key=self._options.audit_key,
            first=first,
            last=last,
            settled_until=int((self._now() - self._options.settle).timestamp()),
        )
        metrics = [audit.compare(name, identifiers.get(name)) for name in names]
        zones = judge_zones(
            metrics,
            lambda: [list(self._slots(name, first, last)) for name in names],
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
            profiles=self._profiles.compare(),
            rejections=[
                Rejection(label, rule, count) for (label, rule), count in self._rejections.items()
            ],
            other_metrics=sorted(identifiers.keys() - set(names)),
            settle_minutes=self._options.settle.total_seconds() / 60,
            requests=self._inquiry.requests,
        )

    def _period(self) -> tuple[date, date]:
        """First and last day, in the account's zone."""
        today = day_of(self._now().timestamp(), self._zone)
        span = self._expectations.span()
        first_seen = day_of(span[0], self._zone) if span else today
        last_seen = day_of(span[1], self._zone) if span else today
        last = self._options.last or max(today, last_seen, self._options.first or today)
        return self._options.first or min(first_seen, last), last

    def _slots(self, name: str, first: date, last: date) -> Iterator[tuple[int, Amount]]:
        start, end = midnight(first, self._zone), midnight(last + DAY, self._zone)
        for each in self._expectations.slots(name, start, end):
            yield each.slot, each.total

    # What a repair needs.

    def events_to_send(self) -> Iterator[MissingEvent]:
        """The events found missing, marked as sent from now on."""
        return self._sightings.missing_to_send()

    def profiles_to_send(self) -> Iterator[ProfileRow]:
        """The profiles that differ for no known reason, marked as sent from now on."""
        return self._profiles.to_send()

    def sent_and_missing(self) -> bool:
        """Whether something that was sent again is not to be seen yet."""
        return bool(self._sightings.sent_and_missing()) or self._profiles.sent_and_differing()
