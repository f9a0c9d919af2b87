"""What time zones have to do with days that differ (pure)."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from target_klaviyo.audit.findings import Difference, ZoneVerdict
from target_klaviyo.audit.timezones import DAY, LIKELY_ZONES, midnight, zone_that_agrees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from target_klaviyo.audit.findings import Finding, MetricResult
    from target_klaviyo.audit.timezones import Amount

_OUT_OF_PLACE = (Difference.MISSING, Difference.UNEXPECTED, Difference.MOVED)


def judge_zones(
    metrics: Sequence[MetricResult],
    expected: Callable[[], Sequence[Sequence[tuple[int, Amount]]]],
    *,
    account: ZoneInfo,
    source: ZoneInfo | None,
) -> ZoneVerdict:
    """Say what the zones explain.

    Args:
        metrics: the metrics compared.
        expected: tells, per metric, the slots of its expected events.
        account: zone of the Klaviyo account.
        source: zone of the source's reports, when it was told.
    """
    in_place = not any(
        metric.counts[difference] for metric in metrics for difference in _OUT_OF_PLACE
    )
    sentences = [_who_counts_how(account, source)]
    differing, is_cause = 0, False
    if source is not None and source.key != account.key:
        differing = sum(_differing_days(metric) for metric in metrics)
        agree_there = all(_agrees_in(source, metric, account) for metric in metrics)
        is_cause = bool(differing) and in_place and agree_there
        sentences.append(_of_both_groupings(metrics, differing, is_cause=is_cause))
    suggested = None
    if not in_place:
        preferred = [source.key] if source else []
        suggested, sentence = _suggestion(metrics, expected, account, preferred)
        sentences += [sentence] if sentence else []
    return ZoneVerdict(
        account.key,
        source.key if source else None,
        differing,
        is_cause,
        suggested,
        tuple(sentences),
    )


def _who_counts_how(account: ZoneInfo, source: ZoneInfo | None) -> str:
    if source is None:
        return (
            f"Klaviyo's account counts its days in {account.key}. If the source's reports count "
            "theirs in another zone, set 'source_timezone' to it, and both appear side by side."
        )
    if source.key == account.key:
        return f"Klaviyo's account and the source's reports count their days in {account.key}."
    return (
        f"Klaviyo's account counts its days in {account.key}, the source's reports theirs in "
        f"{source.key}."
    )


def _differing_days(metric: MetricResult) -> int:
    """Days for which what Klaviyo holds counts differently in the two zones.

    Only the zones can be the reason: the events are the same, whatever is absent.
    """
    feed = {day.day: day.found.count for day in metric.days}
    there = {day: counts.found for day, counts in metric.source_days.items()}
    return sum(there.get(day, 0) != feed.get(day, 0) for day in there.keys() | feed.keys())


def _agrees_in(source: ZoneInfo, metric: MetricResult, account: ZoneInfo) -> bool:
    """Whether, counted in the source's zone, every day holds what is expected and not explained.

    At the edges of the period a day of the source lies partly outside, where nothing was judged.
    """
    start = midnight(metric.days[0].day, account)
    end = midnight(metric.days[-1].day + DAY, account)
    return all(
        counts.found == counts.expected - counts.explained
        for day, counts in metric.source_days.items()
        if start <= midnight(day, source) and midnight(day + DAY, source) <= end
    )


def _of_both_groupings(metrics: Sequence[MetricResult], differing: int, *, is_cause: bool) -> str:
    if not differing:
        return "No count of a day differs for it."
    days = "1 count of a day differs" if differing == 1 else f"{differing:,} counts of days differ"
    if not is_cause:
        return f"For that alone {days}; what else differs comes on top."
    totals = all(metric.expected == metric.found for metric in metrics)
    so, agrees = (
        ("although the totals are equal", "every day agrees")
        if totals
        else ("beside what is explained below", "every day agrees but for that")
    )
    return (
        f"Seen so, {days}, {so}: the time zones are the cause, and no event is out of place. "
        f"Counted in one zone, in either, {agrees}."
    )


def _suggestion(
    metrics: Sequence[MetricResult],
    expected: Callable[[], Sequence[Sequence[tuple[int, Amount]]]],
    account: ZoneInfo,
    preferred: Sequence[str],
) -> tuple[str | None, str]:
    """A zone that would make the days agree, and the sentence that says so."""
    found = [{day.day: day.found.count for day in metric.days} for metric in metrics]
    name = zone_that_agrees(expected(), found, preferred)
    if name is not None:
        return name, (
            "The counts per day differ, but would agree if the source's days were those of "
            f"{name}: it looks as if its local times had been taken for times in {account.key}."
        )
    moved = [
        each
        for metric in metrics
        for each in metric.findings
        if each.difference is Difference.MOVED
    ]
    name = _zone_of_shift(moved, preferred)
    if name is None:
        return None, ""
    return name, (
        "The moved events stand just where they would if local times of "
        f"{name} had been taken for UTC."
    )


def _zone_of_shift(moved: Iterable[Finding], preferred: Sequence[str]) -> str | None:
    """The zone whose offset, at each event's time, is how far that event was moved."""
    shifts = [
        (each.time, each.found_time - each.time)
        for each in moved
        if each.time is not None and each.found_time is not None
    ]
    if not shifts:
        return None
    for name in dict.fromkeys((*preferred, *LIKELY_ZONES, *sorted(available_timezones()))):
        zone = ZoneInfo(name)
        if all(_offset(zone, time) == shift for time, shift in shifts):
            return name
    return None


def _offset(zone: ZoneInfo, moment: int) -> float:
    offset = datetime.fromtimestamp(moment, timezone.utc).astimezone(zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0
