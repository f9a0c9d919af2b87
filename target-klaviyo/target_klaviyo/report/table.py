"""The audit's result as lines for a terminal (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.report.findings import EXPLAINED, WRONG
from target_klaviyo.text import aligned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_HEADINGS = ("metric", "expected", "found", *WRONG, "explained")


def table(document: Mapping[str, Any]) -> Iterator[str]:
    """The lines: a row per metric, the profiles, the time zones; no customer's data."""
    metrics = document["metrics"]
    shown = [metric for metric in metrics if metric["expected"] or metric["found"]]
    yield from aligned([_HEADINGS, *map(_row, shown or metrics)])
    for metric in shown:
        for note in metric["notes"]:
            yield f"{metric['name']}: {note}"
    empty = [metric["name"] for metric in metrics if metric not in shown]
    if shown and empty:
        yield f"Nothing expected and nothing found: {', '.join(empty)}."
    profiles = document["profiles"]
    yield (
        f"Profiles: {profiles['checked']:,} of {profiles['expected']:,} compared, "
        f"{profiles['differing']:,} differing."
    )
    yield from document["time_zones"]["sentences"]


def _row(metric: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = metric["findings_by_kind"]
    numbers = (
        metric["expected"],
        metric["found"],
        *(kinds[kind] for kind in WRONG),
        sum(kinds[kind] for kind in EXPLAINED),
    )
    return (metric["name"], *(f"{number:,}" for number in numbers))
