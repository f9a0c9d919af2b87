"""The command line as Meltano and people use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from recurly_klaviyo_sandbox.recurly.endpoints import LISTINGS
from tap_recurly.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

COMMAND = str(Path(sys.executable).with_name("tap-recurly"))
README = Path(__file__).parents[2] / "tap-recurly" / "README.md"


def test_check_says_what_was_found(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """`--check` names the site, its currency, the records per stream and the request budget."""
    site.put(
        "/sites", "s", subdomain="shop", mode="production", settings={"default_currency": "EUR"}
    )
    site.fill("/invoices", 12)

    def limited(_method: str, path: str, _params: dict[str, str]) -> Answer | None:
        answers: dict[str, Answer] = {"/plans": (403, {}, b""), "/items": (404, {}, b"")}
        return answers.get(path)

    site.before = limited
    site.headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999"}
    run = tap("--check", subdomain="shop")
    assert run.code == 0, run.stderr
    (message,) = run.stdout.splitlines()
    for words in (
        "shop (production, EUR), region us, API v2021-02-25",
        "invoices 12, export_dates 7,",
        "none in 22 streams, a number not known beforehand in 12 streams",
        "4000 of 5000 per 5 minutes",
        "cannot be read here: plans, items;",
        "secret fields left out: gateway_token, hosted_login_token, routing_number,",
    ):
        assert words in message
    assert "coupons" not in message
    assert len(message) < 500
    assert "INFO" not in run.stderr


def test_check_without_leave_to_read_the_site(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """A key that may not read `/sites` hears so, and all the rest."""
    site.fill("/invoices", 12)
    site.before = lambda _method, path, _params: (403, {}, b"") if path == "/sites" else None
    run = tap("--check")
    assert run.code == 0, run.stderr
    for words in ("a site without a name", "invoices 12,", "cannot be read here: sites;"):
        assert words in run.stdout


def test_test_reads_one_record_of_each_stream(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """`--test` costs a page per stream, and twenty parents at most, however large the site.

    A snapshot takes all plans beside its own page, here five pages.
    """
    for listing in LISTINGS:
        if "{" not in listing.path:
            site.fill(listing.path, 1_000)
    run = tap("--test")
    assert run.code == 0, run.stderr
    assert len(run.records("invoices")) == 1
    lists = [path for _, path, _ in site.requests if path.count("/") == 1]
    assert len(lists) == len(STREAMS) + 5
    assert len(site.requests) <= len(lists) + 20 * len(STREAMS)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal(site: HandmadeSite, tmp_path: Path, how: signal.Signals) -> None:
    """A signal ends the run at once, with a sentence and an exit code that is no success."""
    site.fill("/accounts", 1)
    config = tmp_path / "config.json"
    config.write_text(f'{{"api_key": "a-private-key", "api_url": "{site.url}"}}', encoding="utf-8")
    site.before = lambda *_: (429, {"Retry-After": "60"}, b"")
    with subprocess.Popen(
        [COMMAND, "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not site.asked():
            pass
        process.send_signal(how)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 128 + how
    assert "stopped by a signal" in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_sentence_stands_alone(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """What ends a run is told once, by the last line, and by no remark of the SDK's before it."""
    site.before = lambda *_: (401, {}, b"")
    run = tap()
    assert run.code == 1
    assert "does not accept the API key" in run.last_line
    assert "unhandled" not in run.stderr


