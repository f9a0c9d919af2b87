"""Both services together, from Python, over HTTP and from the command line."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests

from recurly_klaviyo_sandbox.sandbox import Sandbox

COMMAND = str(Path(sys.executable).with_name("recurly-klaviyo-sandbox"))
ACCEPT = {"Accept": "application/vnd.recurly.v2021-02-25"}


def count(url: str, path: str) -> int:
    """How many rows a list of the sandbox's Recurly has."""
    response = requests.head(
        url + path, auth=("sandbox-recurly-key", ""), headers=ACCEPT, timeout=10
    )
    return int(response.headers["Recurly-Total-Records"])


def test_a_sandbox_serves_both_and_lives_on() -> None:
    """Both ports answer; advancing brings new records and new expectations, never the future."""
    with Sandbox(accounts=60, days=200, behind=timedelta(days=10)) as sandbox:
        assert requests.get(f"{sandbox.klaviyo_url}/api/accounts", timeout=10).status_code == 401
        before = count(sandbox.recurly_url, "/transactions"), sandbox.ledger.counts()
        sandbox.advance(timedelta(days=7))
        after = count(sandbox.recurly_url, "/transactions"), sandbox.ledger.counts()
        assert before[0] < after[0]
        assert before[1] != after[1]
        sandbox.advance(timedelta(days=100))
        assert sandbox.clock.now() <= datetime.now(timezone.utc)


def test_another_process_can_advance_and_ask_for_the_ledger() -> None:
    """The addresses below /_sandbox/ need no key and answer with the present and the counts."""
    with Sandbox(accounts=30, days=100) as sandbox:
        ledger = f"{sandbox.recurly_url}/_sandbox/ledger"
        before = requests.get(ledger, timeout=10).json()
        assert before["events"] == sandbox.ledger.counts()
        step = {"days": 7, "seconds": 1}
        advance = f"{sandbox.recurly_url}/_sandbox/advance"
        after = requests.post(advance, json=step, timeout=10).json()
        moved = datetime.fromisoformat(after["now"]) - datetime.fromisoformat(before["now"])
        assert timedelta(days=7) <= moved < timedelta(days=7, minutes=1)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"weeks": 1}', b'{"days": "x"}', b'{"days": -1}'])
def test_a_step_that_makes_no_sense_is_refused(body: bytes) -> None:
    """400 with a hint on what to send."""
    with Sandbox(accounts=0, days=1) as sandbox:
        advance = f"{sandbox.recurly_url}/_sandbox/advance"
        response = requests.post(advance, data=body, timeout=10)
        assert response.status_code == 400
        assert "days" in response.json()["error"]
        unknown = requests.get(f"{sandbox.recurly_url}/_sandbox/other", timeout=10)
        assert unknown.status_code == 404


def test_a_sandbox_takes_switches_of_its_site() -> None:
    """What is not the sandbox's own argument is passed to the site."""
    with Sandbox(accounts=5, days=10, per_minute=100, embedded_line_items=2) as sandbox:
        assert sandbox.recurly.limiter.budget == 500


def serve(*arguments: str) -> subprocess.Popen[str]:
    """The command, serving few accounts."""
    return subprocess.Popen(
        [COMMAND, "serve", "--accounts", "5", "--days", "30", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_told_to_end(number: signal.Signals) -> None:
    """It prints where both are to be found, and ends with exit code 0 on either signal."""
    with serve("--recurly-port", "0", "--klaviyo-port", "0") as process:
        lines: list[Any] = [process.stdout.readline() for _ in range(4)] if process.stdout else []
        said = "".join(lines)
        urls = re.findall(r"http://127\.0\.0\.1:\d+", said)
        assert "sandbox-recurly-key" in said
        assert "sandbox-klaviyo-key" in said
        assert f"{urls[1]}/feed" in said
        assert count(urls[0], "/accounts") == 5
        process.send_signal(number)
        assert process.wait(timeout=20) == 0


def test_the_command_says_which_port_is_taken() -> None:
    """One sentence on stderr and exit code 1, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with serve("--recurly-port", "0", "--klaviyo-port", port) as process:
            _, said = process.communicate(timeout=20)
        assert process.returncode == 1
        assert said.startswith(f"Port {port} ")
        assert said.count("\n") == 1


def test_the_command_refuses_nonsense() -> None:
    """A negative count or an impossible port is a usage error."""
    for arguments in (["--accounts", "-1"], ["--recurly-port", "70000"]):
        with serve(*arguments) as process:
            _, said = process.communicate(timeout=20)
        assert process.returncode == 2
        assert arguments[0] in said.splitlines()[-1]
