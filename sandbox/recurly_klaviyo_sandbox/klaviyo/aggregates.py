"""Counts and sums per hour, day, week or month in a time zone, right across clock changes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import UNSET, UnsetType

from recurly_klaviyo_sandbox.klaviyo import diagnosis, filters, values
from recurly_klaviyo_sandbox.klaviyo.errors import Problem, Refusal
from recurly_klaviyo_sandbox.klaviyo.shapes import Shape

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from recurly_klaviyo_sandbox.klaviyo.state import State
    from recurly_klaviyo_sandbox.klaviyo.switches import Switches

PAGE_SIZE = 500  # documented, default and limit
_AT = "/data/attributes"
_DIMENSIONS = frozenset(
    {
        "$attributed_channel",
        "$attributed_flow",
        "$attributed_message",
        "$attributed_variation",
        "$campaign_channel",
        "$flow",
        "$flow_channel",
        "$message",
        "$message_send_cohort",
        "$usage_amount",
        "$value_currency",
        "$variation",
        "$variation_send_cohort",
        "Bot Click",
        "Bounce Type",
        "Campaign Name",
        "Client Canonical",
        "Client Name",
        "Client Type",
        "Email Domain",
        "Failure Source",
        "Failure Type",
        "From Number",
        "From Phone Region",
        "Inbox Provider",
        "List",
        "Message Format",
        "Message Name",
        "Message Type",
        "Method",
        "Segment Count",
        "Subject",
        "To Number",
        "To Phone Region",
        "URL",
        "form_id",
    }
)
_SORTS = _DIMENSIONS | {"count", "sum_value", "unique"}


class AggregateAttributes(Shape):
    """A question about a metric's events over time."""

    metric_id: str
    measurements: list[Literal["count", "sum_value", "unique"]]
    filter: list[str]
    page_cursor: str | UnsetType = UNSET
    interval: Literal["day", "hour", "month", "week"] | UnsetType | None = UNSET
    page_size: int | UnsetType | None = UNSET
    by: list[str] | UnsetType | None = UNSET
    return_fields: list[str] | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    sort: str | UnsetType = UNSET


class Aggregate(Shape):
    """The question of POST /api/metric-aggregates."""

    type: Literal["metric-aggregate"]
    attributes: AggregateAttributes


class AggregateBody(Shape):
    """Body of POST /api/metric-aggregates."""

    data: Aggregate


class _Question(NamedTuple):
    metric: int
    measurements: list[str]
    interval: str
    zone: ZoneInfo
    start: int
    end: int
    by: list[str]
    sort: str
    page_size: int
    offset: int


class Row(NamedTuple):
    """One line of an answer: a group and its numbers per bucket."""

    dimensions: list[str]
    measurements: dict[str, list[float]]


class Answer(NamedTuple):
    """Bucket labels, one page of rows, and the cursor of the next page, if there is one."""

    dates: list[str]
    rows: list[Row]
    next_offset: int | None


def answer(state: State, body: bytes) -> Answer:
    """Answer the question in `body`.

    Raises:
        Refusal: 400 with every problem, 404 for an unknown metric.
    """
    attributes = diagnosis.decode(body, AggregateBody).data.attributes
    question = _read(attributes, state)
    edges = bucket_edges(question.start, question.end, question.interval, question.zone)
    rows = _rows(state, question, edges)
    _sort(rows, question.sort)
    page = rows[question.offset : question.offset + question.page_size]
    end = question.offset + len(page)
    local = question.zone if state.switches.local_aggregate_dates else timezone.utc
    labels = [datetime.fromtimestamp(edge, local).isoformat() for edge in edges[:-1]]
    return Answer(labels, page, end if end < len(rows) else None)


def bucket_edges(start: int, end: int, interval: str, zone: ZoneInfo) -> list[int]:
    """Where buckets begin, and where the last one ends; all in seconds since 1970.

    The first bucket is the one that holds `start` (assumed). Days are as long as the zone's days
    are: 23 and 25 hours when clocks change.
    """
    if interval == "hour":
        first = start - start % 3600 if _whole_hours(start, zone) else _local_hour(start, zone)
        return [*range(first, end, 3600), _after(first, end, 3600)]
    day = datetime.fromtimestamp(start, zone).date()
    if interval == "week":
        day -= timedelta(days=day.weekday())  # assumed: weeks begin on Monday
    elif interval == "month":
        day = day.replace(day=1)
    edges: list[int] = []
    while True:
        edge = int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
        if not edges or edge > edges[-1]:  # islands have skipped a whole day
            edges.append(edge)
        if edge >= end:
            return edges
        if interval == "month":
            day = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        else:
            day += timedelta(days=7 if interval == "week" else 1)


def _whole_hours(moment: int, zone: ZoneInfo) -> bool:
    offset = datetime.fromtimestamp(moment, zone).utcoffset() or timedelta(0)
    return offset.total_seconds() % 3600 == 0


def _local_hour(moment: int, zone: ZoneInfo) -> int:
    """The beginning of the local hour in zones that are half an hour off."""
    local = datetime.fromtimestamp(moment, zone)
    return moment - local.minute * 60 - local.second


