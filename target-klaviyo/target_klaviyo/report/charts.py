"""Charts as SVG: bars by day, week or month, coloured by the page that holds them."""

from __future__ import annotations

from datetime import date, timedelta
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_BARS = 400
"""More bars than that could not be told apart: then they stand for weeks or months."""

PARTS = {
    "in_place": "in place",
    "explained": "explained",
    "missing": "missing",
    "surplus": "unexpected",
}
"""What a bar is stacked of, from below: a day's numbers in the document, and their words."""

_SAID = {"day": "%d %b %Y", "week": "week of %d %b %Y", "month": "%B %Y"}
_WIDTH, _HEIGHT = 840.0, 240.0  # as wide as the page lets it be on a laptop; a phone scrolls
_TOP, _BOTTOM = 10.0, 212.0  # between them the bars; below, the days
_FILLED = 0.8  # how much of its place a bar takes
_FLAG_WIDTH = 4.0
_LABELS = 6
_DIGIT_WIDTH = 8.0


class Chart(NamedTuple):
    """A drawing in two parts of one height, so that the scale stays when the plot is scrolled.

    Attributes:
        scale: the labels of the vertical axis, SVG.
        plot: bars and days, SVG.
    """

    scale: str
    plot: str


class Bar(NamedTuple):
    """A bar: what it is stacked of, from zero upwards; a negative height goes down."""

    start: date
    heights: dict[str, int]
    title: str
    is_flagged: bool = False


def period(days: int) -> str:
    """What a bar stands for when there are so many days."""
    if days <= MAX_BARS:
        return "day"
    return "week" if days <= 7 * MAX_BARS else "month"


def metric_chart(days: Sequence[Mapping[str, Any]]) -> Chart:
    """Events per day, stacked: what is in place, and on top of it what is not.

    Args:
        days: as the document has them.
    """
    bars = [
        Bar(
            start,
            {part: of[part] for part in PARTS},
            f"{said}: {of['expected']:,} expected, {of['found']:,} found",
            is_flagged=of["differs"] > 0,
        )
        for start, said, of in _gathered(days, (*PARTS, "expected", "found", "differs"))
    ]
    return _drawn(bars)


def zones_chart(days: Sequence[Mapping[str, Any]]) -> Chart:
    """By how much Klaviyo's activity feed of a day exceeds the source's report of that day.

    Args:
        days: grouped both ways, as the document has them.
    """
    bars = [
        Bar(
            start,
            {"shift": of["klaviyo_feed"] - of["source_report"]},
            f"{said}: {of['source_report']:,} in the source's report, "
            f"{of['klaviyo_feed']:,} in Klaviyo's feed",
        )
        for start, said, of in _gathered(days, ("source_report", "klaviyo_feed"))
    ]
    return _drawn(bars)


def _gathered(
    days: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> Iterator[tuple[date, str, dict[str, int]]]:
    """Days, or the weeks or months they make: the first day, how it is said, and the numbers."""
    unit = period(len(days))
    for start, within in groupby(days, lambda each: _start(date.fromisoformat(each["day"]), unit)):
        gathered = list(within)
        numbers = {name: sum(each[name] for each in gathered) for name in names}
        yield start, start.strftime(_SAID[unit]), numbers


def _start(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day if unit == "day" else day.replace(day=1)


def _drawn(bars: Sequence[Bar]) -> Chart:
    ticks = _ticks([sum(bar.heights.values()) for bar in bars])
    unit = (_BOTTOM - _TOP) / (ticks[-1] - ticks[0])
    left = _DIGIT_WIDTH * max(len(f"{tick:,}") for tick in ticks) + 6
    step = (_WIDTH - left) / max(1, len(bars))

    def level(height: float) -> float:
        return _BOTTOM - (height - ticks[0]) * unit

    scale = [f'<text x="{left - 6:g}" y="{level(tick) + 4:.1f}">{tick:,}</text>' for tick in ticks]
    plot = [f'<path class="guide" d="M0 {level(tick):.1f}H{_WIDTH - left:g}"/>' for tick in ticks]
    for index, bar in enumerate(bars):
        centre = (index + 0.5) * step
        if bar.is_flagged:
            plot += _flag(centre, step)
        base = 0
        for part, height in bar.heights.items():
            if height:
                top = level(max(base, base + height))
                plot.append(
                    f'<rect class="bar {part}" x="{centre - step * _FILLED / 2:.2f}" y="{top:.2f}"'
                    f' width="{step * _FILLED:.2f}" height="{abs(height) * unit:.2f}">'
                    f"<title>{escape(bar.title)}</title></rect>"
                )
            base += height
    plot += _day_labels(bars, step)
    return Chart(_svg(scale, left), _svg(plot, _WIDTH - left))


def _svg(elements: Sequence[str], width: float) -> str:
    return (
        f'<svg role="img" viewBox="0 0 {width:g} {_HEIGHT:g}" width="{width:g}"'
        f' height="{_HEIGHT:g}">{"".join(elements)}</svg>'
    )


def _ticks(heights: Sequence[int]) -> list[int]:
    """Two or three round numbers for the axis, zero among them, that enclose all heights."""
    top, bottom = max([1, *heights]), min([0, *heights])
    size = 10 ** (len(str(top - bottom)) - 1)
    halves = (size * factor / 2 for factor in (1, 2, 4, 10, 20))
    step = max(1, int(next(half for half in halves if top - bottom <= 2 * half)))
    return list(range(bottom // step * step, top + step, step))


def _flag(centre: float, step: float) -> Iterator[str]:
    """A mark as high as the plot, behind its bar: some differences are tiny."""
    width = max(step * _FILLED, _FLAG_WIDTH)
    yield (
        f'<rect class="flag" x="{centre - width / 2:.2f}" y="{_TOP:g}" width="{width:.2f}"'
        f' height="{_BOTTOM - _TOP:g}"/>'
    )
    yield f'<path class="flag" d="M{centre - 4:.2f} {_TOP:g}h8l-4 6z"/>'


def _day_labels(bars: Sequence[Bar], step: float) -> Iterator[str]:
    """About six days, as far apart as text needs; the first begins where its bar does."""
    every = max(1, -(-len(bars) // _LABELS))
    for index in range(0, len(bars), every):
        place, kind = (index * step, "first") if not index else ((index + 0.5) * step, "day")
        day = f"{bars[index].start:%d %b %Y}"
        yield f'<text class="{kind}" x="{place:.1f}" y="{_BOTTOM + 20:g}">{day}</text>'
