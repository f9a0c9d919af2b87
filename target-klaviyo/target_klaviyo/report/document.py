"""The audit's result as a JSON document: what other programs read, and what the page shows."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit.findings import EXPLAINED, Difference, SourceDay
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_klaviyo.audit.findings import AuditResult, Day, Finding, MetricResult

PROFILE_DIFFERENCES_LISTED = 1_000
NO_SOURCE_DAY = SourceDay(0, 0)
_SEVERAL = 2


def document(result: AuditResult) -> dict[str, Any]:
    """The result; times are ISO 8601 in UTC, days those of the account's zone."""
    return {
        "agrees": result.agrees,
        "sentence": result.sentence() + ".",
        "advice": [f"{each[0].upper()}{each[1:]}." for each in result.advice()],
        "made_at": result.made_at.isoformat(timespec="seconds"),
        "account": result.account,
        "account_currency": result.currency,
        "first_day": result.first.isoformat(),
        "last_day": result.last.isoformat(),
        "totals": _totals(result),
        "time_zones": {
            "account": result.zones.account,
            "source": result.zones.source,
            "differing_days": result.zones.differing_days,
            "are_the_cause": result.zones.is_cause,
            "suggested": result.zones.suggested,
            "sentences": list(result.zones.sentences),
        },
        "metrics": [_metric(metric) for metric in result.metrics],
        "profiles": _profiles(result),
        "never_sent": [
            {"what": each.label, "count": each.count, "reason": each.rule}
            for each in result.rejections
        ],
        "repair": _repair(result),
        "settle_minutes": result.settle_minutes,
        "other_metrics": result.other_metrics,
        "requests": result.requests,
    }


def _totals(result: AuditResult) -> dict[str, int]:
    counts = result.counts
    return {
        "expected": sum(metric.expected for metric in result.metrics),
        "found": sum(metric.found for metric in result.metrics),
        **{each.value: counts[each] for each in Difference},
        "profiles_checked": result.profiles.checked,
        "profiles_differing": result.profiles.differing,
    }


def _metric(metric: MetricResult) -> dict[str, Any]:
    one_currency = len(metric.expected_sums.keys() | metric.found_sums.keys()) < _SEVERAL
    return {
        "name": metric.name,
        "id": metric.id,
        "agrees": metric.agrees,
        "expected": metric.expected,
        "found": metric.found,
        "expected_sums": _rounded(metric.expected_sums),
        "found_sums": _rounded(metric.found_sums),
        "stored_under_an_earlier_time": metric.followed,
        "formerly_true": metric.formerly_true,
        "without_unique_id": metric.without_unique_id,
        "without_value": metric.without_value,
        "notes": list(_notes(metric)),
        "findings_by_kind": {each.value: metric.counts[each] for each in Difference},
        "days": [_day(day, one_currency=one_currency) for day in metric.days],
        "days_both_ways": _days_both_ways(metric),
        "findings": [_finding(each) for each in metric.findings],
    }


def _notes(metric: MetricResult) -> Iterator[str]:
    """What is to be known about a metric's numbers, in sentences."""
    if metric.followed:
        stand = "stands" if metric.followed == 1 else "stand"
        yield (
            f"{counted(metric.followed, 'event')} {stand} under an earlier time than the source "
            "tells by now: rightly, since Klaviyo keeps the time of the first sending."
        )
    if metric.formerly_true:
        was = "was" if metric.formerly_true == 1 else "were"
        yield (
            f"{counted(metric.formerly_true, 'event')} {was} true when an earlier run read them, "
            "and may stay."
        )
    if metric.without_unique_id:
        which = "All" if metric.without_unique_id == metric.found else "Some"
        yield (
            f"{which} of Klaviyo's events do not show their unique_id "
            f"({metric.without_unique_id:,}): they were compared by profile, time and value."
        )
    if metric.without_value:
        yield (
            f"Klaviyo does not show the value of {counted(metric.without_value, 'event')}: "
            "not compared."
        )


def _rounded(sums: Mapping[str, float]) -> dict[str, float]:
    return {currency: round(total, 2) for currency, total in sums.items()}


def _day(day: Day, *, one_currency: bool) -> dict[str, Any]:
    """A day; amounts in several currencies have no sum."""
    return {
        "day": day.day.isoformat(),
        "expected": day.expected.count,
        "found": day.found.count,
        "expected_value": round(day.expected.value, 2) if one_currency else None,
        "found_value": round(day.found.value, 2) if one_currency else None,
        "in_place": day.in_place,
        "explained": day.absent + day.vanished,
        "missing": day.missing,
        "surplus": day.surplus,
        "differs": day.differs,
    }


def _days_both_ways(metric: MetricResult) -> list[dict[str, Any]]:
    """Day by day, the number in the source's report and the number in Klaviyo's activity feed."""
    if not metric.source_days:
        return []
    feed = {day.day: day.found.count for day in metric.days}
    return [
        {
            "day": day.isoformat(),
            "source_report": metric.source_days.get(day, NO_SOURCE_DAY).expected,
            "klaviyo_feed": feed.get(day, 0),
            "klaviyo_in_source_zone": metric.source_days.get(day, NO_SOURCE_DAY).found,
        }
        for day in sorted(metric.source_days.keys() | feed.keys())
    ]


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.difference.value,
        "explained": finding.difference in EXPLAINED,
        "unique_id": finding.unique_id,
        "profile": finding.who or finding.found_who,
        "found_profile": finding.found_who or None,
        "time": _iso(finding.time),
        "found_time": _iso(finding.found_time),
        "value": finding.value,
        "found_value": finding.found_value,
        "currency": finding.currency or finding.found_currency,
        "found_currency": finding.found_currency,
        "reason": finding.reason,
    }


def _profiles(result: AuditResult) -> dict[str, Any]:
    found = result.profiles
    return {
        "expected": found.expected,
        "checked": found.checked,
        "differing": found.differing,
        "explained": found.explained,
        "differences": [
            {
                "profile": each.who,
                "property": each.name,
                "expected": each.expected,
                "found": each.found,
                "reason": each.reason,
            }
            for each in found.differences[:PROFILE_DIFFERENCES_LISTED]
        ],
    }


def _repair(result: AuditResult) -> dict[str, Any] | None:
    if result.repair is None:
        return None
    return {
        "events_sent": result.repair.events,
        "profiles_sent": result.repair.profiles,
        "before": result.repair.before,
    }


def _iso(moment: int | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, timezone.utc).isoformat().replace("+00:00", "Z")
