"""The audit's result as a JSON document: what other programs read, and what the page shows."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit.findings import EXPLAINED, Difference

if TYPE_CHECKING:
    from target_klaviyo.audit.findings import AuditResult, Day, Finding, MetricResult

PROFILE_DIFFERENCES_LISTED = 1_000
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
    return {
        "name": metric.name,
        "id": metric.id,
        "agrees": metric.agrees,
        "expected": metric.expected,
        "found": metric.found,
        "expected_sums": {currency: round(total, 2) for currency, total in metric.sums.items()},
        "found_sum": _found_sum(metric),
        "stored_under_an_earlier_time": metric.followed,
        "findings_by_kind": {each.value: metric.counts[each] for each in Difference},
        "days": [
            _day(day, one_currency=len(metric.sums) < _SEVERAL, comparable=metric.comparable)
            for day in metric.days
        ],
        "days_both_ways": _days_both_ways(metric),
        "findings": [_finding(each) for each in metric.findings],
    }


def _found_sum(metric: MetricResult) -> float | None:
    """Klaviyo's sum, if it can be set beside the expected one."""
    return round(sum(day.found.value for day in metric.days), 2) if metric.comparable else None


def _day(day: Day, *, one_currency: bool, comparable: bool) -> dict[str, Any]:
    """A day; several currencies have no sum, and of a foreign one Klaviyo's means nothing."""
    return {
        "day": day.day.isoformat(),
        "expected": day.expected.count,
        "found": day.found.count,
        "expected_value": round(day.expected.value, 2) if one_currency else None,
        "found_value": round(day.found.value, 2) if comparable else None,
        "explained": day.explained,
        "differs": day.differs,
        **({"note": day.note} if day.note else {}),
    }


def _days_both_ways(metric: MetricResult) -> list[dict[str, Any]]:
    """Day by day, the number in the source's report and the number in Klaviyo's activity feed."""
    if not metric.source_days:
        return []
    feed = {day.day: day.found.count for day in metric.days}
    return [
        {
            "day": day.isoformat(),
            "source_report": metric.source_days.get(day, (0, 0))[0],
            "klaviyo_feed": feed.get(day, 0),
            "klaviyo_in_source_zone": metric.source_days.get(day, (0, 0))[1],
        }
        for day in sorted(metric.source_days.keys() | feed.keys())
    ]


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.difference.value,
        "explained": finding.difference in EXPLAINED,
        "key": finding.key,
        "unique_id": finding.unique_id,
        "profile": finding.who,
        "time": _iso(finding.time),
        "found_time": _iso(finding.found_time),
        "value": finding.value,
        "found_value": finding.found_value,
        "currency": finding.currency,
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
