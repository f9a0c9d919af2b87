"""A tiny Recurly for the tap's tests, lists behind real HTTP, and a way to run the tap on it."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tap_recurly.catalog import as_catalog
from tap_recurly.errors import TapRecurlyError
from tap_recurly.http.client import RecurlyClient
from tap_recurly.streams import STREAMS
from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tap_recurly.http.retry import RetryPolicy

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


@pytest.fixture
def site() -> Iterator[TinyRecurly]:
    """A running Recurly whose lists, those without parents, are all empty."""
    recurly = TinyRecurly()
    recurly.lists = {stream.path: {} for stream in STREAMS if "{" not in stream.path}

    server = TinyServer(recurly)
    recurly.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield recurly
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Run:
    """What one start of the command line left behind."""

    code: int
    messages: list[dict[str, Any]]
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """The plugin's last words."""
        return self.stderr.strip().splitlines()[-1]

    @property
    def state(self) -> dict[str, Any]:
        """The last STATE."""
        states = [message for message in self.messages if message["type"] == "STATE"]
        value: dict[str, Any] = states[-1]["value"] if states else {}
        return value

    def records(self, stream: str) -> list[dict[str, Any]]:
        """The stream's records in order."""
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]


@pytest.fixture
def sync(site: TinyRecurly) -> Callable[..., Run]:
    """Sync the site in this process: `sync(streams, state=..., **config)`.

    `metadata` is set on every stream of the catalog, the properties in `deselect` are left out.
    `select` says of every property, by its path such as `address.city`, whether it is selected.
    With `retry` the client tries again without waiting.
    """

    def run(  # noqa: PLR0913, PLR0917 (each is some test's wish)
        streams: list[str],
        state: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        deselect: Collection[tuple[str, ...]] = (),
        select: Callable[[str], bool] | None = None,
        retry: RetryPolicy | None = None,
        **config: Any,
    ) -> Run:
        settings = {"api_key": KEY, "api_url": site.url, **config}
        discovered = _discovered(config.get("undeclared_fields", "additional"))
        catalog = _with_selection(deepcopy(discovered), streams, metadata)
        for entry in catalog["streams"]:
            for item in entry["metadata"]:
                path = tuple(item["breadcrumb"][1::2])
                if path and select is not None:
                    item["metadata"]["selected"] = select(".".join(path))
                elif path in deselect:
                    item["metadata"]["selected"] = False
        made = as_catalog(catalog, "of the test", STREAMS)
        plugin = TapRecurly(config=settings, catalog=made, state=deepcopy(state))
        plugin.choose_streams()
        if retry is not None:
            plugin.site.client = RecurlyClient(plugin.site.settings, retry=retry)
        output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        code, error = 0, ""
        with redirect_stdout(output):
            try:
                plugin.sync_all()
                code = 1 if plugin.site.unread else 0
                error = "".join(map(str, plugin.site.unread.values()))
            except TapRecurlyError as fault:
                code, error = 1, str(fault)
            finally:
                plugin.site.close()
        output.seek(0)
        lines = output.read()
        return Run(code, [json.loads(line) for line in lines.splitlines()], lines, error)

    return run


@pytest.fixture
def tap(site: TinyRecurly, tmp_path: Path) -> Callable[..., Run]:
    """Run the command line on the site: `tap(*arguments, streams=..., state=..., **config)`."""

    def run(
        *arguments: str,
        streams: list[str] | None = None,
        state: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        **config: Any,
    ) -> Run:
        command = [str(Path(sys.executable).with_name("tap-recurly"))]
        settings = {"api_key": KEY, "api_url": site.url, **config}
        settings = {name: value for name, value in settings.items() if value is not None}
        if "--config" not in arguments:
            arguments = ("--config", _file(tmp_path, "config", settings), *arguments)
        if state is not None:
            arguments = (*arguments, "--state", _file(tmp_path, "state", state))
        if streams is not None:
            catalog = _catalog(command, streams)
            arguments = (*arguments, "--catalog", _file(tmp_path, "catalog", catalog))
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env=environment,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith('{"type"')]
        messages = [json.loads(line) for line in lines]
        return Run(done.returncode, messages, done.stdout, done.stderr)

    return run


def _file(folder: Path, name: str, content: dict[str, Any]) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


@cache
def _discovered(undeclared_fields: str) -> dict[str, Any]:
    """The catalog, which no other setting changes."""
    config = {"api_key": KEY, "undeclared_fields": undeclared_fields}
    catalog: dict[str, Any] = TapRecurly(config=config).catalog_dict
    return catalog


def _catalog(command: list[str], streams: list[str]) -> dict[str, Any]:
    done = subprocess.run([*command, "--discover"], capture_output=True, check=True)
    return _with_selection(json.loads(done.stdout), streams)


def _with_selection(
    catalog: dict[str, Any], streams: list[str], metadata: dict[str, Any] | None = None
) -> dict[str, Any]:
    for entry in catalog["streams"]:
        selection = {"selected": entry["tap_stream_id"] in streams, **(metadata or {})}
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"].update(selection)
    return catalog
