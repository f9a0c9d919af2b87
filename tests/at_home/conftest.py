"""What users have at home: environments of their own, warehouses, and the tap's messages."""

# ruff: noqa: S608  (queries of the tests' own tables)

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

BIN = Path(sys.executable).parent
Row = dict[str, Any]


# Environments ---------------------------------------------------------------------------------


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


# The tap's messages -----------------------------------------------------------------------------


@dataclass
class TapRuns:
    """`tap-recurly` on a sandbox, run after run: each goes on from the STATE of the last."""

    sandbox: Sandbox
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def catalog(self, selected: Collection[str] | None = None) -> Any:
        """What the tap discovers; all of it selected, or these streams only."""
        found = self._run("--discover")
        catalog = json.loads(found.stdout)
        for stream in catalog["streams"]:
            wanted = selected is None or stream["tap_stream_id"] in selected
            for entry in stream["metadata"]:
                entry["metadata"]["selected"] = wanted
        return catalog

    def write(self, catalog: Any) -> None:
        """Write the catalog to where the tap is run."""
        (self.folder / "catalog.json").write_text(json.dumps(catalog))

    def read(self, catalog: Any) -> Path:
        """One run: the file of its messages, with a log beside it."""
        self.write(catalog)
        arguments = ["--catalog", "catalog.json"]
        if self._state.exists():
            arguments += ["--state", self._state.name]
        messages = self.folder / "messages.singer"
        messages.write_bytes(self._run(*arguments).stdout)
        return messages

    def keep(self, state: str) -> None:
        """Keep the last STATE that a target has printed."""
        lines = state.strip().splitlines()
        if lines:
            self._state.write_text(lines[-1])

    @property
    def log(self) -> str:
        """What the last run said on stderr."""
        return (self.folder / "tap.log").read_text()

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        with (self.folder / "tap.log").open("wb") as log:
            done = subprocess.run(
                [BIN / "tap-recurly", "--config", "ENV", *arguments],
                cwd=self.folder,
                env=os.environ
                | {
                    "TAP_RECURLY_API_KEY": self.sandbox.recurly.api_key,
                    "TAP_RECURLY_API_URL": self.sandbox.recurly_url,
                }
                | dict(self.settings),
                stdout=subprocess.PIPE,
                stderr=log,
                check=False,
                timeout=600,
            )
        assert done.returncode == 0, self.log
        return done


@pytest.fixture
def tap_runs(tmp_path: Path) -> Callable[[Sandbox], TapRuns]:
    """Builds `TapRuns` for a sandbox."""

    def build(sandbox: Sandbox) -> TapRuns:
        folder = tmp_path / "tap"
        folder.mkdir()
        return TapRuns(sandbox, folder)

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


# Warehouses -------------------------------------------------------------------------------------

DUCKDB_LOADER = ("target-duckdb==0.8.0", "duckdb==1.2.2")
POSTGRES_LOADER = ("meltanolabs-target-postgres==0.8.1",)


@dataclass
class DuckDB:
    """A DuckDB file, filled by target-duckdb."""

    bin: Path
    folder: Path
    schema: str = "recurly"

    @property
    def path(self) -> Path:
        """The database."""
        return self.folder / "warehouse.duckdb"

    def load(self, messages: Path) -> str:
        """Load a tap's messages; what the loader printed, STATE in its last line."""
        config = {
            "filepath": str(self.path),
            "default_target_schema": self.schema,
            "add_metadata_columns": True,  # without it DuckDB may take a first row for a header
        }
        return _load(self.bin / "target-duckdb", config, messages, self.folder)

    def rows(self, query: str) -> list[Row]:
        """A query's rows."""
        script = (
            "import duckdb, json, sys\n"
            "found = duckdb.connect(sys.argv[1], read_only=True).execute(sys.argv[2])\n"
            "names = [column[0] for column in found.description]\n"
            "rows = [dict(zip(names, row)) for row in found.fetchall()]\n"
            "print(json.dumps(rows, default=str))"
        )
        return _asked([self.bin / "python", "-c", script, self.path, query])


