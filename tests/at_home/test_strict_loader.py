"""A loader that takes its SCHEMA at its word: tables in SQLite, and nothing that is not in them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.at_home.tap_runs import TapRuns

    from recurly_klaviyo_sandbox.sandbox import Sandbox


class StrictLoader:
    """Makes each stream's table of its SCHEMA, and merges RECORDs into it by their key.

    A property that the SCHEMA does not have raises, at any depth that the SCHEMA describes.
    """

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:")
        self._schemas: dict[str, Any] = {}

    def load(self, messages: Path) -> str:
        """Load a tap's messages; the last STATE, as a line."""
        state = "{}"
        for line in messages.read_bytes().splitlines():
            message = json.loads(line)
            if message["type"] == "SCHEMA":
                self._make_table(message)
            elif message["type"] == "RECORD":
                self._merge(message["stream"], message["record"])
            elif message["type"] == "STATE":
                state = json.dumps(message["value"])
        return state

    def _make_table(self, message: dict[str, Any]) -> None:
        stream, schema = message["stream"], message["schema"]
        self._schemas[stream] = schema
        columns = ", ".join(f'"{name}"' for name in schema["properties"])
        keys = ", ".join(f'"{name}"' for name in message["key_properties"])
        statement = f'CREATE TABLE IF NOT EXISTS "{stream}" ({columns}, PRIMARY KEY ({keys}))'
        self.database.execute(statement)

    def _merge(self, stream: str, record: dict[str, Any]) -> None:
        _assert_known(record, self._schemas[stream], stream)
        columns = ", ".join(f'"{name}"' for name in record)
        marks = ", ".join("?" * len(record))
        values = [
            json.dumps(value) if isinstance(value, (dict, list)) else value
            for value in record.values()
        ]
        statement = f'INSERT OR REPLACE INTO "{stream}" ({columns}) VALUES ({marks})'  # noqa: S608
        self.database.execute(statement, values)


def _assert_known(value: Any, schema: dict[str, Any], path: str) -> None:
    if isinstance(value, dict) and schema.get("properties"):
        unknown = value.keys() - schema["properties"].keys()
        assert not unknown, f"{path}: {sorted(unknown)}"
        for name, part in value.items():
            _assert_known(part, schema["properties"][name], f"{path}.{name}")
    elif isinstance(value, list):
        for part in value:
            _assert_known(part, schema.get("items", {}), f"{path}[]")


def test_every_stream_fits_its_schema_and_merges_by_its_key(
    merchant: Sandbox, tap_runs: Callable[..., TapRuns]
) -> None:
    """All streams load into tables made of their schemas; a second run brings what has changed."""
    taps, loader = tap_runs(merchant, per_parent_streams="true"), StrictLoader()
    catalog = taps.catalog()
    with closing(loader.database):
        taps.keep(loader.load(taps.read(catalog)))
        merchant.advance(timedelta(days=3))
        loader.load(taps.read(catalog))
        for stream in ("accounts", "invoices", "line_items", "subscriptions", "transactions"):
            rows = loader.database.execute(f'SELECT id, updated_at FROM "{stream}"')  # noqa: S608
            held = (
                json.loads(merchant.recurly.store.get(stream, "id", one) or b"{}")
                for one in merchant.recurly.store.ids(stream)
            )
            assert dict(rows) == {record["id"]: record["updated_at"] for record in held}


def test_a_selection_of_two_columns_gives_two_columns(
    merchant: Sandbox, tap_runs: Callable[..., TapRuns]
) -> None:
    """What the catalog leaves out is neither in SCHEMA nor in RECORD, objects included."""
    taps = tap_runs(merchant)
    catalog = taps.catalog({"invoices"})
    wanted: list[list[str]] = [[], ["properties", "id"], ["properties", "total"]]
    columns = {"id", "total", "updated_at"}  # the bookmark's column is always there
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            chosen = stream["tap_stream_id"] == "invoices" and entry["breadcrumb"] in wanted
            entry["metadata"]["selected"] = chosen
    for line in taps.read(catalog).read_bytes().splitlines():
        message = json.loads(line)
        if message["type"] == "SCHEMA":
            assert message["schema"]["properties"].keys() == columns
        if message["type"] == "RECORD":
            assert message["record"].keys() == columns


@pytest.fixture(scope="module")
def streams() -> list[dict[str, Any]]:
    """What the tap discovers; that takes no request."""
    found = subprocess.run(
        [Path(sys.executable).with_name("tap-recurly"), "--config", "ENV", "--discover"],
        env=os.environ
        | {"TAP_RECURLY_API_KEY": "any", "TAP_RECURLY_API_URL": "http://127.0.0.1:9"},
        capture_output=True,
        check=True,
    )
    discovered: list[dict[str, Any]] = json.loads(found.stdout)["streams"]
    return discovered


@pytest.mark.slow
def test_a_key_alone_is_no_table(streams: list[dict[str, Any]]) -> None:
    """Every stream has a column beside its key, since some loaders update what is not the key."""
    for stream in streams:
        others = stream["schema"]["properties"].keys() - {*stream["key_properties"]}
        assert others, stream["tap_stream_id"]


def test_every_array_says_what_is_in_it(streams: list[dict[str, Any]]) -> None:
    """A loader can give every array's elements a type."""
    untyped = []

    def look(schema: dict[str, Any], path: str) -> None:
        if "array" in schema.get("type", ()) and "type" not in schema.get("items", {}):
            untyped.append(path)
        for name, part in schema.get("properties", {}).items():
            look(part, f"{path}.{name}")
        if isinstance(schema.get("items"), dict):
            look(schema["items"], f"{path}[]")

    for stream in streams:
        look(stream["schema"], stream["tap_stream_id"])
    assert untyped == []
