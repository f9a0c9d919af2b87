"""A tiny Recurly for the tap's tests: lists behind real HTTP."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "a-private-key"
NOW = datetime(2024, 6, 1, 12, 0, 0, tzinfo=timezone.utc)


def moment_text(moment: datetime) -> str:
    """A moment as Recurly shows it: whole seconds, UTC."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Row:
    """A stored row; its time is finer than the second that Recurly shows."""

    record: dict[str, Any]
    updated_at: datetime
    visible: bool = True

    @property
    def shown(self) -> dict[str, Any]:
        """The row as a list gives it."""
        return {**self.record, "updated_at": moment_text(self.updated_at)}


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class TinyRecurly:
    """Lists by path, the requests they got, and hooks to disturb both.

    `before` sees every request first and may answer in its place; `now` is the site's clock,
    `headers` go with every answer. With `minds_case` an address is found only as it is written.
    """

    lists: dict[str, dict[str, Row]] = field(default_factory=dict)
    now: datetime = NOW
    before: Callable[[str, str, dict[str, str]], Answer | None] = lambda *_: None
    headers: dict[str, str] = field(default_factory=dict)
    minds_case: bool = False
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def put(
        self, path: str, row_id: str, updated_at: datetime | None = None, **attributes: Any
    ) -> Row:
        """Add a row or replace it."""
        moment = updated_at or self.now
        created = moment_text(moment)
        row = Row({"id": row_id, "created_at": created, **attributes}, moment)
        self.lists.setdefault(path, {})[row_id] = row
        return row

    def fill(self, path: str, number: int, *, apart: timedelta = timedelta(minutes=1)) -> None:
        """Add rows, the last one a day before the present."""
        for index in range(number):
            moment = self.now - timedelta(days=1) - apart * (number - 1 - index)
            self.put(path, f"{path.strip('/')}-{index}", moment)

    def asked(self, method: str = "", path: str = "") -> list[tuple[str, str, dict[str, str]]]:
        """The requests so far, of one method and path when given."""
        with self.lock:
            return [
                request
                for request in self.requests
                if method in ("", request[0]) and path in ("", request[1])
            ]

    def answer(self, method: str, path: str, params: dict[str, str]) -> Answer:
        """Answer as Recurly would."""
        with self.lock:
            self.requests.append((method, path, params))
            disturbance = self.before(method, path, params)
            if disturbance is not None:
                return disturbance
            if path not in self.lists:
                return refusal(404, "not_found", "Couldn't find it")
            rows = [
                row
                for row in self.lists[path].values()
                if row.visible
                and params.get("state") in (None, row.record.get("state"))
                and self._has_address(row.record, params.get("email"))
            ]
            if "ids" in params:
                wanted = params["ids"].split(",")
                found = [row.shown for row in rows if row.record["id"] in wanted]
                return page(found, None)
            return self._list(path, params, rows)

    def _has_address(self, record: dict[str, Any], address: str | None) -> bool:
        own = record.get("email") or ""
        return address is None or (
            own == address if self.minds_case else own.strip().lower() == address.lower()
        )

    def _list(self, path: str, params: dict[str, str], rows: list[Row]) -> Answer:
        begin, end = (
            datetime.fromisoformat(params[name].replace("Z", "+00:00")) if name in params else None
            for name in ("begin_time", "end_time")
        )
        rows = sorted(
            (
                row
                for row in rows
                if (begin is None or row.updated_at >= begin)
                and (end is None or row.updated_at <= end)
            ),
            key=lambda row: (row.updated_at, row.record["id"]),
        )
        total = len(rows)
        if "cursor" in params:
            row_id, _, second = params["cursor"].rpartition(":")
            rows = [
                row
                for row in rows
                if (row.updated_at.timestamp(), row.record["id"]) > (float(second), row_id)
            ]
        limit = int(params.get("limit", "20"))
        shown = rows[:limit]
        following = None
        if len(rows) > limit:
            last = shown[-1]
            cursor = f"{last.record['id']}:{last.updated_at.timestamp()!r}"
            following = f"{path}?{urlencode({**params, 'cursor': cursor})}"
        status, headers, body = page([row.shown for row in shown], following)
        return status, {**headers, "Recurly-Total-Records": str(total)}, body


def page(rows: list[dict[str, Any]], following: str | None) -> Answer:
    """A list body."""
    body = {"object": "list", "has_more": following is not None, "next": following, "data": rows}
    return 200, {}, json.dumps(body).encode()


def refusal(status: int, kind: str, message: str, **headers: str) -> Answer:
    """An error body."""
    body = {"error": {"type": kind, "message": message}}
    return status, dict(headers), json.dumps(body).encode()


class TinyServer(ThreadingHTTPServer):
    """Serves one tiny Recurly; says nothing when a client goes away."""

    daemon_threads = True

    def __init__(self, recurly: TinyRecurly) -> None:
        super().__init__(("127.0.0.1", 0), TinyHandler)
        self.recurly = recurly

    def handle_error(self, *_: Any) -> None:
        """Say nothing."""


class TinyHandler(BaseHTTPRequestHandler):
    """Turns HTTP into questions to the tiny Recurly; status 0 is a closed connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together
    server: TinyServer

    def do_GET(self) -> None:
        """Answer with a body."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with headers only."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        recurly = self.server.recurly
        parts = urlsplit(self.path)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        expected = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
        if self.headers["Authorization"] == expected:
            status, headers, body = recurly.answer(self.command, parts.path, params)
        else:
            status, headers, body = refusal(401, "unauthorized", "Invalid API key")
        if status == 0:
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in {
            "Date": format_datetime(recurly.now, usegmt=True),
            "Content-Length": str(len(body)),
            "X-Request-Id": "req-1",
            **recurly.headers,
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