@dataclass
class Postgres:
    """A database of a real PostgreSQL, filled by MeltanoLabs' target-postgres."""

    bin: Path
    folder: Path
    server: PostgresServer
    schema: str = "recurly"

    def load(self, messages: Path) -> str:
        """Load a tap's messages; what the loader printed, STATE in its last line."""
        config = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": self.server.user,
            "password": "unused: the test's server trusts this machine",
            "database": self.server.database,
            "default_target_schema": self.schema,
        }
        return _load(self.bin / "target-postgres", config, messages, self.folder)

    def rows(self, query: str) -> list[Row]:
        """A query's rows."""
        return self.server.rows(query)


@dataclass
class PostgresServer:
    """A cluster in a folder of its own, owned by somebody who is not root, on a free port."""

    programs: Path
    folder: Path
    port: int
    user: str = "merchant"
    database: str = "postgres"

    def start(self) -> None:
        """Make the cluster and serve."""
        data = str(self.folder / "data")
        self._own("initdb", "-D", data, "-U", self.user, "--auth=trust", "-E", "UTF8", "--no-sync")
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port}"
            " -c unix_socket_directories='' -c fsync=off"
        )
        log = str(self.folder / "log")
        self._own("pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)

    def stop(self) -> None:
        """Stop serving."""
        self._own("pg_ctl", "stop", "-m", "immediate", "-D", str(self.folder / "data"))

    def rows(self, query: str) -> list[Row]:
        """A query's rows."""
        connection = f"host=127.0.0.1 port={self.port} user={self.user} dbname={self.database}"
        as_json = f"SELECT coalesce(json_agg(asked), '[]') FROM ({query}) AS asked"
        return _asked([self.programs / "psql", connection, "-AtX", "-c", as_json])

    def _own(self, program: str, *arguments: str) -> None:
        """PostgreSQL refuses to be run by root."""
        owner = {"user": unprivileged(), "extra_groups": []} if os.getuid() == 0 else {}
        done = subprocess.run(  # type: ignore[call-overload]
            [self.programs / program, *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            **owner,
        )
        assert done.returncode == 0, done.stderr


def unprivileged() -> str:
    """A user of this machine who is not root."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


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


def _load(program: Path, config: Mapping[str, Any], messages: Path, folder: Path) -> str:
    settings = folder / "target.json"
    settings.write_text(json.dumps(config))
    with messages.open("rb") as given:
        done = subprocess.run(
            [program, "--config", settings],
            stdin=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _asked(command: list[str | Path]) -> list[Row]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows: list[Row] = json.loads(done.stdout)
    return rows


# Meltano ----------------------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]


@dataclass
class Project:
    """Somebody's Meltano project, elsewhere than this repository."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def write(self, plugins: Mapping[str, Any], **more: Any) -> None:
        """Write the project's meltano.yml."""
        project = {
            "project_id": "somebody-elses-project",
            "default_environment": "dev",
            "send_anonymous_usage_stats": False,
            "environments": [{"name": "dev"}],
            "plugins": plugins,
        }
        (self.folder / "meltano.yml").write_text(yaml.safe_dump(project | more, sort_keys=False))

    def run(self, *arguments: str, **variables: str) -> str:
        """Run a meltano command, which must succeed; what it said."""
        done = subprocess.run(
            [BIN / "meltano", *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @staticmethod
    def definition(name: str) -> dict[str, Any]:
        """A plugin as this repository defines it, installed from this checkout."""
        defined = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]
        (plugin,) = (one for kind in defined.values() for one in kind if one["name"] == name)
        places = [word.replace("./", f"{ROOT}/", 1) for word in plugin["pip_url"].split()]
        return {**plugin, "pip_url": " ".join(places)}

    @staticmethod
    def keys(sandbox: Sandbox) -> dict[str, str]:
        """The variables that lead both plugins to a sandbox."""
        return {
            "TAP_RECURLY_API_KEY": sandbox.recurly.api_key,
            "TAP_RECURLY_API_URL": sandbox.recurly_url,
            "TARGET_KLAVIYO_API_KEY": sandbox.klaviyo.api_key,
            "TARGET_KLAVIYO_API_URL": sandbox.klaviyo_url,
        }

    @property
    def environment(self) -> dict[str, str]:
        """What the project's user has in the environment, and nothing of this repository."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TAP_RECURLY_", "TARGET_KLAVIYO_", "MELTANO_"))
        }
        return inherited | {"NO_COLOR": "1"} | dict(self.variables)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)
