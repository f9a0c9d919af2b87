"""A sandbox Klaviyo over real HTTP, and the target run against it."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import PlainTextResponse
from tests.target_klaviyo.command import Command

from recurly_klaviyo_sandbox.clock import Clock
from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount
from recurly_klaviyo_sandbox.server import LocalServer
from target_klaviyo.check import check
from target_klaviyo.config import read_settings
from target_klaviyo.target import TargetKlaviyo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


PEAK_MEMORY = Path(__file__).parent.parent / "peak_memory.py"


class Samples:
    """Messages and valid rows to vary."""

    @staticmethod
    def schema(stream: str) -> dict[str, Any]:
        """A SCHEMA message that declares nothing."""
        return {
            "type": "SCHEMA",
            "stream": stream,
            "schema": {"properties": {}},
            "key_properties": [],
        }

    @staticmethod
    def record(stream: str, row: Any) -> dict[str, Any]:
        """A RECORD message."""
        return {"type": "RECORD", "stream": stream, "record": row}

    @staticmethod
    def state(value: Any) -> dict[str, Any]:
        """A STATE message."""
        return {"type": "STATE", "value": value}

    @staticmethod
    def lines(messages: list[dict[str, Any]]) -> bytes:
        """Messages as a tap writes them."""
        return b"".join(json.dumps(message).encode() + b"\n" for message in messages)

    @staticmethod
    def event(number: int, **changes: Any) -> dict[str, Any]:
        """A valid event row of an hour ago."""
        hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
        return {
            "metric": "Successfully Paid",
            "unique_id": f"payment-{number}",
            "time": hour_ago.isoformat(timespec="seconds"),
            "profile": {"email": f"user{number % 7}@shop.io"},
            "properties": {"Recurly ID": str(number)},
            "value": 9.5,
            "value_currency": "EUR",
        } | changes

    @staticmethod
    def profile(number: int, **changes: Any) -> dict[str, Any]:
        """A valid profile row."""
        row = {"email": f"user{number}@shop.io", "properties": {"Plan": f"P{number}"}}
        return row | changes


@dataclass
class Request:
    """One request as it arrived; status 0 until it is answered."""

    method: str
    path: str
    query: bytes = b""
    body: bytes = b""
    status: int = 0


class Recorder:
    """ASGI layer that notes every request and its answer before the client can see it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._news = threading.Condition()
        self.requests: list[Request] = []
        self.keeps_bodies = True

    def wait_for(self, path: str) -> None:
        """Wait until a request to the path has arrived."""
        with self._news:
            came = self._news.wait_for(
                lambda: any(path in request.path for request in self.requests), timeout=30
            )
        assert came, f"no request to {path} in time"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        request = Request(scope["method"], scope["path"], scope["query_string"])
        with self._news:
            self.requests.append(request)
            self._news.notify_all()

        async def noting_receive() -> Message:
            message = await receive()
            if self.keeps_bodies:
                request.body += message.get("body", b"")
            return message

        await self._app(scope, noting_receive, _NotingSend(send, request).send)


class _NotingSend:
    """Notes the status; fault injection reaches through `send.__self__` to the connection."""

    def __init__(self, send: Any, request: Request) -> None:
        self._send = send
        self._request = request

    @property
    def transport(self) -> Any:
        return self._send.__self__.transport

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._request.status = message["status"]
        await self._send(message)


@dataclass
class Run:
    """What one run of the target left behind."""

    states: list[Any]
    read_rejects: Callable[[], list[dict[str, Any]]]

    @cached_property
    def rejects(self) -> list[dict[str, Any]]:
        """The rejects file's RECORD messages."""
        return self.read_rejects()

    @property
    def reasons(self) -> list[str]:
        """Why records were rejected, in order."""
        return [message["reason"] for message in self.rejects]


class PassingTime:
    """Seconds that pass by being waited for."""

    def __init__(self) -> None:
        self._now = 0.0

    def clock(self) -> float:
        """The present."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass, at once."""
        self._now += seconds


