"""The transform that target-klaviyo runs in its own process: (stream, record) -> rows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.config import read_settings
from recurly_to_klaviyo.event_rows import SITE_PROPERTY, EventRows
from recurly_to_klaviyo.events import METRICS
from recurly_to_klaviyo.links import Links
from recurly_to_klaviyo.metrics import SNAPSHOTS, Context
from recurly_to_klaviyo.person import Person
from recurly_to_klaviyo.profile_rows import ProfileRows
from recurly_to_klaviyo.redaction import SECRETS
from recurly_to_klaviyo.samples import sample_moment, sample_records
from recurly_to_klaviyo.summary import sentences
from recurly_to_klaviyo.values import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Literal

    from recurly_to_klaviyo.links import Link
    from recurly_to_klaviyo.metrics import Occurrence

    Kind = Literal["event", "profile"]
    Record = Mapping[str, Any]
    Row = dict[str, Any]


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Transform:
    """Recurly records as event and profile rows of target-klaviyo.

    Args:
        config: The settings, as `transform_config` holds them.
        clock: The present, in UTC; no event is dated later, since a merchant may type a future
            time into a manual payment.

    Attributes:
        streams: The streams whose records become rows.
        metrics: Names, as sent, of every metric that this transform can make: an audit looks at
            each, also where it expects no event.
        vanishing_metrics: Those whose source Recurly stops showing, such as a pause that ended: an
            audit finds their events where it no longer expects any.
        moving_value_metrics: Those read from snapshots, whose value is what a subscription costs
            now: an audit does not hold it against the value of the first sending.
        event_scope: Properties that all of its events carry, where several sites share one Klaviyo
            account: an audit judges only events that carry them.
        secrets: Names of fields that must not be kept where a record is rejected.
        profile_properties: Names, as sent, of the properties that its profile rows set.
        names_every_profile: Every profile row has an `external_id`.

    Raises:
        ValueError: A setting is wrong; the message says which and what would do.
    """

    streams = frozenset({SNAPSHOTS, *(metric.stream for metric in METRICS)})
    secrets = SECRETS

    def __init__(self, config: Mapping[str, Any], *, clock: Callable[[], datetime] = _now) -> None:
        self._config = config
        self._settings = settings = read_settings(config)
        self._clock = clock
        self._links = Links(settings.links)
        self._profiles = ProfileRows(settings, self._links)
        chosen = [metric for metric in METRICS if metric.name in settings.metrics]
        self._metrics = {
            stream: [
                (metric, settings.name(metric.name), self._links.on(metric.name))
                for metric in chosen
                if metric.stream == stream
            ]
            for stream in self.streams
        }
        self._unread: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self.metrics = frozenset(settings.name(metric.name) for metric in chosen)
        self.vanishing_metrics = frozenset(
            settings.name(metric.name) for metric in chosen if metric.vanishes
        )
        self.moving_value_metrics = frozenset(
            settings.name(metric.name) for metric in chosen if metric.stream == SNAPSHOTS
        )
        self.profile_properties = frozenset(map(settings.name, settings.properties))
        self.names_every_profile = settings.link_accounts or settings.identify_by == "account_code"
        self.event_scope = {SITE_PROPERTY: settings.site} if settings.site else {}

    def rows(self, stream: str, record: Record) -> list[tuple[Kind, Row]]:
        """All rows of one record of one of `streams`, in order; none for an unknown stream.

        A snapshot gives its profile row first, then the events of its subscriptions.

        Raises:
            ValueError: The record cannot become a row; the message is the reason, without any of
                the record's values.
        """
        context = Context(self._settings, self._clock())
        unread: set[str] = set()
        try:
            if stream == SNAPSHOTS:
                rows = list(self._rows_of_snapshot(record, context, unread))
            else:
                rows = list(self._rows_of_record(stream, record, context, unread))
        except (AttributeError, KeyError, TypeError) as error:
            # Another tap's stream may bear the same name and hold anything: such a record is
            # refused like any other, and must not end the run.
            flaw = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ValueError(
                f"The record has not the shape of Recurly's {stream}: {flaw}."
            ) from error
        self._unread.update(unread)
        return rows

    def samples(self, now: datetime) -> list[Row]:
        """An event row of each metric that is chosen, of an invented customer; without a profile.

        Args:
            now: What the events are dated.
        """
        moment = sample_moment(now)
        transform = Transform(self._config, clock=lambda: moment)
        found: dict[str, Row] = {}
        for stream, record in sample_records(self._settings, moment):
            for kind, row in transform.rows(stream, record):
                if kind == "event" and not row.get("was_true"):
                    found.setdefault(row["metric"], row)
        kept = ("metric", "unique_id", "properties", "value", "value_currency")
        return [
            {name: row[name] for name in kept if name in row} | {"time": iso(now)}
            for row in found.values()
        ]

    def summary(self) -> list[str]:
        """Sentences worth logging once at the end of a run; no customer's data in them."""
        return sentences(
            lacking=self._profiles.lacking,
            unread=self._unread,
            left_out=self._left_out,
            unfilled_links=self._links.unfilled,
        )

    def _rows_of_record(
        self, stream: str, record: Record, context: Context, unread: set[str]
    ) -> Iterator[tuple[Kind, Row]]:
        """The events of a record; its account must be known only if there are any."""
        event_rows: EventRows | None = None
        for metric, name, links in self._metrics.get(stream, ()):
            for occurrence in metric.find(record, context):
                if event_rows is None:
                    event_rows = EventRows(record.get("account"), context, self._links, unread)
                yield "event", event_rows.row(name, occurrence, links)

    def _rows_of_snapshot(
        self, snapshot: Record, context: Context, unread: set[str]
    ) -> Iterator[tuple[Kind, Row]]:
        """The person's profile, then the events of this account's subscriptions.

        A flaw of one subscription costs that subscription's event, not the profile.
        """
        alone = self._settings.identify_by == "account_code"
        person = Person(snapshot, alone=alone)
        yield "profile", self._profiles.row(person, context.now, unread)
        event_rows = EventRows(snapshot, context, self._links, unread)
        for metric, name, links in self._metrics[SNAPSHOTS]:
            for occurrence in metric.find(person, context):
                row = self._row_or_none(event_rows, name, occurrence, links)
                if row is not None:
                    yield "event", row

    def _row_or_none(
        self, event_rows: EventRows, name: str, occurrence: Occurrence, links: tuple[Link, ...]
    ) -> Row | None:
        try:
            return event_rows.row(name, occurrence, links)
        except ValueError:
            self._left_out[name] += 1
            return None
