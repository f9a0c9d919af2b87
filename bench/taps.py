"""How each program that reads Recurly is called: on a service, for these lists."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from bench.environments import BIN, PROGRAMS
from bench.homes import home_of, written
from bench.measure import BenchmarkError, Program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEY = "sandbox-recurly-key"


def our_tap(url: str, folder: Path, streams: Sequence[str]) -> Program:
    """This tap with default settings, nothing but these streams selected."""
    home = home_of("tap-" + "-".join(streams), folder)
    config = written(home / "config.json", {"api_key": KEY, "api_url": url})
    command: list[str | Path] = [BIN / "tap-recurly", "--config", config]
    catalog = _discovered([*command, "--discover"])
    for stream in catalog["streams"]:
        if stream["tap_stream_id"] not in streams:
            for entry in stream["metadata"]:
                entry["metadata"]["selected"] = False
    command += ["--catalog", written(home / "catalog.json", catalog)]
    return Program(command, home / "log", timeout=900)


def singer_io_tap(
    python: Path, url: str, folder: Path, streams: Sequence[str], start_date: str
) -> Program:
    """The tap that bears the same name on PyPI, in an environment of its own."""
    home = home_of("singer_io_tap", folder)
    identity = {"subdomain": "sandbox-merchant", "user_agent": "bench", "start_date": start_date}
    config = written(home / "config.json", {"api_key": KEY, **identity})
    command: list[str | Path] = [python, PROGRAMS / "singer_io_tap.py", "--config", config]
    environment = {"RECURLY_URL": url}
    catalog = _discovered([*command, "--discover"], environment)
    for stream in catalog["streams"]:
        (entry,) = (each for each in stream["metadata"] if not each["breadcrumb"])
        entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
    command += ["--catalog", written(home / "catalog.json", catalog)]
    return Program(command, home / "log", environment)


def client_loop(url: str, folder: Path, streams: Sequence[str], start_date: str) -> Program:
    """Recurly's official client, page after page."""
    script = PROGRAMS / "recurly_client_loop.py"
    home = home_of("recurly_client_loop", folder)
    return Program([sys.executable, script, url, KEY, start_date, *streams], home / "log")


def _discovered(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> Any:
    discovered = subprocess.run(  # noqa: S603  (a tap's own command)
        command, env=environment, capture_output=True, check=False
    )
    if discovered.returncode:
        why = discovered.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise BenchmarkError(f"{command[0]} does not discover its streams: {why}")
    return json.loads(discovered.stdout)
