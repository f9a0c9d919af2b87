"""Charts as SVG, drawn by pygal: no script, coloured by the page that holds them."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pygal  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MOST_BARS = 400
"""More bars than that could not be told apart: then they stand for weeks or months."""

_WIDTH, _HEIGHT = 960, 240
_INDEX = "data-bar"
_PARTS = ("in-place", "explained", "missing", "surplus")


def metric_chart(days: Sequence[Mapping[str, Any]]) -> str:
    """Expected and found per day, stacked: what is in place, and on top of it what differs.

    Args:
        days: as the document has them.
    """
    periods = _gathered(days, ("expected", "found", "explained"))
    differing = {_start(day["day"], len(days)) for day in days if day["differs"]}
    parts = [_parts(numbers) for numbers in periods.values()]
    titles = [
        f"{_said(start, len(days))}: {numbers['expected']:,} expected, {numbers['found']:,} found"
        for start, numbers in periods.items()
    ]
    marked = [start in differing for start in periods]
    chart = _chart(pygal.StackedBar, list(periods))
    for index, name in enumerate(_PARTS):
        chart.add(name, [_bar(of[index], number) for number, of in enumerate(parts)])
    return _drawn(chart, titles, lambda number: "differs" if marked[number] else "")


def zones_chart(days: Sequence[Mapping[str, Any]]) -> str:
    """By how much Klaviyo's activity feed of a day exceeds the source's report of that day.

    Args:
        days: grouped both ways, as the document has them.
    """
    periods = _gathered(days, ("source_report", "klaviyo_feed"))
    titles = [
        f"{_said(start, len(days))}: {numbers['source_report']:,} in the source's report, "
        f"{numbers['klaviyo_feed']:,} in Klaviyo's feed"
        for start, numbers in periods.items()
    ]
    chart = _chart(pygal.Bar, list(periods))
    chart.add(
        "shift",
        [
            _bar(numbers["klaviyo_feed"] - numbers["source_report"], number)
            for number, numbers in enumerate(periods.values())
        ],
    )
    return _drawn(chart, titles, lambda _: "")


def _parts(numbers: Mapping[str, int]) -> tuple[int, int, int, int]:
    expected, found, explained = numbers["expected"], numbers["found"], numbers["explained"]
    wanted = max(0, expected - explained)
    in_place = min(found, wanted)
    return in_place, min(explained, expected), wanted - in_place, found - in_place


def _bar(value: int, number: int) -> dict[str, Any] | None:
    return {"value": value, "node": {_INDEX: number}} if value else None


def _gathered(
    days: Iterable[Mapping[str, Any]], names: Sequence[str]
) -> dict[date, dict[str, int]]:
    """Days, or the weeks or months they make when they are too many."""
    listed = list(days)
    periods: dict[date, dict[str, int]] = defaultdict(lambda: dict.fromkeys(names, 0))
    for day in listed:
        numbers = periods[_start(day["day"], len(listed))]
        for name in names:
            numbers[name] += day[name]
    return dict(periods)


def _start(text: str, days: int) -> date:
    """The first day of the period a day belongs to."""
    day = date.fromisoformat(text)
    if days <= MOST_BARS:
        return day
    if days <= 7 * MOST_BARS:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1)


def _said(start: date, days: int) -> str:
    if days <= MOST_BARS:
        return f"{start:%d %b %Y}"
    return f"week of {start:%d %b %Y}" if days <= 7 * MOST_BARS else f"{start:%B %Y}"


def _chart(kind: Callable[..., Any], starts: list[date]) -> Any:
    chart = kind(
        style=Style(font_family="inherit"),
        css=[],
        js=[],
        width=_WIDTH,
        height=_HEIGHT,
        margin=2,
        margin_right=12,
        spacing=4,
        show_legend=False,
        rounded_bars=0,
        disable_xml_declaration=True,
        x_labels=[_label(start) for start in starts],
        x_labels_major=_major_labels(starts),
        show_minor_x_labels=False,
        truncate_label=-1,
        y_labels_major_count=3,
        show_minor_y_labels=False,
        include_x_axis=True,
        formatter=lambda value: f"{value:,.0f}",
        no_data_text="",
    )
    # pygal sizes its margins by these, although the page's own style draws the text.
    chart.style.label_font_size = chart.style.major_label_font_size = 13
    chart.config.x_label_rotation = 0
    return chart


def _label(start: date) -> str:
    return f"{start:%d %b %Y}"


def _major_labels(starts: list[date]) -> list[str]:
    """About six labels, as far apart as text needs."""
    step = max(1, -(-len(starts) // 6))
    return [_label(start) for start in starts[::step]]


def _drawn(chart: Any, titles: list[str], mark: Callable[[int], str]) -> str:
    """The SVG without what pygal adds for its script, and with a title per bar."""

    def slim(root: ET.Element) -> ET.Element:
        for parent in list(root.iter()):
            for child in list(parent):
                if _dispensable(child):
                    parent.remove(child)
        for bar in root.iter():
            number = bar.attrib.pop(_INDEX, None)
            if number is not None:
                bar.set("class", f"bar-part {mark(int(number))}".strip())
                ET.SubElement(bar, "title").text = titles[int(number)]
        root.attrib.pop("id", None)
        root.set("role", "img")
        return root

    chart.add_xml_filter(slim)
    svg: str = chart.render(is_unicode=True)
    return svg


def _dispensable(element: ET.Element) -> bool:
    name = str(element.tag).rpartition("}")[2]
    classes = element.get("class", "").split()
    return (
        not re.fullmatch(r"[a-z]+", name)  # a comment
        or name in {"desc", "script", "style", "defs"}
        or not {"tooltip-overlay", "text-overlay", "titles"}.isdisjoint(classes)
    )
