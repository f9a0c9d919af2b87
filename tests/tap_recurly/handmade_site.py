"""The sandbox's Recurly in the tests' hands: its rows, its clock, and whatever disturbs it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recurly_klaviyo_sandbox.clock import StoppedClock
from recurly_klaviyo_sandbox.faults import reset_connection
from recurly_klaviyo_sandbox.recurly import RecurlySite
from recurly_klaviyo_sandbox.recurly.endpoints import LISTINGS, endpoint_at
from recurly_klaviyo_sandbox.recurly.tables import TABLES
from recurly_klaviyo_sandbox.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

KEY = "a-private-key"
NOW = datetime(2024, 6, 1, 12, 0, 0, tzinfo=timezone.utc)

Answer = tuple[int, dict[str, str], bytes]


class HandmadeSite(LocalServer):
    """A site with nothing on it but what is put there, and the requests it got.

    `before` sees the requests first, one at a time, and may answer in the site's place: with
    status 0 by closing the connection, with a body shorter than its Content-Length by silence
    after it. `now` is the site's clock, `headers` go with every answer.
    """

    def __init__(self) -> None:
        super().__init__(self._serve)
        self.start_over()

    def start_over(self) -> None:
        """Be a new site."""
        self.recurly = RecurlySite(
            StoppedClock(NOW), api_key=KEY, per_minute=1_000_000, email_any_case=True
        )
        self.delete("/sites", "sandboxsite1")
        self.before: Callable[[str, str, dict[str, str]], Answer | None] = lambda *_: None
        self.headers = {"X-Request-Id": "req-1"}
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def now(self) -> datetime:
        """The site's present."""
        return self.recurly.clock.now()

    @now.setter
    def now(self, moment: datetime) -> None:
        self.recurly.clock.advance(moment - self.now)

    def put(
        self, path: str, row_id: str, updated_at: datetime | None = None, **attributes: Any
    ) -> None:
        """Add a row to the list at a path, or replace it."""
        listing, parents = endpoint_at(path, LISTINGS)
        moment = updated_at or self.now
        columns = TABLES[listing.resource].columns
        scope = {columns[name]: parent for name, parent in parents.items()}
        row = {"id": row_id, "created_at": moment, **scope, **attributes, "updated_at": moment}
        self.recurly.store.put_as_is(listing.resource, row)

    def fill(self, path: str, number: int, **attributes: Any) -> None:
        """Add rows, one a minute, the last one a day before the present."""
        for index in range(number):
            moment = self.now - timedelta(days=1, minutes=number - 1 - index)
            self.put(path, f"{path.strip('/')}-{index}", moment, **attributes)

    def change(self, path: str, row_id: str, **attributes: Any) -> None:
        """Change a row; its `updated_at` stays unless it is given."""
        listing, _ = endpoint_at(path, LISTINGS)
        self.recurly.store.put_as_is(listing.resource, self.rows(path)[row_id] | attributes)

    def delete(self, path: str, row_id: str) -> None:
        """Take a row away."""
        listing, _ = endpoint_at(path, LISTINGS)
        self.recurly.store.delete(listing.resource, row_id)

    def rows(self, path: str) -> dict[str, dict[str, Any]]:
        """All rows of a list by id, those of its other parents included."""
        store, resource = self.recurly.store, endpoint_at(path, LISTINGS)[0].resource
        ids = store.ids(resource)
        return {row_id: orjson.loads(store.get(resource, "id", row_id) or b"") for row_id in ids}

    def asked(self, method: str = "", path: str = "") -> list[tuple[str, str, dict[str, str]]]:
        """The requests so far, of one method and path when given."""
        return [each for each in self.requests if method in ("", each[0]) and path in ("", each[1])]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, headers, body = await run_in_threadpool(self._answer, Request(scope))
        if status == 0:
            reset_connection(send)
            return
        response = Response(body, status, headers)
        is_cut_off = len(body) < int(response.headers.get("content-length", 0))
        start = {"status": status, "headers": response.raw_headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": body, "more_body": is_cut_off})
        while is_cut_off and "Connection" not in headers:
            is_cut_off = (await receive())["type"] != "http.disconnect"

    def _answer(self, request: Request) -> Answer:
        """Answer in a thread: while a hook takes its time, what was answered goes out."""
        path, _, _ = request.scope["raw_path"].decode().partition("?")
        query = request.scope["query_string"].decode()
        asked = (request.method, path, dict(request.query_params))
        with self.recurly.store.lock:
            self.requests.append(asked)
            disturbance = self.before(*asked)
            if disturbance is None:
                answer = self.recurly.answer(request.method, path, query, request.headers)
                return answer.status, {**answer.headers, **self.headers}, answer.body
            status, headers, body = disturbance
            date = {"Date": format_datetime(self.now, usegmt=True)}
            return status, {**date, **self.headers, **headers}, body
