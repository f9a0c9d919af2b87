"""Warehouses, filled by other people's loaders, at the pins of docs/warehouse.md."""

# ruff: noqa: S608  (queries of the tests' own tables)

from __future__ import annotations

import json
import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Row = dict[str, Any]

DUCKDB_LOADER = ("target-duckdb==0.8.0", "duckdb==1.2.2")
POSTGRES_LOADER = ("meltanolabs-target-postgres==0.8.1",)


@dataclass
class DuckDB:
    """A DuckDB file, filled by target-duckdb."""

    bin: Path
    folder: Path
    schema: str = "recurly"
    loader: str = "target-duckdb"

    @property
    def path(self) -> Path:
        """The database."""
        return self.folder / "warehouse.duckdb"

    def load(self, messages: Path) -> str:
        """Load a tap's messages; what the loader printed, STATE in its last line."""
        config = {**self.settings, "default_target_schema": self.schema}
        return _load(self.bin / self.loader, config, messages, self.folder)

    @property
    def settings(self) -> dict[str, Any]:
        """How the loader gets there."""
        # Without the metadata columns DuckDB may take a first row for a header.
        return {"filepath": str(self.path), "add_metadata_columns": True}

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
    loader: str = "target-postgres"

    def load(self, messages: Path) -> str:
        """Load a tap's messages; what the loader printed, STATE in its last line."""
        config = {**self.settings, "default_target_schema": self.schema}
        return _load(self.bin / self.loader, config, messages, self.folder)

    @property
    def settings(self) -> dict[str, Any]:
        """How the loader gets there."""
        return {
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": self.server.user,
            "password": "unused: the test's server trusts this machine",
            "database": self.server.database,
        }

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
