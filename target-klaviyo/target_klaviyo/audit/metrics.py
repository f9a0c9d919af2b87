"""The metrics as the report has them: sums, days, findings and notes of each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit.comparison import findings_by_kind, listed
from target_klaviyo.audit.zones import DAY, day_of
from target_klaviyo.report.findings import WRONG
from target_klaviyo.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from target_klaviyo.audit.zones import Days

    DayCounts = dict[str, Any]

_TOTALS = (
    "expected",
    "found",
    "stored_under_an_earlier_time",
    "formerly_true",
    "without_unique_id",
    "without_value",
)
_IN_ALL = """
SELECT name, what, coalesce(currency, :currency) AS currency,
  count(*) AS events, round(total(value), 2) AS sum
FROM counts JOIN metrics ON number = metric
WHERE time >= :start AND time < :end
GROUP BY 1, 2, 3 ORDER BY 3
"""
_BY_DAY = """
SELECT name, day_of(time) AS day,
  sum(what = 'expected') AS expected,
  sum(what = 'found') AS found,
  sum(what = 'found') - sum(what IN ('surplus', 'known')) AS in_place,
  sum(what IN ('absent', 'known')) AS explained,
  sum(what = 'missing') AS missing,
  sum(what = 'surplus') AS surplus,
  sum(what IN ('missing', 'surplus', 'altered')) AS differs,
  round(total(CASE what WHEN 'expected' THEN value END), 2) AS expected_value,
  round(total(CASE what WHEN 'found' THEN value END), 2) AS found_value
FROM counts JOIN metrics ON metrics.number = metric
WHERE time >= :start AND time < :end
GROUP BY 1, 2
"""
_NOTHING = {
    **dict.fromkeys(("expected", "found", "in_place", "explained", "missing", "surplus"), 0),
    "differs": False,
    "expected_value": 0.0,
    "found_value": 0.0,
}
_SEVERAL = 2


def metrics(
    store: sqlite3.Connection,
    ids: Mapping[str, str],
    days: Days,
    source_days: Days | None,
    currency: str,
) -> Iterator[dict[str, Any]]:
    """What was compared, metric by metric, in the order of their names.

    Args:
        store: holds both sides, classified.
        ids: Klaviyo's ids of metrics, by name.
        days: those of the account.
        source_days: those of the source's zone, when it was told.
        currency: that of a value that names none.
    """
    counts: Counter[tuple[str, str]] = Counter()
    sums: dict[tuple[str, str], dict[str, float]] = {}
    for each in store.execute(_IN_ALL, {**days.span, "currency": currency}):
        counts[each["name"], each["what"]] += each["events"]
        if each["sum"]:
            sums.setdefault((each["name"], each["what"]), {})[each["currency"]] = each["sum"]
    by_day = counts_by_day(store, days)
    by_source_day = counts_by_day(store, source_days) if source_days else {}
    for name in sorted(by_day):
        totals = {what: counts[name, what] for what in _TOTALS}
        expected_sums, found_sums = sums.get((name, "expected"), {}), sums.get((name, "found"), {})
        if len(expected_sums.keys() | found_sums.keys()) >= _SEVERAL:  # which have no sum
            for day in by_day[name]:
                day["expected_value"] = day["found_value"] = None
        kinds = findings_by_kind(store, name)
        yield {
            "name": name,
            "id": ids.get(name),
            "agrees": not any(kinds[kind] for kind in WRONG),
            **totals,
            "expected_sums": expected_sums,
            "found_sums": found_sums,
            "notes": list(_notes(totals)),
            "findings_by_kind": kinds,
            "days": by_day[name],
            "days_both_ways": _both_ways(by_day[name], by_source_day.get(name, ())),
            "findings": listed(store, name),
        }


def counts_by_day(store: sqlite3.Connection, days: Days) -> dict[str, list[dict[str, Any]]]:
    """Metric -> all the days, in numbers, as the report has them."""
    store.create_function("day_of", 1, lambda moment: day_of(moment, days.zone).isoformat())
    counted: dict[tuple[str, str], dict[str, Any]] = {}
    for each in map(dict, store.execute(_BY_DAY, days.span)):
        each["differs"] = each["differs"] > 0
        counted[each.pop("name"), each["day"]] = each
    names = [name for (name,) in store.execute("SELECT name FROM metrics")]
    every_day = [
        (days.first + number * DAY).isoformat()
        for number in range((days.last - days.first).days + 1)
    ]
    return {
        name: [counted.get((name, day), {"day": day, **_NOTHING}) for day in every_day]
        for name in names
    }


def _notes(totals: Mapping[str, int]) -> Iterator[str]:
    """What is to be known about a metric's numbers, in sentences."""
    if count := totals["stored_under_an_earlier_time"]:
        stand = "stands" if count == 1 else "stand"
        yield (
            f"{counted(count, 'event')} {stand} under an earlier time than the source tells by "
            "now: rightly, since Klaviyo keeps the time of the first sending."
        )
    if count := totals["formerly_true"]:
        was = "was" if count == 1 else "were"
        yield (f"{counted(count, 'event')} {was} true when an earlier run read them, and may stay.")
    if count := totals["without_unique_id"]:
        which = "All" if count == totals["found"] else "Some"
        yield (
            f"{which} of Klaviyo's events do not show their unique_id ({count:,}): they were "
            "compared by profile, time and value."
        )
    if count := totals["without_value"]:
        yield f"Klaviyo does not show the value of {counted(count, 'event')}: not compared."


def _both_ways(days: Sequence[DayCounts], source_days: Sequence[DayCounts]) -> list[dict[str, Any]]:
    """Day by day, the number in the source's report and the number in Klaviyo's activity feed."""
    feed = {each["day"]: each["found"] for each in days}
    return [
        {
            "day": each["day"],
            "source_report": each["expected"],
            "klaviyo_feed": feed.get(each["day"], 0),
            "klaviyo_in_source_zone": each["found"],
        }
        for each in source_days
    ]