def _after(first: int, end: int, step: int) -> int:
    return first + -(-(end - first) // step) * step


def _rows(state: State, question: _Question, edges: list[int]) -> list[Row]:
    buckets = len(edges) - 1
    groups: dict[str, list[tuple[int, float, set[int]]]] = {}
    by_currency = "$value_currency" in question.by
    events = state.events.timeline(
        question.metric, question.start, question.end, state.visible_until()
    )
    bucket = 0
    for time, value, profile, currency in events:
        while time >= edges[bucket + 1]:
            bucket += 1
        group = (currency or "") if by_currency else ""
        cells = groups.get(group)
        if cells is None:
            cells = groups[group] = [(0, 0.0, set()) for _ in range(buckets)]
        count, total, people = cells[bucket]
        people.add(profile)
        cells[bucket] = (count + 1, total + (value or 0.0), people)
    if not groups:
        groups[""] = [(0, 0.0, set()) for _ in range(buckets)]
    return [_row(question, group, cells) for group, cells in sorted(groups.items())]


def _row(question: _Question, group: str, cells: list[tuple[int, float, set[int]]]) -> Row:
    numbers: dict[str, list[float]] = {
        "count": [float(count) for count, _, _ in cells],
        "sum_value": [round(total, 6) for _, total, _ in cells],
        "unique": [float(len(people)) for _, _, people in cells],
    }
    # Documented: a dimension that the events do not have comes back empty.
    dimensions = [group if name == "$value_currency" else "" for name in question.by]
    return Row(dimensions, {name: numbers[name] for name in question.measurements})


def _sort(rows: list[Row], sort: str) -> None:
    name = sort.lstrip("-")
    if name in {"count", "sum_value", "unique"}:
        rows.sort(key=lambda row: sum(row.measurements.get(name, [])))
    if sort.startswith("-"):
        rows.reverse()


def _read(attributes: AggregateAttributes, state: State) -> _Question:
    found: list[Problem] = []
    zone_name = attributes.timezone or "UTC"
    if not values.is_zone(zone_name):
        found.append(Problem(f"{_AT}/timezone", f"'{zone_name}' is not a supported timezone."))
        zone_name = "UTC"
    if not attributes.measurements:
        found.append(Problem(f"{_AT}/measurements", "Ask for at least one measurement."))
    by = list(attributes.by or [])
    for index, name in enumerate(by):
        if name not in _DIMENSIONS:
            found.append(Problem(f"{_AT}/by/{index}", f"'{name}' is not a supported dimension."))
    sort = attributes.sort or ""
    if sort and sort.removeprefix("-") not in _SORTS:
        found.append(Problem(f"{_AT}/sort", f"'{sort}' is not a supported sort key."))
    size = attributes.page_size or PAGE_SIZE
    if not 1 <= size <= PAGE_SIZE:
        found.append(Problem(f"{_AT}/page_size", f"A page has 1 to {PAGE_SIZE} rows."))
    cursor = attributes.page_cursor or "0"
    if not (cursor.isascii() and cursor.isdigit()):
        found.append(Problem(f"{_AT}/page_cursor", "Invalid cursor provided."))
        cursor = "0"
    zone = values.zone(zone_name)
    start, end = _range(attributes.filter, zone, state.switches, found)
    if found:
        raise Refusal.invalid(found)
    metric = state.metrics.get(attributes.metric_id)
    if metric is None:
        raise Refusal.not_found("metric", attributes.metric_id)
    return _Question(
        metric.number,
        list(attributes.measurements),
        attributes.interval or "day",
        zone,
        start,
        end,
        by,
        sort,
        size,
        int(cursor),
    )


def _range(
    texts: list[str], zone: ZoneInfo, switches: Switches, found: list[Problem]
) -> tuple[int, int]:
    """The time range, which a query must give by two filters on datetime (documented)."""
    bounds: dict[str, int] = {}
    for index, text in enumerate(texts):
        at = f"{_AT}/filter/{index}"
        try:
            conditions = filters.parse(text)
        except Refusal as refusal:
            found.append(Problem(at, refusal.errors[0]["detail"]))
            continue
        for condition in conditions:
            if condition.field != "datetime" or condition.operator not in {
                "greater-or-equal",
                "less-than",
            }:
                detail = f"'{condition.operator}' on '{condition.field}' is not supported here."
                found.append(Problem(at, detail))
                continue
            moment = _moment(condition.text, zone, switches)
            if moment is None:
                found.append(Problem(at, f"'{condition.text}' is not an ISO 8601 time."))
                continue
            bounds[condition.operator] = moment
    if len(bounds) != 2:  # noqa: PLR2004  (a range has two ends)
        detail = "The time range needs a greater-or-equal and a less-than filter on datetime."
        found.append(Problem(f"{_AT}/filter", detail))
        return 0, 0
    start, end = bounds["greater-or-equal"], bounds["less-than"]
    if start >= end:
        found.append(Problem(f"{_AT}/filter", "The time range is empty."))
    longest = switches.aggregate_range
    if longest is not None and end - start > longest.total_seconds():
        found.append(Problem(f"{_AT}/filter", "The time range is longer than a year."))
    return start, end


def _moment(text: str, zone: ZoneInfo, switches: Switches) -> int | None:
    moment = values.epoch_second(text)
    if moment is None or values.has_offset(text) or not switches.naive_filters_in_timezone:
        return moment
    naive = datetime.fromtimestamp(moment, timezone.utc).replace(tzinfo=zone)
    return int(naive.timestamp())


def document(found: Answer, base: str) -> dict[str, Any]:
    """The answer as Klaviyo writes it; more rows are announced by `links.next` (assumed)."""
    url = f"{base}/api/metric-aggregates"
    links = {"self": url}
    if found.next_offset is not None:
        links["next"] = f"{url}?page_cursor={found.next_offset}"
    return {
        "data": {
            "type": "metric-aggregate",
            "id": "sandbox",
            "attributes": {
                "dates": found.dates,
                "data": [row._asdict() for row in found.rows],
            },
            "links": {"self": url},
        },
        "links": links,
    }
