"""The modes `audit` and `repair`: rows are remembered, and compared with Klaviyo at the end."""

from __future__ import annotations

import logging
import select
import threading
from collections import Counter
from datetime import datetime, timezone
from time import monotonic
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit import comparison
from target_klaviyo.audit.expected import ExpectedRows
from target_klaviyo.audit.found import found_events, metric_ids, replace_found
from target_klaviyo.audit.metrics import metrics
from target_klaviyo.audit.profiles import ProfileAudit
from target_klaviyo.audit.repair import send_missing
from target_klaviyo.audit.store import open_store
from target_klaviyo.audit.zones import DAY, Days, day_of, judge_zones, midnight, zone_named
from target_klaviyo.errors import RunInterrupted, SettingsError, TooManyRejects
from target_klaviyo.klaviyo.endpoints import ACCOUNTS
from target_klaviyo.klaviyo.exchange import Api
from target_klaviyo.klaviyo.json_api import read_account
from target_klaviyo.klaviyo.retry import RetryPolicy
from target_klaviyo.report.findings import KINDS
from target_klaviyo.report.publishing import check_packages, publish
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from target_klaviyo.audit.rejected import RejectedRows
    from target_klaviyo.config import Settings
    from target_klaviyo.errors import RowRejected
    from target_klaviyo.klaviyo.client import Client
    from target_klaviyo.rows.contract import EventRow, Origin, ProfileRow
    from target_klaviyo.singer.transforms import Transform
    from target_klaviyo.writing.writer import Writer

MARGIN = 2 * DAY
"""Around the period: an event moved just over its edge is moved, not missing."""

LOOK_FOR_SIGNALS_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

logger = logging.getLogger("target-klaviyo")


