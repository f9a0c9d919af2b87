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
    from target_klaviyo.klaviyo.reader import Reader


class Inquiry:
    """What Klaviyo holds, as far as an audit wants to know.

    Args:
        reader: asks Klaviyo.
    """

    def __init__(self, reader: Reader) -> None:
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
        for document in self._reader.pages(queries.metrics):
            for metric in queries.read_metrics(document):
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
            for document in self._reader.pages(question, queries.next_aggregates_cursor):
                for day, amount in queries.read_aggregates(document, zone):
                    if begin <= day < end:
                        found[day] = found.get(day, NOTHING).plus(amount)
        return found

    def events(self, metric_id: str, start: int, end: int, audit_key: str) -> Iterator[FoundEvent]:
        """A metric's events from `start` up to `end`, in seconds since 1970."""
        for document in self._reader.pages(partial(queries.events, metric_id, start, end)):
            yield from queries.read_events(document, audit_key)

    def profiles(
        self, lookups: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Profiles by (kind, value) of each of their identifiers."""
        found: list[dict[str, Any]] = []
        questions = profiles.batches(lookups, queries.PROFILES_PER_PAGE, queries.MAX_FILTER_CHARS)
        for kind, values in questions:
            for document in self._reader.pages(partial(queries.profiles, kind, values)):
                found += queries.read_profiles(document)
        return profiles.index(found)
