"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined

from target_klaviyo.klaviyo.json_api import parse_timestamp
from target_klaviyo.report.charts import PARTS, metric_chart, period, zones_chart
from target_klaviyo.report.findings import EXPLAINED
from target_klaviyo.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

DIFFERENCES = {
    "missing": "Missing",
    "unexpected": "Unexpected",
    "moved": "Stored with another time",
    "altered": "Stored with another value",
    "elsewhere": "Stored under another profile",
    "dropped": "Dropped by Klaviyo",
    "rejected": "In the rejects file",
    "pending": "Too young to judge",
    "vanished": "No longer shown by the source",
}
LISTED_DAYS = 120
NOTHING = "\N{EN DASH}"


def page(document: Mapping[str, Any]) -> str:
    """The page of a document; whatever stems from data is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    zone = ZoneInfo(document["time_zones"]["account"])
    environment.filters.update(
        counted=counted,
        number=_number,
        money=_money,
        day=_day,
        shown=_shown,
        shifted=_shifted,
        moment=lambda text: _moment(text, zone),
    )
    source = files("target_klaviyo.report").joinpath("page.html.jinja").read_text("utf-8")
    style = files("target_klaviyo.report").joinpath("page.css").read_text("utf-8")
    return environment.from_string(source).render(
        audit=document,
        style=style,
        differences=DIFFERENCES,
        explained=EXPLAINED,
        parts=PARTS,
        listed_days=LISTED_DAYS,
        metric_chart=metric_chart,
        zones_chart=zones_chart,
        period=period(max((len(each["days"]) for each in document["metrics"]), default=0)),
    )


def _number(value: float) -> str:
    return f"{value:,}"


def _money(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.2f}"


def _day(text: str) -> str:
    return f"{date.fromisoformat(text):%d %b %Y}"


def _moment(text: str | None, zone: ZoneInfo) -> str:
    """A moment in the account's zone, as Klaviyo's activity feed shows it."""
    if text is None:
        return NOTHING
    return f"{parse_timestamp(text).astimezone(zone):%d %b %Y %H:%M:%S}"


def _shown(value: Any) -> str:
    """A property's value; a list stays recognisable as one."""
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(each) for each in value) + "]"
    return str(value)


def _shifted(days: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Days that the source's report and Klaviyo's feed count differently."""
    return [day for day in days if day["source_report"] != day["klaviyo_feed"]]
