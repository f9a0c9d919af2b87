"""Mistakes around the program, not in its settings: one sentence each that names the variable."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from target_klaviyo.errors import SettingsError
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.klaviyo.endpoints import METRICS, Call, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.target_klaviyo.conftest import Samples, Site

FULL = Path("/dev/full")
needs_a_full_disk = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


class _AsksForPassword(BaseHTTPRequestHandler):
    """A proxy that lets nobody through."""

    def do_GET(self) -> None:
        """Refuse."""
        self.send_response(407)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_CONNECT = do_GET  # noqa: N815  (the name is http.server's)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that answers so."""
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def refusing_proxy() -> Iterator[str]:
    """The address of a proxy that asks for a password."""
    with served(_AsksForPassword) as address:
        yield address


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies or certificates."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def ask(scheme: str) -> object:
    """Send one question to an address that is never reached."""
    client = Client(
        api_url=f"{scheme}://klaviyo.invalid", api_key="k", revision="2026-10-15", timeout=2
    )
    try:
        return client.send(Call(METRICS, METRICS.path))
    finally:
        client.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        (
            "http://proxy:port",
            (
                "names no proxy that can be used (http://proxy:port); write an address like "
                "http://proxy.example.com:3128, or remove it."
            ),
        ),
        ("http://a..b", "names no proxy that can be used (http://a..b)"),
        ("http://" + 64 * "a", "names no proxy that can be used (http://aaa"),
        ("::::", "names no proxy that can be used (::::)"),
        ("not a proxy", "names no proxy that can be used (not a proxy)"),
        ("ftp://127.0.0.1:21", "names no proxy that can be used (ftp://127.0.0.1:21)"),
        ("http://ada:secret@", "names no proxy that can be used"),
        (
            "socks5://ada:secret@127.0.0.1:1080",
            (
                "names a SOCKS proxy (socks5://127.0.0.1:1080), which needs PySocks: pip install "
                "PySocks into target-klaviyo's environment, or name an HTTP proxy."
            ),
        ),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_with_its_variable(
    environment: pytest.MonkeyPatch, scheme: str, proxy: str, sentence: str
) -> None:
    """At once, and without the password that stands in it."""
    environment.setenv(f"{scheme.upper()}_PROXY", proxy)
    with pytest.raises(SettingsError) as told:
        ask(scheme)
    assert str(told.value).startswith(f"The variable {scheme.upper()}_PROXY {sentence[:20]}")
    assert sentence in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_asks_for_a_password_is_named(
    environment: pytest.MonkeyPatch, refusing_proxy: str, scheme: str
) -> None:
    """407 concerns the proxy, however it is said."""
    environment.setenv("all_proxy", f"http://ada:wrong@{refusing_proxy}")
    with pytest.raises(SettingsError) as told:
        ask(scheme)
    assert str(told.value) == (
        f"The proxy http://{refusing_proxy} asks for another user or password (HTTP status 407); "
        "write them into the variable all_proxy, like "
        "http://user:password@proxy.example.com:3128."
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named(
    environment: pytest.MonkeyPatch, closed_port: int, scheme: str
) -> None:
    """It may come back, so it is tried again, but Klaviyo does not get the blame."""
    environment.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{closed_port}")
    answer = ask(scheme)
    assert isinstance(answer, NoAnswer)
    assert answer.reason == (
        f"the proxy http://127.0.0.1:{closed_port} (variable {scheme}_proxy): Connection refused"
    )


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there_are_named(
    environment: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    """The variable outlives the file it names."""
    environment.setenv(variable, str(tmp_path / "gone.pem"))
    with pytest.raises(SettingsError) as told:
        ask("https")
    assert str(told.value) == (
        f"The variable {variable} names {tmp_path}/gone.pem, which is no file of certificates that "
        "can be read; correct or remove it."
    )


class _GarblesHeaders(BaseHTTPRequestHandler):
    """Something in between that refuses every request, in headers that nobody can read."""

    def do_GET(self) -> None:
        """Refuse."""
        self.wfile.write(b"HTTP/1.1 401 No\r\nno header\r\nContent-Length: 0\r\n\r\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_headers_that_cannot_be_read_bring_no_url_into_the_log(site: Site, sample: Samples) -> None:
    """urllib3 warns of them with the request's, which asks for people, and with a traceback."""
    rows = [sample.profile(1, external_id="account-of-ann")]
    with served(_GarblesHeaders) as address, site.start(api_url=f"http://{address}") as process:
        _, log = process.communicate(sample.lines(site.messages("profiles", rows)), timeout=60)
    assert process.returncode == 1
    assert b"account-of-ann" not in log
    assert b"Traceback" not in log


def test_a_netrc_file_does_not_take_the_keys_place(
    site: Site, sample: Samples, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    """An entry for the host is meant for other programs."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    environment.setenv("NETRC", str(tmp_path / "netrc"))
    site.events(sample.event(1))
    assert len(site.account.events()) == 1


@pytest.mark.parametrize(
    ("closing", "sentence"),
    [
        (
            "<&-",
            (
                "Standard input is closed: pipe a tap's output into target-klaviyo, or name a file "
                "of it with --input."
            ),
        ),
        (
            ">&-",
            (
                "Standard output is closed: send it to a file, or to /dev/null where nobody needs "
                "the STATEs."
            ),
        ),
    ],
)
def test_a_stream_that_is_closed_is_named(site: Site, closing: str, sentence: str) -> None:
    """A run that cannot read, or tell its STATE, does not begin."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" --config ENV {closing}', site.command],
        env=os.environ | {"TARGET_KLAVIYO_API_KEY": "k"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == sentence


@needs_a_full_disk
def test_states_that_nobody_can_keep_end_the_run_with_a_sentence(
    site: Site, sample: Samples
) -> None:
    """A full disk behind standard output is named, and nothing follows the sentence."""
    with FULL.open("wb") as full, site.start(stdout=full) as process:
        _, log = process.communicate(
            sample.lines(site.messages("events", [sample.event(1)])), timeout=60
        )
    assert process.returncode == 1
    assert log.decode().splitlines()[-1] == (
        "STATE cannot be handed on, since standard output cannot be written (No space left on "
        "device): make room where target-klaviyo's output goes, and run again; what was sent is "
        "stored once all the same."
    )


LIMITED = """
import resource, signal, sys
from target_klaviyo.__main__ import run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
sys.exit(run(sys.argv[1:]))
"""


def test_an_audit_without_room_for_its_temporary_file_ends_with_a_sentence(
    site: Site, sample: Samples
) -> None:
    """What SQLite cannot write ends the run with where and what to do, and no traceback."""
    rows = [sample.event(n, unique_id=f"{n:0250}") for n in range(40_000)]  # no cache holds them
    messages = site.messages("events", rows)
    settings = {**site.config, "mode": "audit", "report_path": site.folder / "audit.html"}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "--config", "ENV"],
        input=sample.lines(messages),
        env=os.environ | {f"TARGET_KLAVIYO_{name.upper()}": str(v) for name, v in settings.items()},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("An audit cannot keep what it reads in its temporary file (")
    assert "TMPDIR" in last


@needs_a_full_disk
def test_rejects_that_cannot_be_written_hold_the_state_back(site: Site, sample: Samples) -> None:
    """No STATE passes a reject that is nowhere; the last line says what to do."""
    with site.start(rejects_path=FULL) as process:
        out, log = process.communicate(
            sample.lines(site.messages("events", [sample.event(1), {}])), timeout=60
        )
    assert process.returncode == 1
    assert out == b""
    assert b"The rejects are in" not in log
    assert log.decode().splitlines()[-1] == (
        "The rejects file /dev/full cannot be written (No space left on device); make room for it, "
        "or name another file in the setting 'rejects_path'."
    )


@needs_a_full_disk
@pytest.mark.parametrize("rows", [1, 100])
def test_a_run_that_rejects_all_does_not_say_where_rejects_are_that_are_nowhere(
    site: Site, sample: Samples, rows: int
) -> None:
    """That they cannot be written is what must be mended first."""
    with site.start(rejects_path=FULL) as process:
        _, log = process.communicate(sample.lines(site.messages("events", [{}] * rows)), timeout=60)
    assert process.returncode == 1
    assert b"are in /dev/full" not in log
    assert b"The rejects file /dev/full cannot be written" in log.splitlines()[-1]


MOUNTED = """
mount --bind "$1" "$1" || exit 77
shift
exec "$@"
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="only Linux mounts a file for one process")
def test_a_rejects_file_that_is_mounted_by_itself_is_told_from_a_full_disk(
    site: Site, sample: Samples
) -> None:
    """As `docker -v file:file` does: nothing can be put in its place, whatever room there is."""
    site.rejects_path.touch()
    settings = {f"TARGET_KLAVIYO_{name.upper()}": value for name, value in site.config.items()}
    mounting = ("unshare", "--map-root-user", "--mount", "sh", "-c", MOUNTED, "sh")
    done = subprocess.run(
        [*mounting, site.rejects_path, site.command, "--config", "ENV"],
        input=sample.lines(site.messages("events", [sample.event(1), {}])),
        env=os.environ | settings,
        capture_output=True,
        check=False,
        timeout=60,
    )
    if b"unshare" in done.stderr or done.returncode == 77:
        pytest.skip("this user may not mount")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == (
        f"The rejects file {site.rejects_path} is mounted by itself, so that no other can take its "
        "place (Device or resource busy); mount a folder, and name a file in it in the setting "
        "'rejects_path'."
    )
    assert [file.name for file in site.folder.iterdir()] == [site.rejects_path.name]
