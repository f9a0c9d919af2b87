"""The dbt package: its views hold, column by column, what Recurly's records say."""

# ruff: noqa: S608  (queries of the tests' own tables)

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.at_home.tap_runs import TapRuns
    from tests.at_home.warehouses import DuckDB, Postgres, Row

    from recurly_klaviyo_sandbox.sandbox import Sandbox

    Warehouse = DuckDB | Postgres

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1200)]

PACKAGE = Path(__file__).parents[2] / "dbt"
DBT = ("dbt-core==1.11.16", "dbt-duckdb==1.11.1", "dbt-postgres==1.11.0", "duckdb==1.2.2")
STAGED: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("staged_columns.yml").read_text())
PER_PARENT = {
    "account_balances",
    "account_notes",
    "billing_infos",
    "coupon_redemptions",
    "invoice_coupon_redemptions",
}
NEEDED = PER_PARENT | {
    "accounts",
    "coupons",
    "credit_payments",
    "invoices",
    "line_items",
    "plans",
    "subscriptions",
    "transactions",
}
VIEWS_ONLY_PER_PARENT = {
    "account_balance_history",
    "account_note_history",
    "coupon_redemption_history",
    "invoice_coupon_redemption_history",  # the simulated invoices embed no redemptions
}
EIGHTEEN = 18