class Auditor:
    """The consumer of rows that compares them with what Klaviyo holds.

    Args:
        settings: of the run.
        transform: what the rows are made by, if by one: it knows which metrics it can make,
            which of them outlive their source records or follow them in value, and by which
            properties its events are told from those of other sites in the same account.
        client: sends requests; one for the account at once, which also tries the key.
        rejected: the rows of the rejects file.
        writer: sends what is missing, in a repair; None in an audit.
        sleep: lets seconds pass; by default real ones, which a signal cuts short.
        clock: seconds of a monotonic clock.
    """

    def __init__(  # noqa: PLR0913  (what the target lends)
        self,
        settings: Settings,
        *,
        transform: Transform | None,
        client: Client,
        rejected: RejectedRows,
        writer: Writer | None,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        check_packages()
        self._settings = settings
        self._rejected = rejected
        self._writer = writer
        self._signal = threading.Event()
        self._signum = 0
        self._sleep = sleep or self._signal.wait
        self._clock = clock
        safe = "nothing was changed" if writer is None else "nothing is lost"
        policy = RetryPolicy(client.api_url, safe=safe)
        self._api = Api(client, wait=self._wait, clock=clock, retry_policy=policy)
        self._account = read_account(self._api.ask(ACCOUNTS.call()))
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
        self._profiles = ProfileAudit(self._api, self._expected, settings.audit_profiles)
        self._rejections: Counter[tuple[str, str]] = Counter()
        self._expects_rows = False
        self._events_came = 0
        self._first_came = float("inf")

    # Rows in.

    def count_read(self, label: str) -> None:
        """A row was read."""

    def take_event(self, row: EventRow) -> None:
        """Expect an event, if it may be stored when it matters; its metric is compared anyway."""
        self._expects_rows = True
        self._events_came += 1
        earliest = row.earliest.timestamp()
        self._first_came = min(self._first_came, earliest)
        self._expected.include_metric(row.metric)
        if row.latest.timestamp() >= self._from and earliest < self._until:
            self._expected.add_event(row)

    def take_profile(self, row: ProfileRow) -> None:
        """Expect a profile."""
        self._expects_rows = True
        self._expected.add_profile(row)

    def take_reject(self, label: str, rejection: RowRejected, origin: Origin) -> None:
        """Count what could never be sent; an audit adds nothing to the rejects file."""
        del origin
        self._rejections[label, rejection.rule] += 1

    def take_state(self, value: bytes) -> None:
        """An audit moves no bookmark."""

    def end_record(self, origin: Origin, record: object) -> None:
        """An audit leaves the rejects file as it is."""

    def poll(self, source: Any = None) -> None:
        """Wait until `source` can be read; rows need no waiting for room."""
        self._raise_if_interrupted()
        while source is not None:
            ready, _, _ = select.select([source], [], [], LOOK_FOR_SIGNALS_SECONDS)
            self._raise_if_interrupted()
            if ready:
                return

    # The end.

    def finish(self) -> None:
        """Compare, mend what can be mended, and write the report.

        Raises:
            AuditDiffers: not all agrees; its sentence names the report.
            TooManyRejects: not one row can be sent, so that there is nothing to compare.
            SettingsError: all events that came lie after the period.
        """
        self._check_comparable()
        self._check_period()
        self._explain()
        report = self._compare(self._expected.metrics)
        if self._writer is not None:
            repair = self._repair(self._writer, report["totals"])
            report = {**self._look_again(), "repair": repair}
        publish(report, self._settings.report_path)
        self._store.close()

    def drain(self) -> None:
        """Finish what a repair has under way."""
        if self._writer is not None:
            self._writer.drain()
        self._store.close()

    def abort(self) -> None:
        """Send nothing more."""
        if self._writer is not None:
            self._writer.abort()
        self._store.close()

    def interrupt(self, signum: int) -> None:
        """A signal came: end any waiting, a repair's too."""
        self._signum = signum
        self._signal.set()
        if self._writer is not None:
            self._writer.interrupt(signum)

    def _wait(self, seconds: float) -> None:
        """Let time pass; RunInterrupted when a signal comes."""
        self._sleep(seconds)
        self._raise_if_interrupted()

    def _raise_if_interrupted(self) -> None:
        if self._signal.is_set():
            raise RunInterrupted(self._signum)

    # The comparison.

    def _check_comparable(self) -> None:
        """Raise TooManyRejects when rows came, and not one of them can be sent at all."""
        if not self._rejections or self._expects_rows:
            return
        ((_, rule), count) = self._rejections.most_common(1)[0]
        raise TooManyRejects(
            f"Nothing can be compared, since of {counted(self._rejections.total(), 'row')} none "
            f"can be sent; the commonest reason ({count:,}) is: {rule} Mend the source, or what "
            "makes rows of it ('event_streams', 'profile_streams', 'stream_maps', 'transform')."
        )

    def _check_period(self) -> None:
        """Raise SettingsError when events came, and all of them lie after the period."""
        first, last = self._settings.audit_from, self._settings.audit_to
        if not (last and self._events_came):
            return
        first_came = day_of(self._first_came, self._zone)
        if first_came > last:
            period = f"'audit_from' {first}, " if first else ""
            raise SettingsError(
                f"Nothing can be compared: the first of {counted(self._events_came, 'event')} that "
                f"came lies on {first_came}, after the period to audit ({period}'audit_to' "
                f"{last}); correct it, or have the tap read what lies before."
            )

    def _explain(self) -> None:
        """Note why rows are not in Klaviyo: the reasons of the rejects file as it is now."""
        for row, reason in self._rejected:
            self._expected.explain(row, reason)

    def _compare(self, names: Iterable[str]) -> dict[str, Any]:
        """Read the events of these metrics, and say what differs in all.

        Returns:
            The report but for its verdict: times are ISO 8601 in UTC, days those of the account's
            zone.
        """
        days = self._days()
        logger.info(
            "Comparing %s from %s to %s (%s) with %s.",
            counted(len(self._expected.metrics), "metric"),
            days.first,
            days.last,
            self._zone.key,
            self._account.name,
        )
        ids = metric_ids(self._api)
        for name in sorted(names):
            self._read(name, ids.get(name), days)
        settled_until = int((_now() - self._settings.settle).timestamp())
        comparison.classify(self._store, settled_until=settled_until, **days.span)
        source_days = days.in_zone(self._source_zone) if self._source_zone else None
        compared = list(metrics(self._store, ids, days, source_days, self._account.currency))
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
            "other_metrics": sorted(ids.keys() - self._expected.metrics.keys()),
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
        around = Days(self._zone, days.first - MARGIN, days.last + MARGIN)
        start, end = self._expected.reach(name, **around.span)
        events = found_events(self._api, metric_id, start, end) if metric_id else ()
        replace_found(self._store, self._expected.metrics[name], events, self._scope)

    # The repair.

    def _repair(self, writer: Writer, totals: Mapping[str, int]) -> dict[str, Any]:
        """Send what is missing; what the report says of it: that, and what was wrong before."""
        missing = comparison.missing_events(self._store)
        sent = send_missing(writer, self._settings, self._profiles.differing(), missing)
        self._writer = None  # it has finished
        self._explain()
        before = {kind: totals[kind] for kind in KINDS if totals[kind]}
        return {**sent, "before": {**before, "profiles": totals["profiles_differing"]}}

    def _look_again(self) -> dict[str, Any]:
        """Compare again, until what was sent is there or has had its time to appear."""
        deadline = self._clock() + self._settings.settle.total_seconds()
        pause = FIRST_PAUSE_SECONDS
        report = self._compare(self._unconfirmed())
        while (unconfirmed := self._unconfirmed()) and self._clock() + pause <= deadline:
            logger.info("Waiting %g s for Klaviyo to show what was sent.", pause)
            self._wait(pause)
            pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)
            report = self._compare(unconfirmed)
        return report

    def _unconfirmed(self) -> Collection[str]:
        """Metrics to read again, since what was sent is not to be seen there yet.

        All of them after a profile: whoever moves leaves the events of before behind.
        """
        if self._profiles.sent_and_differing():
            return self._expected.metrics
        return comparison.sent_and_missing(self._store)


def _now() -> datetime:
    return datetime.now(timezone.utc)
