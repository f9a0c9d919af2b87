"""The benchmarks: a smoke run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_a_quick_run_prints_its_tables() -> None:
    """One command measures tap and target, each beside a loop over the official client."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("|")]
    assert rows.count("**this tap**") == 2
    assert rows.count("**this target**") == 3
    assert rows.count("official client, plain loop") == 3
    assert rows.count("*limit: bare orjson parse and dump*") == 5
