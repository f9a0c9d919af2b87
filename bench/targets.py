"""How each program that writes to Klaviyo is called: on a service, with so many rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.environments import BIN, PROGRAMS
from bench.homes import home_of, written
from bench.measure import Program
from bench.rows import write_singer, write_sqlite

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sandbox-klaviyo-key"


def our_target(url: str, folder: Path, rows: Path, **settings: str) -> Program:
    """This target, fed from a file, with default settings but for these."""
    home = home_of("target", folder)
    given = {"api_key": KEY, "api_url": url, "rejects_path": str(home / "rejected.singer")}
    config = written(home / "config.json", {**given, **settings})
    return Program([BIN / "target-klaviyo", "--config", config], home / "log", stdin=rows)


def stock_target(url: str, folder: Path, stream: str, rows: int) -> Program:
    """The SDK's BatchSink with Klaviyo's bulk body; it knows events only."""
    home = home_of("stock_target", folder)
    config = written(home / "config.json", {"api_key": KEY, "api_url": url})
    return Program(
        [sys.executable, PROGRAMS / "stock_target.py", "--config", config],
        home / "log",
        stdin=write_singer(home / "rows.singer", stream, rows),
    )


def client_loop(url: str, folder: Path, stream: str, rows: int) -> Program:
    """Klaviyo's official client, one row a request."""
    home = home_of("klaviyo_client_loop", folder)
    return Program(
        [sys.executable, PROGRAMS / "klaviyo_client_loop.py", url, KEY],
        home / "log",
        stdin=write_singer(home / "rows.singer", stream, rows),
    )


def drt(python: Path, url: str, folder: Path, stream: str, rows: int) -> Program:
    """A project of drt's: a table in SQLite and one sync."""
    home = home_of("drt", folder)
    (home / ".drt").mkdir(exist_ok=True)
    (home / "syncs").mkdir(exist_ok=True)
    database = write_sqlite(home / "rows.sqlite", stream, rows)
    source = {"type": "sqlite", "database": str(database)}
    # JSON is YAML.
    written(home / ".drt" / "profiles.yml", {"bench": source})
    written(home / "drt_project.yml", {"name": "bench", "version": "1.0", "profile": "bench"})
    written(home / "syncs" / "bench.yml", _drt_sync(stream))
    environment = {
        "HOME": str(home),
        "KLAVIYO_API_KEY": KEY,
        "KLAVIYO_URL": url,
        "DO_NOT_TRACK": "1",  # it could send telemetry; nothing here leaves the machine
    }
    command: list[str | Path] = [python, PROGRAMS / "drt_sync.py", "run", "--quiet"]
    return Program(command, home / "log", environment, folder=home)


def _drt_sync(stream: str) -> dict[str, object]:
    """One sync, drt's own brake of ten requests a second off."""
    destination: dict[str, object] = {"type": "klaviyo", "email_field": "email"}
    if stream == "events":
        destination |= {
            "endpoint": "event",
            "metric_name_field": "metric",
            "time_field": "time",
            "value_field": "value",
            "unique_id_field": "unique_id",
            "backfill": True,
        }
    return {
        "name": "bench",
        "model": f"SELECT * FROM {stream}",  # noqa: S608  (own names)
        "destination": destination,
        "sync": {"mode": "full", "rate_limit": {"requests_per_second": 100_000}},
    }
