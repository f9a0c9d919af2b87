"""The audit: remembers what should be in Klaviyo, reads what is, and says what differs."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit import comparison, klaviyo_side
from target_klaviyo.audit.days import DAY, Days, day_of, midnight, zone_named
from target_klaviyo.audit.expected import ExpectedRows
from target_klaviyo.audit.found import replace_found
from target_klaviyo.audit.metrics import metrics
from target_klaviyo.audit.profiles import ProfileAudit
from target_klaviyo.audit.store import open_store
from target_klaviyo.audit.zones import judge_zones
from target_klaviyo.errors import TooManyRejects
from target_klaviyo.klaviyo.account import account_call, read_account
from target_klaviyo.report.findings import KINDS
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from target_klaviyo.config import Settings
    from target_klaviyo.errors import RowRejected
    from target_klaviyo.klaviyo.exchange import Api
    from target_klaviyo.rows.contract import EventRow, ProfileRow
    from target_klaviyo.singer.transforms import Transform

MARGIN = 2 * DAY
"""Around the period: an event moved just over its edge is moved, not missing."""

logger = logging.getLogger("target-klaviyo")


class Auditor:
    """Expects rows, then compares.

    Args:
        api: asks Klaviyo; for the account at once, which also tries the key.
        settings: of the run.
        transform: what the rows are made by, if by one: it knows which metrics it can make,
            which of them outlive their source records or follow them in value, and by which
            properties its events are told from those of other sites in the same account.
    """

    def __init__(self, api: Api, settings: Settings, transform: Transform | None) -> None:
        self._api = api
        self._settings = settings
        self._account = read_account(api.ask(account_call()))
        self._zone = zone_named(self._account.timezone, "Klaviyo's account")
        name = settings.source_timezone
        self._source_zone = zone_named(name, "The setting 'source_timezone'") if name else None
        first, last = settings.audit_from, settings.audit_to
        self._from = midnight(first - MARGIN, self._zone) if first else float("-inf")
        self._until = midnight(last + MARGIN + DAY, self._zone) if last else float("inf")
        self._store = open_store()
        self._expected = ExpectedRows(
            self._store,
            keep_events=settings.mode == "repair",
            sample_by=_now().date().isoformat(),
            vanishing=getattr(transform, "vanishing_metrics", ()),
            moving_value=getattr(transform, "moving_value_metrics", ()),
        )
        for metric in sorted(getattr(transform, "metrics", ())):
            self._expected.include_metric(metric)
        self._scope: Mapping[str, str] = getattr(transform, "event_scope", {})
        self._profiles = ProfileAudit(api, self._expected, settings.audit_profiles)
        self._rejections: Counter[tuple[str, str]] = Counter()
        self._expects_rows = False

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

    def compare(self, again: Collection[str] | None = None) -> dict[str, Any]:
        """Look into Klaviyo and say what differs.

        Args:
            again: after a first comparison, the metrics whose events are to be read again.

        Returns:
            The report but for its verdict: times are ISO 8601 in UTC, days those of the account's
            zone.
        """
        names = sorted(self._expected.metrics)
        days = self._days()
        logger.info(
            "Comparing %s from %s to %s (%s) with %s.",
            counted(len(names), "metric"),
            days.first,
            days.last,
            self._zone.key,
            self._account.name,
        )
        metric_ids = klaviyo_side.metrics(self._api)
        for name in names if again is None else sorted(again):
            self._read(name, metric_ids.get(name), days)
        settled_until = int((_now() - self._settings.settle).timestamp())
        comparison.classify(self._store, settled_until=settled_until, **days.span)
        source_days = days.in_zone(self._source_zone) if self._source_zone else None
        compared = list(metrics(self._store, metric_ids, days, source_days, self._account.currency))
        moves = comparison.moves(self._store)
        profiles = self._profiles.check()
        return {
            "made_at": _now().isoformat(timespec="seconds"),
            "account": self._account.name,
            "account_currency": self._account.currency,
            "first_day": days.first.isoformat(),
            "last_day": days.last.isoformat(),
            "totals": {
                "expected": sum(metric["expected"] for metric in compared),
                "found": sum(metric["found"] for metric in compared),
                **{
                    kind: sum(metric["findings_by_kind"][kind] for metric in compared)
                    for kind in KINDS
                },
                "profiles_checked": profiles["checked"],
                "profiles_differing": profiles["differing"],
            },
            "time_zones": judge_zones(
                compared, moves, account=self._zone, source=self._source_zone
            ),
            "metrics": compared,
            "profiles": profiles,
            "never_sent": [
                {"what": label, "count": count, "reason": rule}
                for (label, rule), count in self._rejections.items()
            ],
            "repair": None,
            "settle_minutes": self._settings.settle.total_seconds() / 60,
            "other_metrics": sorted(metric_ids.keys() - set(names)),
            "requests": self._api.requests,
        }

    def _days(self) -> Days:
        """The days to compare, in the account's zone."""
        first, last = self._settings.audit_from, self._settings.audit_to
        today = day_of(_now().timestamp(), self._zone)
        told = [day_of(moment, self._zone) for moment in self._expected.span()] or [today]
        last = last or max(today, told[-1], first or today)
        return Days(self._zone, first or min(told[0], last), last)

    def _read(self, name: str, metric_id: str | None, days: Days) -> None:
        """Read the events of a metric, as far around the period as ours may stand."""
        start, end = self._expected.reach(name, **days.widened(MARGIN).span)
        events = klaviyo_side.events(self._api, metric_id, start, end) if metric_id else ()
        replace_found(self._store, self._expected.metrics[name], events, self._scope)

    # What a repair needs.

    def missing_events(self) -> Iterator[EventRow]:
        """The events found missing, marked as sent from now on."""
        return comparison.missing_events(self._store)

    def differing_profiles(self) -> Iterator[ProfileRow]:
        """The profiles that differ for no known reason, marked as sent from now on."""
        return self._profiles.differing()

    def unconfirmed(self) -> Collection[str]:
        """Metrics to read again, since what was sent is not to be seen there yet.

        All of them after a profile: whoever moves leaves the events of before behind.
        """
        if self._profiles.sent_and_differing():
            return self._expected.metrics
        return comparison.sent_and_missing(self._store)


def _now() -> datetime:
    return datetime.now(timezone.utc)
