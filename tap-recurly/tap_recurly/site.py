"""The site that all streams of a run read: its settings and its one client."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from tap_recurly.check import refuse_other_site
from tap_recurly.config import Settings
from tap_recurly.http.client import RecurlyClient
from tap_recurly.reading.workers import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from tap_recurly.errors import TapRecurlyError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Site:
    """A Recurly site; nothing is made before it is needed, for discovery needs not even a key.

    Attributes:
        read: how many records of each stream have been read.
        unread: streams that could not be read whole, and why: the key, missing rows, odd data.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self.read: dict[str, int] = {}
        self.unread: dict[str, TapRecurlyError] = {}

    @cached_property
    def settings(self) -> Settings:
        """The checked settings."""
        return Settings.from_config(self._config)

    @cached_property
    def client(self) -> RecurlyClient:
        """The site's client, made and its site checked when the first request is due."""
        client = RecurlyClient(self.settings)
        if self.settings.subdomain:
            refuse_other_site(client, self.settings.subdomain)
        return client

    def in_order(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Apply a function that asks the site to many items at once; results come in order."""
        return in_order(function, items, connections=self.settings.concurrency)

    def close(self) -> None:
        """Ask for nothing more: threads that read ahead have nobody to read for any more."""
        if "client" in vars(self):
            self.client.close()
