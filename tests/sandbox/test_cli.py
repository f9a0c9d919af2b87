"""The command: it serves, tells, lets time pass, makes fault, and names every mistake."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from recurly_klaviyo_sandbox.klaviyo import Options as KlaviyoOptions
from recurly_klaviyo_sandbox.named_faults import NAMES
from recurly_klaviyo_sandbox.options import OPTIONS, read_option
from recurly_klaviyo_sandbox.recurly import Options as RecurlyOptions
from recurly_klaviyo_sandbox.recurly import RecurlySite
from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

COMMAND = str(Path(sys.executable).with_name("recurly-klaviyo-sandbox"))
README = (Path(__file__).parents[2] / "sandbox" / "README.md").read_text(encoding="utf-8")
FEW = ("--accounts", "5", "--days", "30", "--recurly-port", "0", "--klaviyo-port", "0")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command while it serves few accounts, and what it said until then."""
    command = [COMMAND, "serve", *FEW, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = ""
        while process.stdout and "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, f"it ended after saying: {said}"
            said += line
        try:
            yield process, said
        finally:
            process.terminate()


def count(url: str, path: str) -> int:
    """How many rows a list of the sandbox's Recurly has."""
    accept = {"Accept": "application/vnd.recurly.v2021-02-25"}
    response = requests.head(
        url + path, auth=("sandbox-recurly-key", ""), headers=accept, timeout=9
    )
    return int(response.headers["Recurly-Total-Records"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_end(number: signal.Signals) -> None:
    """It says where both are to be found, and ends with exit code 0 on either signal."""
    with serving() as (process, said):
        urls = re.findall(r"http://127\.0\.0\.1:\d+", said)
        assert "sandbox-recurly-key" in said
        assert "sandbox-klaviyo-key" in said
        assert f"{urls[1]}/feed" in said
        assert count(urls[0], "/accounts") == 5
        process.send_signal(number)
        assert process.wait(timeout=20) == 0


def test_it_says_what_to_type_next() -> None:
    """The first words name the commands that bring the history over and let the week pass."""
    with serving() as (_, said):
        assert "5 customers, 30 days of history" in said
        assert "7 days ago" in said
        assert "meltano --environment=sandbox run --full-refresh tap-recurly target-klaviyo" in said
        (advance,) = re.findall(r"recurly-klaviyo-sandbox (advance .*)", said)
        done = run(*advance.split())
        assert done.stdout.startswith("7 days passed: for the merchant it is now "), done.stderr


def test_the_fault_it_says_to_type_loses_the_replies_to_events() -> None:
    """The first words name the fault that strikes bulk events, and the run that meets it."""
    with serving() as (_, said):
        (fault, after) = re.findall(r"(fault klaviyo .*)\n +(.*)", said)[0]
        assert "meltano --environment=sandbox run --full-refresh" in said.partition(fault)[2]
        assert after
        address = "Klaviyo, the next 3 requests to addresses with 'event-bulk'"
        done = run(*fault.split())
        assert done.stdout.startswith(address), done.stderr
        klaviyo = re.findall(r"http://127\.0\.0\.1:\d+", said)[1]
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{klaviyo}/api/event-bulk-create-jobs", json={}, timeout=9)
        assert requests.get(f"{klaviyo}/api/profiles", timeout=9).status_code == 401


def test_advancing_tells_what_happened() -> None:
    """A sentence on the time, one on the events, by metric, and the command that fetches them."""
    with Sandbox(accounts=60, days=200, behind=timedelta(days=9)) as sandbox:
        port = ("--recurly-port", sandbox.recurly_url.rpartition(":")[2])
        before = sum(sandbox.ledger.counts().values())
        first = run("advance", "--days", "5", "--hours", "12", *port)
        assert "5.5 days passed" in first.stdout
        assert "still 3.5 days behind real time" in first.stdout
        new = sum(sandbox.ledger.counts().values()) - before
        assert f"there were {new} events (" in first.stdout
        assert ", all of it history." in first.stdout
        assert "meltano" in first.stdout
        second = run("advance", "--days=7", *port)
        assert "3.5 days of the 7 days asked for passed" in second.stdout
        assert re.search(r"\), \d+ of them young enough to be live\.", second.stdout)
        assert "No time passed" in run("advance", "--hours", "1", *port).stdout


@pytest.mark.slow
def test_trouble_is_told_and_ends() -> None:
    """Each fault is a sentence; `calm` ends all of them."""
    with Sandbox(accounts=0, days=1) as sandbox:
        port = ("--recurly-port", sandbox.recurly_url.rpartition(":")[2])
        said = run("fault", "klaviyo", "lost-reply", "--times", "3", "--path", "bulk", *port)
        assert said.stdout == (
            "Klaviyo, the next 3 requests to addresses with 'bulk': "
            "the service acts, then the connection breaks.\n"
        )
        said = run("fault", "recurly", "502", "--always", "--every", "9", "--method=get", *port)
        assert "Recurly, one request in 9 by GET: a gateway's page" in said.stdout
        assert run("calm", *port).stdout == "All is well: there is no fault.\n"
        assert sandbox.faults.left() == []


def test_a_sandbox_may_have_bad_days_from_the_start() -> None:
    """`--fault` strikes every twentieth request to either service for as long as it serves."""
    with serving("--fault", "503") as (_, said):
        recurly, klaviyo = re.findall(r"http://127\.0\.0\.1:\d+", said)[:2]
        for url in (f"{recurly}/accounts", f"{klaviyo}/api/accounts"):
            statuses = [requests.get(url, timeout=9).status_code for _ in range(40)]
            assert statuses == ([401] * 19 + [503]) * 2


def test_switches_can_be_set() -> None:
    """`--option` reaches either half."""
    options = ("recurly.wrong_key_status=403", "klaviyo.organization_name=Tea & Co")
    with serving(*(f"--option={switch}" for switch in options)) as (_, said):
        recurly, klaviyo = re.findall(r"http://127\.0\.0\.1:\d+", said)[:2]
        accept = {"Accept": "application/vnd.recurly.v2021-02-25"}
        wrong = requests.get(f"{recurly}/sites", auth=("wrong", ""), headers=accept, timeout=9)
        assert wrong.status_code == 403
        assert "Tea &amp; Co" in requests.get(f"{klaviyo}/feed", timeout=9).text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("recurly.commit_lag=30", timedelta(seconds=30)),
        ("recurly.missing_features=/gift_cards,/items", {"/gift_cards", "/items"}),
        ("klaviyo.import_order=reversed", "reversed"),
        ("klaviyo.accept_gzip=true", True),
        ("klaviyo.conflict_status=409", 409),
    ],
)
def test_a_switch_is_read_by_its_type(text: str, value: object) -> None:
    """Times are seconds, lists have commas, and yes is true."""
    half, _, rest = text.partition(".")
    assert read_option(text) == (half, rest.partition("=")[0], value)


def test_every_switch_is_one_of_its_half() -> None:
    """What can be set at the command line is taken by the halves themselves."""
    with Sandbox(accounts=0, days=1) as sandbox:
        assert OPTIONS["klaviyo"].keys() == asdict(KlaviyoOptions()).keys()
        built = {"mode", "embedded_line_items", "sub_second", "commit_lag"}
        assert OPTIONS["recurly"].keys() - built < asdict(RecurlyOptions()).keys()
        RecurlySite(sandbox.clock, mode="sandbox", embedded_line_items=1, sub_second=False)


def test_the_readme_names_every_switch_trouble_and_option() -> None:
    """Whoever reads the README knows what there is to choose."""
    options = re.findall(r"(?<!\S)--[a-z-]+", run("serve", "--help").stdout)
    names = [f"{half}.{name}" for half, names in OPTIONS.items() for name in names]
    for word in (*options, *NAMES, *names):
        assert f"`{word}" in README or word == "--help", f"README.md does not name {word}"


def test_it_says_which_port_is_taken() -> None:
    """One sentence on stderr and exit code 1, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--accounts=5", "--recurly-port", "0", "--klaviyo-port", port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} ")
    assert done.stderr.count("\n") == 1


def test_it_says_when_no_sandbox_runs() -> None:
    """One sentence on how to start one, and exit code 1; no other program is taken for one."""
    with Sandbox(accounts=0, days=1) as sandbox, socket.create_server(("127.0.0.1", 0)) as closed:
        free = str(closed.getsockname()[1])
        closed.close()
        for port in (free, sandbox.klaviyo_url.rpartition(":")[2]):
            done = run("advance", "--days", "1", "--recurly-port", port)
            assert done.returncode == 1
            assert done.stderr.startswith(f"No sandbox answers on port {port}: start it with")
            assert done.stderr.count("\n") == 1


MISTAKES: dict[str, tuple[Any, ...]] = {
    "'-1' is not a whole number of 0 or more": ("serve", "--accounts=-1"),
    "'1.5' is not a whole number of 0 or more": ("serve", "--days", "1.5"),
    "'nan' is not a number of 0 or more": ("serve", "--behind-days", "nan"),
    "'x' is not a whole number": ("serve", "--seed", "x"),
    "'70000' is not a port (0 to 65535)": ("serve", "--recurly-port", "70000"),
    "'week' is not a number of 0 or more": ("advance", "--days", "week"),
    "write it like klaviyo.accept_gzip=true": ("serve", "--option", "accept_gzip"),
    "klaviyo has no option 'gzip': there are timezone,": ("serve", "--option=klaviyo.gzip=true"),
    "recurly.compress cannot be 'maybe'": ("serve", "--option=recurly.compress=maybe"),
    "invalid choice: '418'": ("fault", "klaviyo", "418"),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_a_mistake_is_told_in_the_users_words(said: str) -> None:
    """A usage error names the option and what is wrong with its value, and exits with 2."""
    done = run(*MISTAKES[said])
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "_" not in done.stderr.splitlines()[-1].partition("argument")[2].partition(":")[0]


def test_advancing_by_nothing_is_a_mistake() -> None:
    """Without a step there is a sentence on how to give one."""
    done = run("advance")
    assert done.returncode == 1
    assert done.stderr == "Say how much time shall pass, as with --days 7 or --hours 6.\n"
