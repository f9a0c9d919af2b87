"""docs/reverse-etl.md: its files and commands as they are printed, from source to Klaviyo."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from recurly_klaviyo_sandbox.clock import Clock
from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount
from recurly_klaviyo_sandbox.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "reverse-etl.md"
ORDERS: list[dict[str, Any]] = [
    {"no": "7", "mail": "ada@shop.io", "sum": "12.5", "at": "2026-01-31T12:00:00Z"},
    {"no": "8", "mail": "bob@shop.io", "sum": "3", "at": "2026-02-01"},
]
CUSTOMERS = [("ada@shop.io", "Ada", "gold", 1), ("bob@shop.io", "Bob", None, 1)]


def _printed(section: str, kind: str) -> str:
    """The block of a kind below a heading of the page."""
    _, found, rest = PAGE.read_text().partition(f"\n## {section}\n")
    assert found, section
    (block,) = re.findall(rf"```{kind}\n(.*?)```", rest.partition("\n## ")[0], re.DOTALL)
    return str(block)


class Shop:
    """A folder with somebody's files, and Klaviyo."""

    def __init__(self, folder: Path, account: KlaviyoAccount, url: str) -> None:
        self.folder = folder
        self.account = account
        self._environment = {
            "TARGET_KLAVIYO_API_KEY": account.api_key,
            "TARGET_KLAVIYO_API_URL": url,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self.write("target.json", "{}")

    def write(self, name: str, text: str) -> None:
        """Put a file there."""
        (self.folder / name).write_text(text)

    def type(self, command: str) -> None:
        """Run a command of the page, the key in the environment."""
        command = command.replace("--config target.json", "--config target.json --config ENV")
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", command],
            cwd=self.folder,
            env=os.environ | self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def orders(self) -> list[tuple[Any, ...]]:
        """The events there are: key, address, value and properties."""
        return sorted(
            (event.unique_id, event.email, event.value, event.properties["Number"])
            for event in self.account.events()
        )

    def properties(self, email: str) -> dict[str, Any]:
        """What a profile says."""
        profile = self.account.profile(email)
        assert profile is not None
        return {"first_name": profile.attributes["first_name"], **profile.properties}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop with an empty Klaviyo account."""
    account = KlaviyoAccount(clock=Clock())
    with LocalServer(account.app) as server:
        yield Shop(tmp_path, account, server.url)


SHELL = """
import json
import sqlite3
import sys

database = sqlite3.connect(sys.argv[1])
database.row_factory = sqlite3.Row
print(json.dumps([dict(row) for row in database.execute(sys.stdin.read())]))
"""
EXPECTED_ORDERS = [("order-7", "ada@shop.io", 12.5, "7"), ("order-8", "bob@shop.io", 3.0, "8")]


def test_a_csv_file_becomes_events(shop: Shop) -> None:
    """The page's file, by the page's script and command, twice: each order is an event, once."""
    section = "Events from a CSV file"
    shop.write("orders.csv", _printed(section, "csv"))
    shop.write("events.py", _printed(section, "python"))
    for _ in range(2):
        shop.type(_printed(section, "sh"))
        assert shop.orders() == EXPECTED_ORDERS


def test_a_query_becomes_profiles(shop: Shop) -> None:
    """The page's query gives profiles; a null that comes later clears a property."""
    section = "Profiles from a SQL query"
    shop.write("profiles.sql", _printed(section, "sql"))
    shop.write("profiles.py", _printed(section, "python"))
    typed = _printed(section, "sh")
    if shutil.which("sqlite3") is None:  # SQLite's shell, by the library that Python has
        shop.write("shell.py", SHELL)
        typed = typed.replace("sqlite3 -json ", f"{sys.executable} shell.py ")
    with closing(sqlite3.connect(shop.folder / "shop.db")) as database:
        database.execute("CREATE TABLE customers (mail, name, plan, orders)")
        database.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", CUSTOMERS)
        database.commit()
        shop.type(typed)
        assert shop.properties("ada@shop.io") == {"first_name": "Ada", "Plan": "gold", "Orders": 1}
        assert shop.properties("bob@shop.io") == {"first_name": "Bob", "Orders": 1}
        database.execute("UPDATE customers SET plan = NULL, orders = 2")
        database.commit()
    shop.type(typed)
    assert shop.properties("ada@shop.io") == {"first_name": "Ada", "Orders": 2}


def test_another_taps_tables_become_both_by_stream_maps(shop: Shop) -> None:
    """What a tap writes of two tables becomes events and profiles by the page's settings alone."""
    section = "Another tap, by stream maps"
    shop.write("target.json", _printed(section, "json"))
    customers = [{"mail": mail, "name": name, "plan": plan} for mail, name, plan, _ in CUSTOMERS]
    lines: list[dict[str, Any]] = []
    tables: dict[str, list[dict[str, Any]]] = {"orders": ORDERS, "customers": customers}
    for stream, rows in tables.items():
        properties = {name: {"type": ["string", "null"]} for name in rows[0]}
        schema = {"type": "object", "properties": properties}
        key = [next(iter(properties))]
        lines += [{"type": "SCHEMA", "stream": stream, "key_properties": key, "schema": schema}]
        lines += [{"type": "RECORD", "stream": stream, "record": row} for row in rows]
    shop.write("messages", "".join(f"{json.dumps(line)}\n" for line in lines))
    some_tap = "some-tap --config tap.json --catalog catalog.json"
    shop.type(_printed(section, "sh").replace(some_tap, "cat messages"))
    assert shop.orders() == EXPECTED_ORDERS
    assert shop.properties("ada@shop.io") == {"first_name": "Ada", "Plan": "gold"}
    assert shop.properties("bob@shop.io") == {"first_name": "Bob"}