def _build(warehouse: Warehouse, programs: Path, folder: Path) -> None:
    """Run and test the package from a project that has it as its only dependency."""
    folder.mkdir()
    profile = {"schema": warehouse.schema, "threads": 2, **_connection(warehouse)}
    for name, content in {
        "dbt_project.yml": {
            "name": "mine",
            "version": "0.1.0",
            "profile": "mine",
            "vars": {"tap_recurly": {"tap_recurly_schema": warehouse.schema}},
        },
        "packages.yml": {"packages": [{"local": str(shutil.copytree(PACKAGE, folder / "tap"))}]},
        "profiles.yml": {"mine": {"target": "here", "outputs": {"here": profile}}},
    }.items():
        (folder / name).write_text(yaml.safe_dump(content))
    for command in ("deps", "build"):
        done = subprocess.run(
            [programs / "dbt", command, "--profiles-dir", ".", "--no-version-check"],
            cwd=folder,
            env=os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout[-4000:]


def _connection(warehouse: Warehouse) -> dict[str, Any]:
    if hasattr(warehouse, "server"):
        server = warehouse.server
        address = {"host": "127.0.0.1", "port": server.port, "user": server.user}
        return {"type": "postgres", "dbname": server.database, "password": "unused", **address}
    return {"type": "duckdb", "path": str(warehouse.path)}


def _records(sandbox: Sandbox, resource: str) -> list[dict[str, Any]]:
    """Recurly's records as it gives them, with what has lists of its own put in."""
    if resource == "balances":
        return [_get(sandbox, f"/accounts/{one}/balance") for one in _ids(sandbox, "accounts")]
    records = []
    for one in _ids(sandbox, resource):
        record = json.loads(sandbox.recurly.store.get(resource, "id", one) or b"{}")
        if resource == "invoices":
            record["redemptions"] = _get(sandbox, f"/invoices/{one}/coupon_redemptions")["data"]
        if resource == "subscriptions":
            record["pending_changes"] = [change for change in [record["pending_change"]] if change]
        records.append(record)
    return records


def _ids(sandbox: Sandbox, resource: str) -> list[str]:
    return sandbox.recurly.store.ids(resource)


def _get(sandbox: Sandbox, path: str) -> Any:
    key = b64encode(f"{sandbox.recurly.api_key}:".encode()).decode()
    headers = {
        "authorization": f"Basic {key}",
        "accept": "application/vnd.recurly.v2021-02-25",
    }
    return json.loads(sandbox.recurly.answer("GET", path, "", headers).body)


def _plan_a_change(sandbox: Sandbox) -> None:
    """At its next renewal a subscription will be on another plan."""
    subscription, plan = _ids(sandbox, "subscriptions")[0], _ids(sandbox, "plans")[-1]
    moment = "2026-01-31T12:00:00Z"
    change = {
        "id": "change000001",
        "object": "subscription_change",
        "plan": {"id": plan, "object": "plan"},
        "quantity": 2,
        "unit_amount": 19.5,
        "activate_at": moment,
        "activated": False,
        "created_at": moment,
        "updated_at": moment,
    }
    sandbox.recurly.store.put("subscriptions", {"id": subscription, "pending_change": change})


def _expected(sandbox: Sandbox, view: str) -> list[Row]:
    staged = STAGED[view]
    return [
        {
            name: _at(element, path[1:]) if path.startswith(".") else _at(record, path)
            for name, path in staged["columns"].items()
        }
        for record in _records(sandbox, staged["resource"])
        for element in (record[staged["each"]] if "each" in staged else [None])
    ]


def _at(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _comparable(value: Any) -> Any:
    """A value in one spelling, whether JSON, a warehouse or a driver has written it."""
    if value in (None, "") or isinstance(value, bool):
        return None if value == "" else value  # target-duckdb loads an empty text as null
    try:
        return round(float(value), 6)
    except ValueError:
        return value.replace(" ", "T").removesuffix("Z")


def _sorted(rows: list[Row]) -> list[str]:
    tidy = ({name: _comparable(value) for name, value in row.items()} for row in rows)
    return sorted(json.dumps(row, sort_keys=True) for row in tidy)


def _found(warehouse: Warehouse, view: str) -> list[Row]:
    columns = ", ".join(f'"{name}"' for name in STAGED[view]["columns"])
    return warehouse.rows(f'SELECT {columns} FROM {warehouse.schema}."{view}"')


def test_every_column_that_is_staged_is_as_recurly_has_it(
    merchant: Sandbox,
    tap_runs: Callable[..., TapRuns],
    warehouse: Warehouse,
    environment: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """All eighteen views give the columns that dbt_recurly reads, equal to the site's records."""
    programs = environment(*DBT)
    taps = tap_runs(merchant)
    _plan_a_change(merchant)
    warehouse.load(taps.read(taps.catalog(NEEDED)))
    _build(warehouse, programs, tmp_path / "project")
    assert len(STAGED) == EIGHTEEN
    for view in STAGED:
        expected = _sorted(_expected(merchant, view))
        assert expected, view
        if view == "coupon_discount":
            amounts = warehouse.rows(
                f"SELECT currency, amount FROM {warehouse.schema}.coupon_discount"
                " WHERE type = 'fixed'"
            )
            assert [(row["currency"], float(row["amount"])) for row in amounts] == [("USD", 5.0)]
        assert _sorted(_found(warehouse, view)) == expected, view


def test_what_was_not_selected_is_empty_and_not_an_error(
    merchant: Sandbox,
    tap_runs: Callable[..., TapRuns],
    warehouse: Warehouse,
    environment: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """Without streams per parent and addresses the rest is there, cards from the accounts."""
    programs = environment(*DBT)
    taps = tap_runs(merchant)
    catalog = taps.catalog(NEEDED - PER_PARENT)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if stream["tap_stream_id"] == "accounts" and entry["breadcrumb"][-1:] == ["email"]:
                entry["metadata"]["selected"] = False
    warehouse.load(taps.read(catalog))
    _build(warehouse, programs, tmp_path / "project")
    for view in VIEWS_ONLY_PER_PARENT:
        assert _found(warehouse, view) == [], view
    accounts = _found(warehouse, "account_history")
    assert [row["email"] for row in accounts] == [None] * len(_ids(merchant, "accounts"))
    primary = {
        account["billing_info"]["id"]
        for account in _records(merchant, "accounts")
        if account["billing_info"]
    }
    cards = [row for row in _expected(merchant, "billing_info_history") if row["id"] in primary]
    assert _sorted(_found(warehouse, "billing_info_history")) == _sorted(cards)
