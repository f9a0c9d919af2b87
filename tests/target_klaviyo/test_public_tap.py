"""Any tap: one from the Python Package Index, which knows nothing of Klaviyo, feeds the target."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target_klaviyo.conftest import Site

TAP = "tap-csv-folder==0.0.1a1"
ORDERS = """no,mail,sum,at
7,ada@shop.io,12.5,2026-01-31T12:00:00Z
8,bob@shop.io,3,2026-02-01
9,not an address,1,2026-02-01
"""
CUSTOMERS = """mail,name,plan
ada@shop.io,Ada,gold
bob@shop.io,Bob,
"""


@pytest.fixture
def tap(tmp_path: Path) -> Path:
    """The tap in an environment of its own."""
    folder = tmp_path / "tap"
    venv.create(folder, with_pip=True)
    done = subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", TAP],
        capture_output=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        pytest.skip(f"{TAP} cannot be installed here; this test needs the Python Package Index.")
    return folder / "bin" / "tap-csv-folder"


@pytest.mark.campaign
def test_a_tap_of_the_public_feeds_events_and_profiles(
    site: Site, tap: Path, documented_maps: dict[str, Any]
) -> None:
    """CSV files become events and profiles by nothing but the README's stream maps."""
    folder = site.folder / "shop"
    folder.mkdir()
    (folder / "orders.csv").write_text(ORDERS)
    (folder / "customers.csv").write_text(CUSTOMERS)
    tap_config, target_config = site.folder / "tap.json", site.folder / "target.json"
    tap_config.write_text(
        json.dumps({"filesystem": "local", "path": str(folder), "read_mode": "one_stream_per_file"})
    )
    target_config.write_text(
        json.dumps({**site.config, **documented_maps, "max_reject_percent": 100})
    )
    read = subprocess.run([tap, "--config", tap_config], capture_output=True, check=True)
    written = subprocess.run(
        [site.command, "--config", target_config],
        input=read.stdout,
        capture_output=True,
        check=False,
        env=os.environ,
    )
    assert written.returncode == 0, written.stderr.decode()
    assert [(seen.unique_id, seen.email, seen.value) for seen in site.account.events()] == [
        ("order-7", "ada@shop.io", 12.5),
        ("order-8", "bob@shop.io", 3.0),
    ]
    ada, bob = site.account.profile("ada@shop.io"), site.account.profile("bob@shop.io")
    assert ada is not None
    assert bob is not None
    assert (ada.attributes["first_name"], ada.properties) == ("Ada", {"Plan": "gold"})
    assert (bob.attributes["first_name"], bob.properties) == ("Bob", {})
    (reject,) = site.rejects()
    assert (reject["stream"], reject["record"]["no"]) == ("orders", "9")
    assert (
        json.loads(written.stdout.splitlines()[-1])
        == json.loads(read.stdout.splitlines()[-1])["value"]
    )
