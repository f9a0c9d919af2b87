"""Proxies and certificates that the environment names: used, or one sentence on what is wrong."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite

NOWHERE = "https://recurly.example"


@pytest.fixture
def check(tap: Callable[..., Run]) -> Callable[..., Run]:
    """Run `--check` with nothing but these variables, as a proxy's user would."""

    def run(api_url: str = NOWHERE, **variables: str) -> Run:
        kept = {
            name: value
            for name, value in os.environ.items()
            if "PROXY" not in name.upper() and not name.endswith("CA_BUNDLE")
        }
        return tap("--check", api_url=api_url, environment={**kept, **variables})

    return run


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> Iterator[str]:
    """A proxy that gives everybody the same answer."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 16)
                connection.sendall(request.param)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://jo:geheim@127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.mark.parametrize(
    ("misspelt_name", "name"),
    [("CONCURENCY", "CONCURRENCY"), ("FLATTENING_MAXDEPTH", "FLATTENING_MAX_DEPTH")],
)
def test_a_misspelt_variable_is_told_where_meltano_reads_them(
    site: HandmadeSite, tap: Callable[..., Run], misspelt_name: str, name: str
) -> None:
    """Meltano passes settings in a file, and would leave a misspelt variable unread."""
    site.fill("/plans", 1)
    misspelt = {**os.environ, f"TAP_RECURLY_{misspelt_name}": "3"}
    assert tap(streams=["plans"], environment=misspelt).code == 0
    run = tap(streams=["plans"], environment={**misspelt, "MELTANO_PROJECT_ROOT": "/a/project"})
    assert run.code == 1
    assert f"did you mean TAP_RECURLY_{name}?" in run.last_line


def _is_told_at_once(run: Run, *words: str) -> None:
    assert run.code == 1
    assert "Traceback" not in run.stderr
    assert "trying again" not in run.stderr
    assert "geheim" not in run.stderr
    for word in words:
        assert word in run.last_line


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("socks5://127.0.0.1:9", "SOCKS takes the package PySocks"),
        ("http://", "no URL"),
        ("http://jo:geheim@[::1", "no URL"),
        ("ftp://127.0.0.1:9", "no URL"),
        ("http://host:port", "no URL"),
        ("http://proxy..example:3128", "no URL"),
    ],
)
def test_a_proxy_that_cannot_be_one_is_named(
    check: Callable[..., Run], url: str, words: str
) -> None:
    """A malformed proxy is said to be one at once; Recurly is not blamed."""
    _is_told_at_once(check(HTTPS_PROXY=url), words, "HTTPS_PROXY", "NO_PROXY")


@pytest.mark.parametrize(
    "proxy",
    [b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
    indirect=True,
)
@pytest.mark.parametrize("api_url", [NOWHERE, "http://recurly.example"])
def test_a_proxy_that_wants_a_password(check: Callable[..., Run], proxy: str, api_url: str) -> None:
    """A 407 is told at once, whether the proxy tunnels or not, and no password is shown."""
    run = check(api_url, HTTPS_PROXY=proxy, HTTP_PROXY=proxy)
    _is_told_at_once(run, "407", "user and a password", "HTTPS_PROXY")


@pytest.mark.parametrize("proxy", [b"HTTP/1.1 403 Forbidden\r\n\r\n"], indirect=True)
def test_a_proxy_that_lets_nobody_through(check: Callable[..., Run], proxy: str) -> None:
    """A proxy's refusal is told as the proxy's own."""
    run = check(HTTPS_PROXY=proxy)
    assert "the proxy does not let the connection through" in run.last_line
    assert "geheim" not in run.stderr


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there(
    check: Callable[..., Run], variable: str, tmp_path: Path
) -> None:
    """A file of certificates that is missing is named with the variables that can name it."""
    missing = str(tmp_path / "none.pem")
    run = check(**{variable: missing})
    _is_told_at_once(run, missing, variable, "remove it")


def test_a_file_without_certificates(
    check: Callable[..., Run], site: HandmadeSite, tmp_path: Path
) -> None:
    """A file that holds no certificate is said to hold none."""
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing", encoding="utf-8")
    run = check(site.url.replace("http:", "https:"), REQUESTS_CA_BUNDLE=str(empty))
    _is_told_at_once(run, "holds none", "REQUESTS_CA_BUNDLE")
