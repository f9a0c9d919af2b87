"""A quarter's worth of rows, synchronised to a sandbox Klaviyo, and audits of it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from target_klaviyo.audit.auditor import Auditor
from target_klaviyo.audit.rejected import RejectedRows
from target_klaviyo.config import read_settings
from target_klaviyo.errors import AuditDiffers
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.rows.contract import Origin
from target_klaviyo.rows.parser import RowParser
from target_klaviyo.singer.router import InputStats, RecordRouter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from target_klaviyo.rows.contract import RowKind

METRICS = ("Failed Payment", "Issued Invoice", "Successfully Paid")


@dataclass
class Verdict:
    """What an audit left behind."""

    agrees: bool
    sentence: str
    report: dict[str, Any]
    page: Path
    states: list[Any]

    def metric(self, name: str) -> dict[str, Any]:
        """A metric of the report."""
        found: dict[str, Any] = next(
            each for each in self.report["metrics"] if each["name"] == name
        )
        return found

    def named(self, kind: str) -> set[str]:
        """Unique ids of the findings of a kind, of all metrics."""
        return {
            finding["unique_id"]
            for metric in self.report["metrics"]
            for finding in metric["findings"]
            if finding["kind"] == kind
        }


@dataclass
class Knowledge:
    """A transform, as far as an audit asks it: what it knows of its own rows."""

    metrics: frozenset[str] = frozenset()
    vanishing_metrics: frozenset[str] = frozenset()
    moving_value_metrics: frozenset[str] = frozenset()
    event_scope: Mapping[str, str] = field(default_factory=dict)
    streams: frozenset[str] = frozenset()

    def rows(
        self, stream: str, record: Mapping[str, Any]
    ) -> Iterable[tuple[RowKind, dict[str, Any]]]:
        """No rows."""
        del stream, record
        return ()

    def summary(self) -> list[str]:
        """Nothing to say."""
        return []


@dataclass
class Shop:
    """Rows of a source, the sandbox they go to, and audits that compare the two."""

    site: Any
    events: list[dict[str, Any]] = field(default_factory=list)
    profiles: list[dict[str, Any]] = field(default_factory=list)

    @property
    def account(self) -> Any:
        """The sandbox's account."""
        return self.site.account

    def messages(self) -> list[dict[str, Any]]:
        """The whole feed."""
        return [
            *self.site.messages("events", self.events),
            *self.site.messages("profiles", self.profiles),
        ]

    def sync(self) -> None:
        """Write all rows."""
        self.site.sync(self.messages())

    def audit(self, mode: str = "audit", **config: Any) -> Verdict:
        """Audit, or repair; a difference is no error here."""
        page = self.site.folder / "audit.html"
        states: list[Any] = []
        agrees, sentence = True, ""
        try:
            states = self.site.sync(
                self.messages(), mode=mode, report_path=str(page), **config
            ).states
        except AuditDiffers as difference:
            agrees, sentence = False, str(difference)
        return _verdict(page, agrees=agrees, sentence=sentence, states=states)

    def audit_knowing(self, knowledge: Knowledge) -> Verdict:
        """Audit, for a transform that knows this of its own rows."""
        page = self.site.folder / "audit.html"
        settings = read_settings({**self.site.config, "mode": "audit", "report_path": str(page)})
        parser = RowParser(now=datetime.now(timezone.utc), live_window=settings.live_window)
        consumer = Auditor(
            settings,
            transform=knowledge,
            client=Client.configured(settings),
            rejected=RejectedRows(settings, None, parser),
            writer=None,
        )
        router = RecordRouter(settings, None, parser, consumer, InputStats())
        for stream, rows in (("events", self.events), ("profiles", self.profiles)):
            for row in rows:
                router.route(stream, row, Origin(stream, b"{}", b"{}"))
        agrees, sentence = True, ""
        try:
            consumer.finish()
        except AuditDiffers as difference:
            agrees, sentence = False, str(difference)
        return _verdict(page, agrees=agrees, sentence=sentence, states=[])


def _verdict(page: Path, *, agrees: bool, sentence: str, states: list[Any]) -> Verdict:
    report = json.loads(page.with_suffix(".json").read_bytes())
    return Verdict(agrees, sentence or report["sentence"], report, page, states)


def event(number: int, time: datetime, email: str, metric: str, **changes: Any) -> dict[str, Any]:
    """An event row as the transform makes them."""
    row = {
        "metric": metric,
        "unique_id": f"recurly-{number}",
        "time": time.isoformat(timespec="seconds"),
        "profile": {"email": email},
        "properties": {"Recurly ID": f"id{number:05d}"},
        "value": 10 + number % 7 + 0.99,
        "value_currency": "USD",
    }
    return row | changes


def profile(number: int, email: str) -> dict[str, Any]:
    """A profile row as the transform makes them."""
    return {
        "email": email,
        "properties": {
            "Recurly Account Code": f"a{number}",
            "Recurly Card Expiration Date": None if number % 5 == 0 else "2027-03-31",
            "Recurly Plan Codes": ["gold", "silver"] if number % 3 else [],
            "Recurly Plans": ["Gold", "Silver"] if number % 3 else [],
        },
    }


@pytest.fixture
def knowing() -> type[Knowledge]:
    """Makes what a transform knows of its own rows."""
    return Knowledge


@pytest.fixture
def shop(site: Any) -> Shop:
    """300 events of 40 customers over 45 days; five more go to an address that is dropped."""
    chance = random.Random(5)  # noqa: S311  (the same rows in every run)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    shop = Shop(site)
    for number in range(300):
        age = timedelta(seconds=chance.randrange(3600, 45 * 86_400))
        email = f"user{number % 40}@shop.io"
        shop.events.append(event(number, now - age, email, METRICS[number % len(METRICS)]))
    for number in range(300, 305):
        age = timedelta(days=chance.randrange(1, 45))
        shop.events.append(event(number, now - age, "nobody@example.com", METRICS[0]))
    shop.profiles = [profile(number, f"user{number}@shop.io") for number in range(40)]
    return shop
