"""A Klaviyo account with a stopped clock behind real HTTP, and a client that spells bodies out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
import requests

from recurly_klaviyo_sandbox.clock import StoppedClock
from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount
from recurly_klaviyo_sandbox.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)
JSON_API = "application/vnd.api+json"


@dataclass
class Client:
    """Speaks to the sandbox as any program would; every call returns the raw response."""

    url: str
    key: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, **how: Any) -> requests.Response:
        """One request; keyword arguments are those of `requests.request`."""
        headers = {
            "Authorization": f"Klaviyo-API-Key {self.key}",
            "revision": "2026-07-15",
            "Accept": JSON_API,
            "Content-Type": JSON_API,
            **self.headers,
            **how.pop("headers", {}),
        }
        sent = {name: value for name, value in headers.items() if value is not None}
        target = path if path.startswith("http") else f"{self.url}{path}"
        return requests.request(method, target, headers=sent, timeout=20, **how)

    def get(self, path: str, **parameters: Any) -> requests.Response:
        """GET with parameters; `page_size` and `page_cursor` become page[size], page[cursor]."""
        names = {"page_size": "page[size]", "page_cursor": "page[cursor]"}
        renamed = {names.get(name, name): value for name, value in parameters.items()}
        return self.call("GET", path, params=renamed)

    def post(self, path: str, body: Any, **how: Any) -> requests.Response:
        """POST of a JSON body."""
        return self.call("POST", path, json=body, **how)

    def send(self, *entries: dict[str, Any]) -> requests.Response:
        """POST bulk entries."""
        attributes = {"events-bulk-create": {"data": list(entries)}}
        body = {"data": {"type": "event-bulk-create-job", "attributes": attributes}}
        return self.post("/api/event-bulk-create-jobs", body)

    def bulk_import(
        self, *profiles: dict[str, Any], lists: tuple[str, ...] = ()
    ) -> requests.Response:
        """POST profiles as an import job."""
        job: dict[str, Any] = {
            "type": "profile-bulk-import-job",
            "attributes": {"profiles": {"data": list(profiles)}},
        }
        if lists:
            references = [{"type": "list", "id": name} for name in lists]
            job["relationships"] = {"lists": {"data": references}}
        return self.post("/api/profile-bulk-import-jobs", {"data": job})

    def upsert(self, profile: dict[str, Any]) -> requests.Response:
        """POST one profile to profile-import."""
        return self.post("/api/profile-import", {"data": profile})

    def job(self, identifier: str) -> dict[str, Any]:
        """The attributes of an import job, whose status this read moves on."""
        answer = self.get(f"/api/profile-bulk-import-jobs/{identifier}").json()
        attributes: dict[str, Any] = answer["data"]["attributes"]
        return attributes

    @staticmethod
    def pointers(response: requests.Response) -> list[str]:
        """Where a body was refused, which it must have been."""
        assert response.status_code == 400, response.text
        return [error["source"]["pointer"] for error in response.json()["errors"]]

    def pages(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """Everything a list endpoint has, by following `links.next` (at most 200 pages)."""
        answer = self.get(path, **parameters).json()
        found = list(answer["data"])
        for _ in range(200):
            following = answer["links"].get("next")
            if not following:
                return found
            answer = self.get(following).json()
            found += answer["data"]
        raise AssertionError("the pages do not end")


class Bodies:
    """Spells out the parts of request bodies."""

    @staticmethod
    def profile(email: str | None = "ann@shop.se", **attributes: Any) -> dict[str, Any]:
        """A profile resource; `id` and `meta` stand beside its attributes."""
        beside: dict[str, Any] = {
            name: attributes.pop(name) for name in ("id", "meta") if name in attributes
        }
        if email is not None:
            attributes["email"] = email
        return {"type": "profile", **beside, "attributes": attributes}

    @staticmethod
    def event(unique_id: str | None = "one", **attributes: Any) -> dict[str, Any]:
        """An event resource of metric `Successfully Paid`, or of the one given."""
        name = attributes.pop("metric", "Successfully Paid")
        metric = {"data": {"type": "metric", "attributes": {"name": name}}}
        if unique_id is not None:
            attributes["unique_id"] = unique_id
        attributes.setdefault("time", "2026-11-01T10:00:00+00:00")
        attributes.setdefault("properties", {"Recurly ID": "abc"})
        return {"type": "event", "attributes": {"metric": metric, **attributes}}

    @staticmethod
    def entry(profile: dict[str, Any], *events: dict[str, Any], **beside: Any) -> dict[str, Any]:
        """A bulk entry: one profile and its events."""
        attributes = {"profile": {"data": profile}, "events": {"data": list(events)}, **beside}
        return {"type": "event-bulk-create", "attributes": attributes}

    @staticmethod
    def single(profile: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        """The body of a single event."""
        attributes = {**event["attributes"], "profile": {"data": profile}}
        return {"data": {"type": "event", "attributes": attributes}}


class _Stage:
    """Serves whichever application is on; a server start per test would cost too much."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def _stage() -> Iterator[tuple[_Stage, str]]:
    stage = _Stage()
    with LocalServer(stage) as server:
        yield stage, server.url


@pytest.fixture
def open_account(_stage: tuple[_Stage, str]) -> Callable[..., tuple[KlaviyoAccount, Client]]:
    """Opens an account with given options and puts it on the server."""
    stage, url = _stage

    def build(**options: Any) -> tuple[KlaviyoAccount, Client]:
        chosen = {"clock": StoppedClock(NOW), "limits": False, **options}
        account = KlaviyoAccount(**chosen)
        stage.app = account.app
        return account, Client(url, account.api_key)

    return build


@pytest.fixture
def opened(
    open_account: Callable[..., tuple[KlaviyoAccount, Client]],
) -> tuple[KlaviyoAccount, Client]:
    """An account as it is by default, without rate limits, and its client."""
    return open_account()


@pytest.fixture
def account(opened: tuple[KlaviyoAccount, Client]) -> KlaviyoAccount:
    """The account of the test."""
    return opened[0]


@pytest.fixture
def client(opened: tuple[KlaviyoAccount, Client]) -> Client:
    """A client of the test's account."""
    return opened[1]


@pytest.fixture
def bodies() -> type[Bodies]:
    """Parts of request bodies."""
    return Bodies
