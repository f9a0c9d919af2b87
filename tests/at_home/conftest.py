"""What users have at home: environments of their own, warehouses, and the tap's messages."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.at_home.meltano_project import Project
from tests.at_home.tap_runs import TapRuns
from tests.at_home.warehouses import (
    DUCKDB_LOADER,
    POSTGRES_LOADER,
    DuckDB,
    Postgres,
    PostgresServer,
    unprivileged,
)

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Installs packages into an environment of their own, once each; gives its `bin` folder.

    A test whose packages cannot be had is skipped, saying so.
    """
    made: dict[tuple[str, ...], Path] = {}

    def install(*requirements: str) -> Path:
        if requirements not in made:
            folder = tmp_path_factory.mktemp("environment")
            python = folder / "venv" / "bin" / "python"
            commands: list[list[str | Path]] = [
                ["venv", "--quiet", "--python", sys.executable, folder / "venv"],
                ["pip", "install", "--quiet", "--python", python, *requirements],
            ]
            for arguments in commands:
                done = subprocess.run(
                    [BIN / "uv", *arguments],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    names = " and ".join(requirements)
                    pytest.skip(f"{names} cannot be installed here: {done.stdout.strip()[-300:]}")
            made[requirements] = folder / "venv" / "bin"
        return made[requirements]

    return install


@pytest.fixture
def tap_runs(tmp_path: Path) -> Callable[..., TapRuns]:
    """Builds `TapRuns` for a sandbox: `tap_runs(sandbox, **settings)`."""

    def build(sandbox: Sandbox, **settings: str) -> TapRuns:
        folder = tmp_path / "tap"
        folder.mkdir()
        return TapRuns(sandbox, folder, settings)

    return build


@pytest.fixture
def merchant() -> Iterator[Sandbox]:
    """A merchant of whose every stream there is at least one row, a month behind the present."""
    with Sandbox(
        accounts=60, days=200, behind=timedelta(days=30), embedded_line_items=1, per_minute=100_000
    ) as sandbox:
        _meter_some_usage(sandbox)
        yield sandbox


def _meter_some_usage(sandbox: Sandbox) -> None:
    held: Any = next(
        subscription
        for subscription in sandbox.business.registry.entities["subscriptions"].values()
        if getattr(subscription, "add_ons", None)
    )
    add_on = held.add_ons[0].add_on
    add_on.metered = True
    sandbox.recurly.store.put(
        "usages",
        {
            "id": "usage0000001",
            "_subscription_id": held.id,
            "_add_on_id": add_on.id,
            "amount": 12.5,
            "recording_timestamp": "2026-01-01T00:00:00Z",
            "usage_timestamp": "2026-01-01T00:00:00Z",
        },
    )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL from the distribution's packages; without one the test is skipped."""
    places = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    programs = next((place for place in places if (place / "pg_ctl").exists()), None)
    if programs is None:
        pytest.skip("No PostgreSQL here: install the distribution's package `postgresql`.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # its owner cannot see pytest's folders
    if os.getuid() == 0:
        shutil.chown(folder, unprivileged())
    server = PostgresServer(programs, folder, port)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(
    request: pytest.FixtureRequest, environment: Callable[..., Path], tmp_path: Path
) -> DuckDB | Postgres:
    """An empty warehouse of each kind."""
    folder = tmp_path / "warehouse"
    folder.mkdir()
    if request.param == "duckdb":
        return DuckDB(environment(*DUCKDB_LOADER), folder)
    server: PostgresServer = request.getfixturevalue("postgres_server")
    schema = f"recurly_{folder.parent.name}".replace("-", "_").lower()
    return Postgres(environment(*POSTGRES_LOADER), folder, server, schema)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)
