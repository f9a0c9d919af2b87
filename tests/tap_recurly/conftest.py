"""A handmade site that runs, and ways to run the tap on it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.tap_recurly.handmade_site import KEY, HandmadeSite
from tests.tap_recurly.small_merchant import SmallMerchant

from tap_recurly.catalog import as_catalog
from tap_recurly.config import Settings
from tap_recurly.errors import TapRecurlyError
from tap_recurly.http.client import RecurlyClient
from tap_recurly.http.retry import RetryPolicy
from tap_recurly.streams import STREAMS
from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator


@pytest.fixture(scope="session")
def stopping() -> Iterator[ThreadPoolExecutor]:
    """Threads that stop servers, which takes longer than most tests."""
    with ThreadPoolExecutor() as threads:
        yield threads


@pytest.fixture
def site(stopping: ThreadPoolExecutor) -> Iterator[HandmadeSite]:
    """A running Recurly whose lists are all empty."""
    running = HandmadeSite()
    running.start()
    yield running
    stopping.submit(running.stop)


@pytest.fixture
def merchant(site: HandmadeSite) -> SmallMerchant:
    """A merchant on the site with nobody yet."""
    return SmallMerchant(site)


@pytest.fixture
def new_client(site: HandmadeSite) -> Iterator[Callable[..., RecurlyClient]]:
    """Builds clients of the site that do not really wait between tries: `new_client(**config)`."""
    made: list[RecurlyClient] = []

    def build(**config: Any) -> RecurlyClient:
        settings = Settings.from_config({"api_key": KEY, "api_url": site.url, **config})
        retry = RetryPolicy(max_tries=4, min_backoff_seconds=0, min_interval_seconds=0)
        made.append(RecurlyClient(settings, retry=retry))
        return made[-1]

    yield build
    for client in made:
        client.close()


@pytest.fixture
def client(new_client: Callable[..., RecurlyClient]) -> RecurlyClient:
    """A client of the site that does not really wait between its tries."""
    return new_client()


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
def sync(site: HandmadeSite) -> Callable[..., Run]:
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
def tap(site: HandmadeSite, tmp_path: Path) -> Callable[..., Run]:
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
