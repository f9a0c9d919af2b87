"""Klaviyo's side of the audit: questions asked page by page and year by year."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from target_klaviyo.audit import profiles, queries
from target_klaviyo.audit.timezones import NOTHING, klaviyo_name, midnight, ranges
from target_klaviyo.klaviyo.account import account_call, read_account

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

    from target_klaviyo.audit.queries import FoundEvent
    from target_klaviyo.audit.timezones import Amount
    from target_klaviyo.klaviyo.account import Account
    from target_klaviyo.klaviyo.exchange import Api


class Inquiry:
    """What Klaviyo holds, as far as an audit wants to know.

    Args:
        reader: asks Klaviyo.
    """

    def __init__(self, reader: Api) -> None:
        self._reader = reader

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""
        return self._reader.requests

    def account(self) -> Account:
        """The account the key belongs to."""
        return read_account(self._reader.ask(account_call()))

    def metrics(self) -> dict[str, str]:
        """Ids of the metrics made through the API, by name.

        Klaviyo's reference lets a metric's integration be null; such a metric, which is no
        integration's, counts as ours when there is no other of its name.
        """
        found: dict[str, str] = {}
        unattributed: dict[str, str] = {}
        for metric in self._reader.pages(queries.metrics, queries.read_metrics):
            if metric.from_api:
                found.setdefault(metric.name, metric.id)
            elif metric.unattributed:
                unattributed.setdefault(metric.name, metric.id)
        return unattributed | found

    def by_day(self, metric_id: str, first: date, last: date, zone: ZoneInfo) -> dict[date, Amount]:
        """Count and sum of a metric per day of a zone."""
        found: dict[date, Amount] = {}
        for begin, end in ranges(first, last):
            question = partial(
                queries.aggregates,
                metric_id,
                midnight(begin, zone),
                midnight(end, zone),
                klaviyo_name(zone.key),
            )
            read = partial(queries.read_aggregates, zone=zone)
            for day, amount in self._reader.pages(question, read, queries.next_aggregates_cursor):
                if begin <= day < end:
                    found[day] = found.get(day, NOTHING).plus(amount)
        return found

    def events(self, metric_id: str, start: int, end: int, audit_key: str) -> Iterator[FoundEvent]:
        """A metric's events from `start` up to `end`, in seconds since 1970."""
        question = partial(queries.events, metric_id, start, end)
        yield from self._reader.pages(question, partial(queries.read_events, audit_key=audit_key))

    def profiles(
        self, lookups: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Profiles by (kind, value) of each of their identifiers."""
        found: list[dict[str, Any]] = []
        questions = profiles.batches(lookups, queries.PROFILES_PER_PAGE, queries.MAX_FILTER_CHARS)
        for kind, values in questions:
            question = partial(queries.profiles, kind, values)
            found += self._reader.pages(question, queries.read_profiles)
        return profiles.index(found)
