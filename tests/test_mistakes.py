"""A user's mistake ends with one sentence to act on, as the plugin's last line, exit code 1."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
SECRET = "a-key-that-must-never-be-shown"  # noqa: S105  (made up)
ROW = {
    "metric": "Signed Up",
    "unique_id": "1",
    "time": "2026-01-01T00:00:00Z",
    "profile": {"email": "anna@mail.dev"},
    "properties": {},
}
MESSAGES = (
    json.dumps({"type": "SCHEMA", "stream": "events", "schema": {"properties": {}}}),
    json.dumps({"type": "RECORD", "stream": "events", "record": ROW}),
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Both services with hardly any history."""
    with Sandbox(accounts=2, days=10) as running:
        yield running


@pytest.fixture(scope="module")
def closed_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _run(
    command: str, config: dict[str, Any], folder: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(given))
    return subprocess.run(
        [BIN / command, "--config", "config.json", *options],
        cwd=folder,
        input="\n".join(MESSAGES) + "\n" if command == "target-klaviyo" else "",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stderr
    last = done.stderr.rstrip().splitlines()[-1]
    for word in words:
        assert word in last, last
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr + done.stdout


Mistakes = dict[str, tuple[dict[str, Any], tuple[str, ...]]]

TAP_MISTAKES: Mistakes = {
    "no key": ({"api_key": None}, ("api_key", "API Credentials")),
    "wrong key": ({"api_key": SECRET}, ("key",)),
    "key of another site": ({"subdomain": "another-shop"}, ("another-shop", "subdomain")),
    "typo in a setting": ({"quota_percnt": 50}, ("quota_percnt", "quota_percent")),
    "unknown region": ({"region": "moon"}, ("region", "moon", "us", "eu")),
    "no URL": ({"api_url": "recurly"}, ("api_url",)),
    "no host": ({"api_url": "http://a..b"}, ("api_url", "a..b")),
    "no date": ({"start_date": "last year"}, ("start_date",)),
}


@pytest.mark.parametrize("mistake", TAP_MISTAKES)
def test_a_mistake_with_the_tap_is_one_sentence(
    mistake: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """What is wrong with key, site or settings is said in the tap's last line."""
    changes, words = TAP_MISTAKES[mistake]
    config = {"api_key": sandbox.recurly.api_key, "api_url": sandbox.recurly_url, **changes}
    _assert_one_sentence(_run("tap-recurly", config, tmp_path), *words)


@pytest.mark.slow
def test_an_unreachable_recurly_is_one_sentence(tmp_path: Path, closed_port: int) -> None:
    """The sentence names the address that does not answer."""
    url = f"http://127.0.0.1:{closed_port}"
    done = _run("tap-recurly", {"api_key": SECRET, "api_url": url}, tmp_path)
    _assert_one_sentence(done, url)


TARGET_MISTAKES: Mistakes = {
    "no key": ({"api_key": None}, ("api_key", "API keys")),
    "wrong key": ({"api_key": SECRET}, ("key",)),
    "typo in a setting": ({"live_windw_days": 3}, ("live_windw_days", "live_window_days")),
    "no URL": ({"api_url": "klaviyo"}, ("api_url",)),
    "no revision": ({"revision": "newest"}, ("revision",)),
    "unknown transform": ({"transform": "recurli"}, ("recurli", "recurly")),
    "wrong transform setting": (
        {"transform": "recurly", "transform_config": {"identfy_by": "email"}},
        ("identfy_by", "identify_by"),
    ),
    "unknown mode": ({"mode": "wriet"}, ("mode", "write")),
}


@pytest.mark.parametrize("mistake", TARGET_MISTAKES)
def test_a_mistake_with_the_target_is_one_sentence(
    mistake: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """What is wrong with key or settings is said in the target's last line."""
    changes, words = TARGET_MISTAKES[mistake]
    config = {"api_key": sandbox.klaviyo.api_key, "api_url": sandbox.klaviyo_url, **changes}
    _assert_one_sentence(_run("target-klaviyo", config, tmp_path), *words)


def test_a_key_without_scopes_is_one_sentence(sandbox: Sandbox, tmp_path: Path) -> None:
    """The sentence names the scope that is missing."""
    sandbox.klaviyo.add_key("reads-only", ["profiles:read"])
    config = {"api_key": "reads-only", "api_url": sandbox.klaviyo_url}
    _assert_one_sentence(_run("target-klaviyo", config, tmp_path), "events:write")


@pytest.mark.slow
def test_an_unreachable_klaviyo_is_one_sentence(tmp_path: Path, closed_port: int) -> None:
    """The sentence names the address that does not answer."""
    url = f"http://127.0.0.1:{closed_port}"
    done = _run("target-klaviyo", {"api_key": SECRET, "api_url": url}, tmp_path)
    _assert_one_sentence(done, url)
