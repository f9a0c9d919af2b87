"""However a run ends: at once, with one sentence, and nothing left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.handmade_site import HandmadeSite

    Start = Callable[..., Any]

COMMAND = str(Path(sys.executable).with_name("tap-recurly"))
SECONDS = 30
"""More than a busy machine takes, and far less than what the tap would wait for."""


@pytest.fixture
def start(site: HandmadeSite, tmp_path: Path) -> Start:
    """Start the tap on the site, one stream of it, with pipes unless told otherwise."""
    found = subprocess.run([COMMAND, "--discover"], capture_output=True, check=True)
    entries = json.loads(found.stdout)["streams"]
    config = tmp_path / "config.json"
    settings = {"api_key": "a-private-key", "api_url": site.url}

    def run(stream: str, *before: str, stdout: int = subprocess.PIPE, **variables: str) -> Any:
        config.write_text(json.dumps(settings), encoding="utf-8")
        entry = next(entry for entry in entries if entry["tap_stream_id"] == stream)
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = True
        catalog = tmp_path / "catalog.json"
        catalog.write_text(json.dumps({"streams": [entry]}), encoding="utf-8")
        return subprocess.Popen(
            [*before, COMMAND, "--config", str(config), "--catalog", str(catalog)],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables},
        )

    return run


def _last_line(errors: str) -> str:
    assert "Traceback" not in errors
    return errors.splitlines()[-1]


def _slow_from_the_second_half(site: HandmadeSite) -> None:
    site.fill("/accounts", 3_000)
    half = "2024-05-30T11:00:00Z"
    site.before = lambda _method, _path, params: (
        (429, {"Retry-After": "60"}, b"") if params.get("begin_time", "") > half else None
    )


def test_tap_goes_with_its_reader_whatever_it_waits_for(site: HandmadeSite, start: Start) -> None:
    """A reader that goes while Recurly keeps the tap waiting is noticed at once."""
    _slow_from_the_second_half(site)
    with start("accounts") as process:
        for line in process.stdout:
            if '"RECORD"' in line:
                break
        process.stdout.close()
        began = time.monotonic()
        errors = process.stderr.read()
        assert process.wait(SECONDS) == 1
    assert time.monotonic() - began < SECONDS
    assert "Nobody reads" in _last_line(errors)


@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.campaign)])
def test_no_tap_is_left_by_a_killed_reader(site: HandmadeSite, start: Start, times: int) -> None:
    """Killed at whatever moment, a reader leaves no tap behind."""
    _slow_from_the_second_half(site)
    moments = random.Random(7)  # noqa: S311 (keeps no secret)
    for _ in range(times):
        with (
            start("accounts") as process,
            subprocess.Popen(
                ["/bin/cat"], stdin=process.stdout, stdout=subprocess.DEVNULL
            ) as reader,
        ):
            process.stdout.close()
            process.stderr.close()
            asked = len(site.asked())
            pages = moments.randrange(12)
            deadline = time.monotonic() + 3  # it may be kept waiting before it has asked so often
            while len(site.asked()) < asked + pages and time.monotonic() < deadline:
                assert process.poll() is None
            reader.send_signal(signal.SIGKILL)
            try:
                assert process.wait(SECONDS) == 1
            finally:
                process.kill()


def test_a_full_output_is_a_sentence(site: HandmadeSite, start: Start) -> None:
    """When the disk below stdout is full the tap says so, once, and what to do."""
    site.fill("/accounts", 3)
    with (
        Path("/dev/full").open("wb") as full,
        start("accounts", stdout=full.fileno()) as process,
    ):
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    last = _last_line(errors)
    assert "output cannot be written (No space left on device): make room" in last


@pytest.mark.slow
def test_a_catalog_that_finds_no_room_is_a_sentence() -> None:
    """So it is for what is no run."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [COMMAND, "--discover"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "No space left on device" in _last_line(done.stderr)


@pytest.mark.parametrize("stream", ["account_notes", "account_snapshots", "transactions"])
def test_a_full_temporary_folder_is_a_sentence(
    site: HandmadeSite, start: Start, tmp_path: Path, stream: str
) -> None:
    """When what waits finds no room on disk the tap names the folder and the way out."""
    chance = random.Random(1)  # noqa: S311  (texts that do not shrink when they are packed)
    kilobytes = "x" * 10_000
    for index in range(20):
        site.put("/accounts", f"a{index}")
    for index in range(2_000):
        site.put(
            "/subscriptions",
            f"s{index}",
            account={"id": "a0"},
            plan={"name": chance.randbytes(4_000).hex()},
        )
    for index in range(40):
        site.put("/accounts/a1/notes", f"n{index}", message=kilobytes)
    for index in range(400):  # a page is more than may wait in memory, whatever the reader does
        site.put("/transactions", f"t{index}", description=3 * kilobytes)
    limited = ("/bin/bash", "-c", 'ulimit -f 16; exec "$@"', "bash")
    with start(stream, *limited, TMPDIR=str(tmp_path)) as process:
        _, errors = process.communicate(timeout=6 * SECONDS)
    assert process.returncode == 1
    assert f"{tmp_path} cannot be written" in _last_line(errors)
    assert "TMPDIR" in _last_line(errors)
