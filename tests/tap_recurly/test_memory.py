"""Memory stays flat, however large the site: measured on the real command, by the kernel."""

from __future__ import annotations

import json
import subprocess
import sys
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
@pytest.mark.timeout(900)
@pytest.mark.parametrize("accounts", [20_000, 200_000])
@pytest.mark.parametrize("stream", ["account_snapshots", "subscriptions"])
def test_memory_stays_flat(stream: str, accounts: int, url: str, tmp_path: Path) -> None:
    """Accounts joined with their subscriptions take less than 150 MB, ten times as many too."""
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
    with (tmp_path / "out").open("wb") as out, (tmp_path / "log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, LAUNCHER, report, *command, "--catalog", tmp_path / "catalog.json"],
            stdout=out,
            stderr=log,
            check=False,
        )
    assert done.returncode == 0, (tmp_path / "log").read_text()
    with (tmp_path / "out").open("rb") as lines:
        records = sum(line.startswith(b'{"type":"RECORD"') for line in lines)
    (tmp_path / "out").unlink()
    assert records == (accounts if stream == "account_snapshots" else 2 * accounts)
    assert int(report.read_text()) < 150
