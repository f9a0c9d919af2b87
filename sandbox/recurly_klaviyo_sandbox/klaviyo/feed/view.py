"""What the feed shows, gathered from an account: plain data, ready to be laid out."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from recurly_klaviyo_sandbox.klaviyo import background
from recurly_klaviyo_sandbox.klaviyo.metrics import API

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.klaviyo.events import StoredEvent
    from recurly_klaviyo_sandbox.klaviyo.metrics import Metric
    from recurly_klaviyo_sandbox.klaviyo.profiles import Profile
    from recurly_klaviyo_sandbox.klaviyo.state import State

CHART_DAYS = 30
PAGE_SIZE = 50
_ANY_FUTURE = 2 * 366 * 86_400  # seconds; events lie at most one year ahead
# What an event is about, by the property that says it best; the first that an event has.
_SUBJECTS = ("Product Name", "Item Names", "Failure Reason", "Refund Type", "Invoice Number")
_HUES = (262, 199, 158, 28, 342, 225, 84, 311, 12, 180)


class Bar(NamedTuple):
    """One day of a chart; `share` is its height, 0 to 1."""

    day: date
    events: int
    share: float


class Entry(NamedTuple):
    """One event in the feed."""

    id: str
    who: str
    contact: str
    initials: str
    hue: int
    subject: str
    day: date
    clock: str
    value: str
    history: bool
    properties: list[tuple[str, str]]
    profile: list[tuple[str, str]]


class Day(NamedTuple):
    """Events of one day, newest first."""

    day: date
    entries: list[Entry]


class MetricCard(NamedTuple):
    """A metric with its numbers."""

    metric: Metric
    events: int
    people: int
    total: str
    latest: str
    bars: list[Bar]

    @property
    def hue(self) -> int:
        """Its colour, 0 to 359."""
        return _HUES[(self.metric.number - 1) % len(_HUES)]


class Page(NamedTuple):
    """A page of a metric's feed; page numbers start at 1."""

    days: list[Day]
    number: int
    pages: int
    matching: int


class FeedView:
    """Reads an account for the feed. Use it while holding the state's lock."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.zone = ZoneInfo(state.options.timezone)

    def cards(self) -> list[MetricCard]:
        """All metrics, this API's first."""
        background.settle(self._state, everything=True)
        cards = [self.card(metric) for metric in self._state.metrics]
        return sorted(
            cards, key=lambda each: (each.metric.integration != API, -each.events, each.metric.name)
        )

    def now(self) -> str:
        """The present."""
        return self._moment(self._state.now())

    def card(self, metric: Metric) -> MetricCard:
        """A metric's numbers and its last thirty days."""
        numbers = self._state.events.totals(metric.number)
        sums = [_money(total, currency) for currency, total in numbers.sums]
        return MetricCard(
            metric,
            numbers.events,
            numbers.people,
            " + ".join(sums),
            "" if numbers.latest is None else self._moment(numbers.latest),
            self._bars(metric),
        )

    def _bars(self, metric: Metric) -> list[Bar]:
        last = self._local(self._state.now()).date()
        first = last - timedelta(days=CHART_DAYS - 1)
        counts = {first + timedelta(days=step): 0 for step in range(CHART_DAYS)}
        start, end = self._begin(first), self._begin(last + timedelta(days=1))
        for time in self._state.events.times(metric.number, start, end):
            counts[self._local(time).date()] += 1
        most = max(1, *counts.values())
        return [Bar(day, count, count / most) for day, count in counts.items()]

    def page(
        self, metric: Metric, number: int = 1, day: date | None = None, size: int = PAGE_SIZE
    ) -> Page:
        """One page of a metric's events, newest first, of all days or of one."""
        start, end = 0, int(self._state.now()) + _ANY_FUTURE
        if day is not None:
            start, end = self._begin(day), self._begin(day + timedelta(days=1))
        matching = self._state.events.count_between(metric.number, start, end)
        pages = max(1, -(-matching // size))
        number = min(max(1, number), pages)
        found = self._state.events.select(
            "metric = ? AND time >= ? AND time < ?",
            [metric.number, start, end, size, (number - 1) * size],
            "ORDER BY time DESC, number DESC LIMIT ? OFFSET ?",
        )
        by_day = groupby(map(self._entry, found), key=lambda entry: entry.day)
        days = [Day(day, list(entries)) for day, entries in by_day]
        return Page(days, number, pages, matching)

    def _entry(self, event: StoredEvent) -> Entry:
        profile = self._state.profiles.number(event.profile)
        names = [profile.attributes.get(part, "") for part in ("first_name", "last_name")]
        contact = profile.email or profile.phone_number or profile.external_id or profile.id
        who = " ".join(name for name in names if name) or contact
        moment = self._local(event.time)
        value = "" if event.value is None else _money(event.value, event.currency)
        properties = orjson.loads(event.properties)
        if isinstance(event.key, str):
            properties["unique_id"] = event.key
        return Entry(
            event.id,
            who,
            "" if contact == who else contact,
            _initials(who),
            sum(contact.encode()) % 360,
            _subject(properties),
            moment.date(),
            f"{moment:%H:%M:%S}",
            value,
            bool(event.backfill),
            [(name, shown(thing)) for name, thing in properties.items()],
            _facts(profile),
        )

    def _moment(self, moment: float) -> str:
        local = self._local(moment)
        return f"{dated(local)}, {local:%H:%M}"

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, self.zone)

    def _begin(self, day: date) -> int:
        """When a day of the account begins, in seconds since 1970."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp())


def dated(day: date) -> str:
    """A day as every page writes it: 22 Nov 2026."""
    return f"{day.day} {day:%b %Y}"


def shown(value: Any) -> str:
    """A property's value in words; structures as indented JSON."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (dict, list)):
        if isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
            return ", ".join(shown(item) for item in value) or "(none)"
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return str(value)


def _money(amount: float, currency: str | None) -> str:
    """An amount that no line break tears from its currency."""
    return f"{amount:,.2f}\N{NO-BREAK SPACE}{currency or ''}".strip()


def _subject(properties: dict[str, Any]) -> str:
    for name in _SUBJECTS:
        if properties.get(name):
            value = shown(properties[name])
            return f"Invoice {value}" if name == "Invoice Number" else value
    return ""


def _initials(name: str) -> str:
    words = [word for word in name.replace("@", " ").replace(".", " ").split() if word]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def _facts(profile: Profile) -> list[tuple[str, str]]:
    facts: list[tuple[str, Any]] = [
        ("E-mail", profile.email),
        ("Phone", profile.phone_number),
        ("External ID", profile.external_id),
        *profile.properties.items(),
    ]
    return [(name, shown(value)) for name, value in facts if value is not None]