def test_closed_output_is_a_sentence(site: HandmadeSite, tmp_path: Path) -> None:
    """A tap that is started without an output says so, in one sentence."""
    config = tmp_path / "config.json"
    config.write_text(f'{{"api_key": "a-private-key", "api_url": "{site.url}"}}', encoding="utf-8")
    closing = ["sh", "-c", 'exec "$0" "$@" >&-', COMMAND, "--config", str(config)]
    done = subprocess.run(closing, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "reads the tap's output" in done.stderr
    assert "fault of its own" not in done.stderr


def test_no_log_level_shows_an_address(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """Not even the log of the finest level holds a customer's e-mail address."""
    site.put("/accounts", "a", email="ann.privata@shop.dev")
    site.put("/accounts", "b", site.now - timedelta(days=1), email="bob.privata@shop.dev")
    first = tap(streams=["account_snapshots"])
    site.now += timedelta(hours=1)
    site.put("/accounts", "a", email="ann.privata@shop.dev")
    aloud = {**os.environ, "TAP_RECURLY_LOGLEVEL": "DEBUG"}
    run = tap(state=first.state, streams=["account_snapshots"], environment=aloud)
    assert any(params.get("email") for _, _, params in site.requests)
    assert "privata" not in run.stderr


def test_stopped_amid_a_read(site: HandmadeSite, sync: Callable[..., Run], tmp_path: Path) -> None:
    """A signal amid a long read leaves whole lines and, last, a STATE to go on from."""
    site.fill("/accounts", 3_000, company="x" * 1_000)  # too much to wait to be written out
    half = "2024-05-30T11:00:00Z"  # the middle of the 3,000 minutes
    site.before = lambda _method, _path, params: (
        (429, {"Retry-After": "60"}, b"") if params.get("begin_time", "") > half else None
    )
    config = tmp_path / "config.json"
    config.write_text(f'{{"api_key": "a-private-key", "api_url": "{site.url}"}}', encoding="utf-8")
    found = subprocess.run([COMMAND, "--discover"], capture_output=True, check=True)
    entries = json.loads(found.stdout)["streams"]
    accounts = [entry for entry in entries if entry["tap_stream_id"] == "accounts"]
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps({"streams": accounts}), encoding="utf-8")
    output = tmp_path / "output"
    with (
        output.open("wb") as stdout,
        subprocess.Popen(
            [COMMAND, "--config", str(config), "--catalog", str(catalog)],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        while not any(params.get("begin_time", "") > half for _, _, params in site.asked()):
            assert process.poll() is None
        while b'"RECORD"' not in output.read_bytes():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM, errors
    messages = [json.loads(line) for line in output.read_bytes().splitlines()]
    assert messages[-1]["type"] == "STATE"
    first = {message["record"]["id"] for message in messages if message["type"] == "RECORD"}
    site.before = lambda *_: None
    second = sync(["accounts"], state=messages[-1]["value"])
    assert first | {row["id"] for row in second.records("accounts")} == {*site.rows("/accounts")}


def test_reader_that_goes_away(site: HandmadeSite, tmp_path: Path) -> None:
    """When the target dies the tap ends with a sentence, not with a broken pipe's traceback."""
    site.fill("/accounts", 5_000)
    config = tmp_path / "config.json"
    config.write_text(f'{{"api_key": "a-private-key", "api_url": "{site.url}"}}', encoding="utf-8")
    with subprocess.Popen(
        [COMMAND, "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 1
    assert "Nobody reads" in errors.splitlines()[-1]
    assert "Traceback" not in errors


@pytest.mark.parametrize("place", ["work", "."])
@pytest.mark.parametrize("passed", ["a-private-key", None])
def test_what_was_passed_wins_over_any_env_file(
    site: HandmadeSite, tmp_path: Path, place: str, passed: str | None
) -> None:
    """A `.env` in the working directory or above the installation changes and adds nothing."""
    packages = tmp_path / "venv" / "site-packages"
    packages.parent.mkdir()
    packages.symlink_to(Path(click.__file__).parents[1])
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / place / ".env").write_text("TAP_RECURLY_API_KEY=wrong\n", encoding="utf-8")
    site.put("/sites", "s", subdomain="shop")
    program = (
        f"import sys; sys.path.insert(0, {str(packages)!r}); sys.argv[1:] = ['--config', 'ENV', "
        "'--check']; from tap_recurly.tap import main; main()"
    )
    variables = {"TAP_RECURLY_API_URL": site.url}
    if passed:
        variables["TAP_RECURLY_API_KEY"] = passed
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=work,
        env=variables,
    )
    if passed:
        assert done.stdout.startswith("Connected to shop"), done.stderr
    else:
        assert "'api_key' is missing" in done.stderr
