"""Metrics: one per name and integration."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from recurly_klaviyo_sandbox.klaviyo.values import BASE62

if TYPE_CHECKING:
    from collections.abc import Iterator

API = "API"  # documented: what comes with a private key belongs to this integration
RECURLY = "Recurly"  # the native integration, whose metrics bear the same names


class Metric(NamedTuple):
    """A kind of event; `created` in seconds since 1970."""

    number: int
    id: str
    name: str
    integration: str
    created: float


class Metrics:
    """All metrics of the account. Same name, other integration: another metric (documented)."""

    def __init__(self) -> None:
        self._by_number: dict[int, Metric] = {}
        self._by_name: dict[tuple[str, str], Metric] = {}

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._by_number.values())

    def number(self, number: int) -> Metric:
        """The metric that events refer to by its number."""
        return self._by_number[number]

    def get(self, identifier: str) -> Metric | None:
        """The metric with that id."""
        return next((metric for metric in self if metric.id == identifier), None)

    def named(self, name: str, integration: str = API) -> Metric | None:
        """The metric of that name and integration."""
        return self._by_name.get((name, integration))

    def ensure(self, name: str, integration: str, now: float) -> Metric:
        """The metric of that name, created by its first event (documented)."""
        metric = self.named(name, integration)
        if metric is None:
            digest = hashlib.sha256(f"{integration}\0{name}".encode()).digest()
            identifier = "".join(BASE62[byte % 62] for byte in digest[:6])  # the same in every run
            metric = Metric(len(self._by_number) + 1, identifier, name, integration, now)
            self._by_number[metric.number] = self._by_name[name, integration] = metric
        return metric
