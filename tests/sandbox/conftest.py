"""Recurly sites on localhost, and a plain way to ask them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import requests

from recurly_klaviyo_sandbox.business import Business, Parameters
from recurly_klaviyo_sandbox.clock import StoppedClock
from recurly_klaviyo_sandbox.recurly import RecurlySite
from recurly_klaviyo_sandbox.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

NOW = datetime(2026, 3, 15, 12, 0, 0, tzinfo=timezone.utc)
ACCEPT = "application/vnd.recurly.v2021-02-25"


class Reader:
    """Asks one site over real HTTP, with everything right unless told otherwise."""

    def __init__(self, site: RecurlySite, url: str) -> None:
        self.site = site
        self.url = url
        self._session = requests.Session()

    def ask(self, path: str, *, method: str = "GET", **options: Any) -> requests.Response:
        """One request; `options` as requests takes them."""
        options.setdefault("auth", (self.site.api_key, ""))
        headers = {"Accept": ACCEPT, **options.pop("headers", {})}
        return self._session.request(
            method, self.url + path, headers=headers, timeout=30, **options
        )

    def page(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The body of one page, which must be answered with 200."""
        response = self.ask(path, params=parameters)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def rows(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """All rows of a list, page by page (at most 2,000 pages)."""
        page = self.page(path, **parameters)
        rows = list(page["data"])
        for _ in range(2000):
            if not page["has_more"]:
                return rows
            page = self.page(page["next"])
            rows += page["data"]
        raise AssertionError(f"{path} has no end")

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()


class Stage:
    """A port on which one site after the other is served: starting a server takes its time."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self.server = LocalServer(self)
        self.server.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to whatever is on."""
        assert self._app is not None
        await self._app(scope, receive, send)

    def show(self, site: RecurlySite) -> Reader:
        """Serve this site from now on."""
        self._app = site.app
        return Reader(site, self.server.url)


@pytest.fixture(scope="session")
def stages() -> Iterator[list[Stage]]:
    """The ports in use; more are opened as a test needs more sites at once."""
    opened: list[Stage] = []
    yield opened
    for stage in opened:
        stage.server.stop()


@pytest.fixture
def open_site(stages: list[Stage]) -> Iterator[Callable[..., Reader]]:
    """Opens an empty site, whose clock stands still, with the given options."""
    readers: list[Reader] = []

    def open_one(business: Business | None = None, **options: Any) -> Reader:
        if len(readers) == len(stages):
            stages.append(Stage())
        site = RecurlySite(StoppedClock(NOW), business, **options)
        readers.append(stages[len(readers)].show(site))
        return readers[-1]

    yield open_one
    for reader in readers:
        reader.close()


@pytest.fixture(scope="session")
def merchant() -> Business:
    """A merchant with 150 customers and a year of history, at a moment that stands still."""
    business = Business(
        start=NOW - timedelta(days=365),
        accounts=150,
        days=365,
        seed=16,
        parameters=Parameters(largest_purchase=12),
    )
    business.run_until(NOW)
    return business


@pytest.fixture(scope="session")
def merchant_site(merchant: Business) -> Iterator[Reader]:
    """That merchant's site, to be read only; invoices embed at most three line items."""
    site = RecurlySite(StoppedClock(NOW), merchant, embedded_line_items=3, per_minute=100_000)
    with LocalServer(site.app) as server:
        reader = Reader(site, server.url)
        yield reader
        reader.close()
