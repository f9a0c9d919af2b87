"""Charts as SVG, drawn by pygal: no script, coloured by the page that holds them."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

import pygal  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# pygal hooks into every import, for maps we do not draw, and in a way Python has deprecated.
sys.meta_path[:] = [
    finder for finder in sys.meta_path if type(finder).__module__.partition(".")[0] != "pygal"
]

MOST_BARS = 400
"""More bars than that could not be told apart: then they stand for weeks or months."""

_WIDTH, _HEIGHT = 840, 240  # as wide as the page lets it be on a laptop; a phone scrolls
_LABEL_HALF = 40.0  # half of what a day's label takes
_FLAG_WIDTH = 4.0
_PLACE = ("x", "y", "width", "height")

PARTS = ("in-place", "explained", "missing", "surplus")
"""What a bar is stacked of, from below."""


def period(days: int) -> str:
    """What a bar stands for when there are so many days."""
    if days <= MOST_BARS:
        return "day"
    return "week" if days <= 7 * MOST_BARS else "month"


class Chart(NamedTuple):
    """A drawing in two parts of one height, so that the scale stays when the plot is scrolled.

    Attributes:
        scale: the labels of the vertical axis, SVG.
        plot: bars and days, SVG.
        parts: what occurs in it, of `PARTS`.
    """

    scale: str
    plot: str
    parts: tuple[str, ...]


def metric_chart(days: Sequence[Mapping[str, Any]]) -> Chart:
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
    chart = _chart(pygal.StackedBar, list(periods), (sum(of) for of in parts))
    for index, name in enumerate(PARTS):
        chart.add(name, [of[index] for of in parts])
    scale, plot = _drawn(chart, titles, [start in differing for start in periods])
    occurring = tuple(name for index, name in enumerate(PARTS) if any(of[index] for of in parts))
    return Chart(scale, plot, occurring)


def zones_chart(days: Sequence[Mapping[str, Any]]) -> Chart:
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
    shifts = [of["klaviyo_feed"] - of["source_report"] for of in periods.values()]
    chart = _chart(pygal.Bar, list(periods), shifts)
    chart.add("shift", shifts)
    return Chart(*_drawn(chart, titles), ("shift",))


def _parts(numbers: Mapping[str, int]) -> tuple[int, int, int, int]:
    expected, found, explained = numbers["expected"], numbers["found"], numbers["explained"]
    wanted = max(0, expected - explained)
    in_place = min(found, wanted)
    return in_place, min(explained, expected), wanted - in_place, found - in_place


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
    if period(days) == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period(days) == "month" else day


def _said(start: date, days: int) -> str:
    formats = {"day": "%d %b %Y", "week": "week of %d %b %Y", "month": "%B %Y"}
    return start.strftime(formats[period(days)])


def _chart(drawing: Callable[..., Any], starts: list[date], heights: Iterable[int]) -> Any:
    ticks = _ticks(list(heights))
    return drawing(
        # The page draws the text; pygal needs its size to leave room for it.
        style=Style(label_font_size=13, major_label_font_size=13),
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
        y_labels=ticks,
        range=(ticks[0], ticks[-1]),
        formatter=lambda value: f"{value:,.0f}",
        no_data_text="",
    )


def _ticks(heights: list[int]) -> list[int]:
    """Two or three round numbers for the axis, zero among them, that enclose all heights."""
    top, bottom = max([1, *heights]), min([0, *heights])
    size = 10 ** (len(str(top - bottom)) - 1)
    halves = (size * factor / 2 for factor in (1, 2, 4, 10, 20))
    step = max(1, int(next(half for half in halves if top - bottom <= 2 * half)))
    return list(range(bottom // step * step, top + step, step))


def _label(start: date) -> str:
    return f"{start:%d %b %Y}"


def _major_labels(starts: list[date]) -> list[str]:
    """About six labels, as far apart as text needs."""
    step = max(1, -(-len(starts) // 6))
    return [_label(start) for start in starts[::step]]


def _drawn(chart: Any, titles: list[str], marked: Sequence[bool] = ()) -> tuple[str, str]:
    """Scale and plot without what pygal adds for its script, with a title per bar and flags."""
    scale = ET.Element("svg")

    def finish(root: ET.Element) -> ET.Element:
        for parent in list(root.iter()):
            for child in list(parent):
                if _dispensable(child):
                    parent.remove(child)
        series = root.findall(".//g[@class='bars']")
        if series:
            bars = list(series[0].iter("rect"))
            _flag(root, [bars[number] for number, flag in enumerate(marked) if flag])
        for each in series:
            _title(each, titles)
        root.attrib.pop("id", None)
        root.set("role", "img")
        _move_scale(root, scale)
        return root

    chart.add_xml_filter(finish)
    plot: str = chart.render(is_unicode=True)
    return ET.tostring(scale, "unicode"), plot


def _move_scale(root: ET.Element, scale: ET.Element) -> None:
    """Take the vertical axis' labels out of the drawing, into one of their own beside it."""
    plot = root.find(".//g[@class='plot']")
    place = (
        re.match(r"translate\(([\d.]+), ([\d.]+)\)", plot.get("transform", "")) if plot else None
    )
    left, top = (float(place[1]), float(place[2])) if place else (0.0, 0.0)
    labels = ET.SubElement(scale, "g", {"transform": f"translate({left}, {top})"})
    for guide in root.iterfind(".//g[@class='axis y always_show']/g"):
        for text in guide.findall("text"):
            guide.remove(text)
            labels.append(text)
    for text in root.iterfind(".//g[@class='axis x']//text"):
        if float(text.get("x", "0")) < _LABEL_HALF:
            text.set("class", "first")  # else its beginning would be cut off
    for part, start, width in ((scale, 0.0, left), (root, left, _WIDTH - left)):
        part.set("viewBox", f"{start:g} 0 {width:g} {_HEIGHT}")
        part.set("width", f"{width:g}")
        part.set("height", f"{_HEIGHT}")