@dataclass
class Site:
    """A sandbox account, its address, and a folder for what the target writes."""

    account: KlaviyoAccount
    url: str
    folder: Path
    capture: Callable[[], str]
    sample: Samples
    recorder: Recorder

    @property
    def config(self) -> dict[str, Any]:
        """Settings that reach this account."""
        return {
            "api_key": self.account.api_key,
            "api_url": self.url,
            "rejects_path": str(self.rejects_path),
        }

    @property
    def rejects_path(self) -> Path:
        """Where rejects go."""
        return self.folder / "rejected.singer"

    def rejects(self) -> list[dict[str, Any]]:
        """The RECORD messages of the rejects file."""
        if not self.rejects_path.exists():
            return []
        messages = map(json.loads, self.rejects_path.read_bytes().splitlines())
        return [message for message in messages if message["type"] == "RECORD"]

    def sync(self, source: bytes | list[dict[str, Any]], **config: Any) -> Run:
        """Run the target in this process over messages or raw input."""
        content = source if isinstance(source, bytes) else self.sample.lines(source)
        self.capture()
        handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        target = TargetKlaviyo(config={**self.config, **config})
        for number, handler in handlers.items():
            signal.signal(number, handler)  # the test run's own, which the SDK has replaced
        try:
            target.listen(io.BytesIO(content))  # type: ignore[arg-type]  # bytes are read as they are
        except Exception as reason:
            target.stop(reason)
            raise
        return Run([json.loads(line) for line in self.capture().splitlines()], self.rejects)

    def check(self, **config: Any) -> str:
        """What a check says, its pauses being over at once."""
        given = read_settings({**self.config, **config})
        today, time = datetime.now(timezone.utc).date(), PassingTime()
        return check(given, today=today, wait=time.wait, clock=time.clock)

    def events(self, *rows: dict[str, Any], **config: Any) -> Run:
        """Sync event rows, with a STATE after them."""
        return self.sync(self.messages("events", rows), **config)

    def profiles(self, *rows: dict[str, Any], **config: Any) -> Run:
        """Sync profile rows, with a STATE after them."""
        return self.sync(self.messages("profiles", rows), **config)

    def messages(self, stream: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows of a stream between SCHEMA and STATE."""
        records = [self.sample.record(stream, row) for row in rows]
        return [self.sample.schema(stream), *records, self.sample.state({"done": len(rows)})]

    command = Path(sys.executable).parent / "target-klaviyo"

    def start(
        self,
        *options: str,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        **settings: Any,
    ) -> subprocess.Popen[bytes]:
        """Start the real command, with a pipe at each end that is not given."""
        return subprocess.Popen(
            [self.command, "--config", "ENV", *options],
            env=self._environment(settings),
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=self.folder,
        )

    def measure(self, feed: Path, **settings: Any) -> tuple[int, int]:
        """(exit code, peak memory in MB) of the real command over a file."""
        with feed.open("rb") as source:
            done = subprocess.run(
                [sys.executable, PEAK_MEMORY, "megabytes", self.command, "--config", "ENV"],
                env=self._environment(settings),
                stdin=source,
                capture_output=True,
                cwd=self.folder,
                check=False,
            )
        return done.returncode, int((self.folder / "megabytes").read_text())

    def _environment(self, settings: dict[str, Any]) -> dict[str, str]:
        given = {**self.config, **settings}
        return os.environ | {
            f"TARGET_KLAVIYO_{name.upper()}": str(value) for name, value in given.items()
        }

    def requests(self, path: str = "", status: int | None = None) -> int:
        """How many requests arrived, or were answered with `status`."""
        return sum(
            path in request.path and status in {None, request.status}
            for request in self.recorder.requests
        )


@pytest.fixture(scope="session")
def closed_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def documented_maps() -> dict[str, Any]:
    """The settings that the README gives for a tap which knows nothing of Klaviyo."""
    readme = Path(__file__).parents[2] / "target-klaviyo" / "README.md"
    blocks = re.findall(r"```json\n(.*?)```", readme.read_text(), re.DOTALL)
    (settings,) = (json.loads(block) for block in blocks if "stream_maps" in block)
    return dict(settings)


@pytest.fixture
def sample() -> Samples:
    """Messages and valid rows to vary."""
    return Samples()


class Addresses:
    """ASGI application that serves every account under a path of its own.

    Starting and stopping a server for each test would take longer than most tests do. A request
    that comes when its account has moved out gets nothing but a 404.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, ASGIApp] = {}
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def serve(self, account: ASGIApp) -> Iterator[str]:
        """The path under which the account is served meanwhile."""
        name = f"account-{next(self._numbers)}"
        self._accounts[name] = account
        try:
            yield f"/{name}"
        finally:
            del self._accounts[name]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to its account, which never sees the path before its own."""
        _, name, rest = scope["path"].split("/", 2)
        account = self._accounts.get(name, PlainTextResponse("Moved out.", 404))
        below = scope["raw_path"].removeprefix(f"/{name}".encode())
        await account({**scope, "path": f"/{rest}", "raw_path": below}, receive, send)


@pytest.fixture(scope="session")
def addresses() -> Addresses:
    """Accounts by the paths under which `server` serves them."""
    return Addresses()


@pytest.fixture(scope="session")
def server(addresses: Addresses) -> Iterator[LocalServer]:
    """One server for all tests."""
    with LocalServer(addresses) as running:
        yield running


@pytest.fixture
def site(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sample: Samples,
    addresses: Addresses,
    server: LocalServer,
) -> Iterator[Site]:
    """An account without rate limits, whose import jobs end at the first look."""
    account = KlaviyoAccount(
        clock=Clock(), limits=False, job_polls=0, job_duration=timedelta(seconds=0)
    )
    recorder = Recorder(account.app)
    with addresses.serve(recorder) as path:
        url = server.url + path
        yield Site(account, url, tmp_path, lambda: capsys.readouterr().out, sample, recorder)


@pytest.fixture(scope="module")
def forker() -> Iterator[subprocess.Popen[str]]:
    """A process that has loaded the command and forks as often as it is to be run."""
    script = Path(__file__).with_name("fork_commands.py")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


@pytest.fixture
def command(tmp_path: Path, forker: subprocess.Popen[str]) -> Command:
    """The command."""
    return Command(tmp_path, forker)
