"""Metrics: one per name and integration."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

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
        self._by_id: dict[str, Metric] = {}

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._by_number.values())

    def number(self, number: int) -> Metric:
        """The metric that events refer to by its number."""
        return self._by_number[number]

    def get(self, identifier: str) -> Metric | None:
        """The metric with that id."""
        return self._by_id.get(identifier)

    def named(self, name: str, integration: str = API) -> Metric | None:
        """The metric of that name and integration."""
        return self._by_name.get((name, integration))

    def ensure(self, name: str, integration: str, now: float) -> Metric:
        """The metric of that name, created by its first event (documented)."""
        metric = self._by_name.get((name, integration))
        if metric is None:
            metric = Metric(
                len(self._by_number) + 1, self._new_id(name, integration), name, integration, now
            )
            self._by_number[metric.number] = self._by_id[metric.id] = metric
            self._by_name[name, integration] = metric
        return metric

    def _new_id(self, name: str, integration: str) -> str:
        """Six letters and digits, the same in every run."""
        salt = 0
        while True:
            digest = hashlib.sha256(f"{integration}\0{name}\0{salt}".encode()).digest()
            identifier = "".join(_BASE62[byte % 62] for byte in digest[:6])
            if identifier not in self._by_id:
                return identifier
            salt += 1