def _flag(root: ET.Element, bars: list[ET.Element]) -> None:
    """Put a flag, as high as the plot, behind each of these bars: some differences are tiny."""
    plot = root.find(".//g[@class='plot']")
    ground = None if plot is None else plot.find("rect")
    if plot is None or ground is None:
        return
    height = float(ground.get("height", "0"))
    for bar in bars:
        width = float(bar.get("width", "0"))
        centre = float(bar.get("x", "0")) + width / 2
        wide = max(width, _FLAG_WIDTH)
        place = {"x": centre - wide / 2, "y": 0, "width": wide, "height": height}
        shown = {name: f"{value:.1f}" for name, value in place.items()}
        plot.insert(1, ET.Element("rect", {**shown, "class": "flag"}))
        plot.append(ET.Element("path", {"class": "flag", "d": f"M{centre - 4:.1f} 0h8l-4 6z"}))


def _title(bars: ET.Element, titles: list[str]) -> None:
    """Leave a series' bars with a title each, and without those of no height."""
    drawn = []
    for number, rect in enumerate(bars.iter("rect")):
        if float(rect.get("height", "0")) > 0:
            place = {name: f"{float(rect.get(name, '0')):.1f}" for name in _PLACE}
            kept = ET.Element("rect", {**place, "class": "bar"})
            ET.SubElement(kept, "title").text = titles[number]
            drawn.append(kept)
    bars[:] = drawn


def _dispensable(element: ET.Element) -> bool:
    name = str(element.tag).rpartition("}")[2]
    classes = set(element.get("class", "").split())
    return (
        not re.fullmatch(r"[a-z]+", name)  # a comment
        or name in {"desc", "script", "style", "defs", "title"}
        or not classes.isdisjoint({"tooltip-overlay", "text-overlay", "titles"})
    )
