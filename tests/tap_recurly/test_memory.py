"""Memory stays flat, however large the site: measured on the real command, by the kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Path(sys.executable).with_name("tap-recurly")
LAUNCHER = Path(__file__).parents[1] / "peak_memory.py"
SERVER = Path(__file__).with_name("endless_lists.py")


@pytest.fixture
def url(accounts: int) -> Iterator[str]:
    """A site with so many accounts and twice as many subscriptions, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, SERVER, str(accounts), "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.communicate()


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("stream", "accounts"),
    [
        ("account_snapshots", 20_000),
        ("account_snapshots", 1_000_000),
        ("subscriptions", 20_000),
        ("subscriptions", 200_000),
    ],
)
def test_memory_stays_flat(stream: str, accounts: int, url: str, tmp_path: Path) -> None:
    """A million accounts, joined with all that is theirs, take 150 MB and 2 GB of the disk."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"api_key": "a-private-key", "api_url": url}))
    command: list[str | Path] = [COMMAND, "--config", config]
    discovered = subprocess.run([*command, "--discover"], capture_output=True, check=True)
    catalog = json.loads(discovered.stdout)
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = entry["tap_stream_id"] == stream
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    report = tmp_path / "megabytes"
    records = shared = temporary = 0
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, LAUNCHER, report, *command, "--catalog", tmp_path / "catalog.json"],
            stdout=subprocess.PIPE,
            stderr=log,
        ) as run,
    ):
        assert run.stdout is not None
        for line in run.stdout:
            records += line.startswith(b'{"type":"RECORD"')
            shared += b'"same_email":[{' in line
            if line.startswith(b'{"type":"RECORD"') and records % 10_000 == 1:
                temporary = max(temporary, _megabytes_without_a_name(run.pid))
    assert run.returncode == 0, (tmp_path / "log").read_text()
    if stream == "account_snapshots":
        assert (records, shared) == (accounts, accounts // 10)
    else:
        assert records == 2 * accounts
    assert int(report.read_text()) < 150
    assert temporary < 2_000


def _megabytes_without_a_name(launcher: int) -> int:
    """What the temporary files take that the launcher's child has open."""
    (child,) = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    sizes = 0
    for opened in Path(f"/proc/{child}/fd").iterdir():
        with suppress(FileNotFoundError):
            is_gone = str(opened.readlink()).endswith("(deleted)")
            sizes += opened.stat().st_blocks * 512 if is_gone else 0
    return sizes // 1_000_000
