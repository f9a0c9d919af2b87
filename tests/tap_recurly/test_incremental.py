"""From the first read to the next ones."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

ALL = [
    "accounts",
    "account_snapshots",
    "invoices",
    "line_items",
    "plans",
    "subscriptions",
    "transactions",
]


def bookmark(run: Run, stream: str) -> str | None:
    """The stream's bookmark in the last STATE."""
    value: str | None = run.state["bookmarks"].get(stream, {}).get("replication_key_value")
    return value


def test_first_run_reads_everything_in_order(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """A first run gives every row of a long list once, in order of time."""
    site.fill("/transactions", 5_000)
    run = tap(streams=["transactions"])
    assert run.code == 0, run.stderr
    assert [row["id"] for row in run.records("transactions")] == [
        f"transactions-{index}" for index in range(5_000)
    ]
    assert bookmark(run, "transactions") == "2024-06-01T12:00:00Z"


def test_every_list_request_asks_for_the_safe_order(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """Recurly's defaults are harmful: every request names sort, order and limit."""
    for name in {*ALL} - {"account_snapshots"}:
        site.fill(f"/{name}", 30)
    sync(ALL)
    for _, _, params in site.requests:
        assert (params["sort"], params["order"]) == ("updated_at", "asc")
        assert params["limit"] in {"200", "1"}


def test_lookback_finds_what_was_committed_late(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """A row that becomes visible after the read, with a time before it, comes with the next run."""
    first = sync(["plans"])
    assert first.records("plans") == []
    site.put("/plans", "late", site.now - timedelta(minutes=4))
    site.now += timedelta(minutes=1)
    assert [row["id"] for row in sync(["plans"], state=first.state).records("plans")] == ["late"]


def test_start_date_bounds_the_first_read(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """Rows before `start_date` are left out, those at it are in; a future one reads nothing."""
    for hour in range(4):
        site.put("/plans", f"plan{hour}", site.now - timedelta(hours=hour))
    run = sync(["plans"], start_date="2024-06-01T10:00:00Z")
    assert [row["id"] for row in run.records("plans")] == ["plan2", "plan1", "plan0"]
    future = sync(["plans"], start_date="2030-01-01")
    assert future.records("plans") == []
    assert bookmark(future, "plans") is None


def test_bookmark_never_runs_ahead_of_the_server(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """When the server's clock goes back, so does the bookmark."""
    first = sync(["plans"])
    site.now -= timedelta(hours=1)
    site.put("/plans", "new")
    second = sync(["plans"], state=first.state)
    assert [row["id"] for row in second.records("plans")] == ["new"]
    assert bookmark(second, "plans") == "2024-06-01T11:00:00Z"


def test_failed_run_leaves_a_state_to_go_on_from(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """What was read before a fault is covered by the STATE; the next run begins there."""
    site.fill("/plans", 3_000)
    half = "2024-05-30T11:00:00Z"  # the middle of the 3,000 minutes
    body = json.dumps({"error": {"type": "validation", "message": "No."}}).encode()

    def refuse_the_second_half(method: str, _path: str, params: dict[str, str]) -> Answer | None:
        late = params.get("begin_time", "") > half
        return (400, {}, body) if method == "GET" and late else None

    site.before = refuse_the_second_half
    first = sync(["plans"])
    assert first.code == 1
    reached = bookmark(first, "plans")
    assert reached is not None
    last = first.records("plans")[-1]["updated_at"]
    assert last <= reached <= "2024-05-31T00:00:00Z"
    site.before = lambda *_: None
    second = sync(["plans"], state=first.state)
    ids = {row["id"] for run in (first, second) for row in run.records("plans")}
    assert len(ids) == 3_000
    assert len(second.records("plans")) < 2_000


def test_full_table_reads_everything_and_keeps_no_bookmark(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """With FULL_TABLE forced every run gives every row, and keeps no bookmark to begin at."""
    site.fill("/plans", 10)
    run = sync(["plans"], state={}, metadata={"forced-replication-method": "FULL_TABLE"})
    again = sync(["plans"], state=run.state, metadata={"forced-replication-method": "FULL_TABLE"})
    assert len(again.records("plans")) == 10
    assert bookmark(again, "plans") is None


def test_invoices_carry_all_line_items(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """An invoice whose line items are cut short is completed; the others cost no request."""
    site.put("/invoices", "short", line_items=[{"id": "a"}], has_more_line_items=False)
    site.put("/invoices", "long", line_items=[{"id": "a"}], has_more_line_items=True)
    site.put("/invoices", "gone", line_items=[{"id": "a"}], has_more_line_items=True)
    for index in range(450):
        site.put("/invoices/long/line_items", f"item{index:03}")

    def vanish(_method: str, path: str, _params: dict[str, str]) -> None:
        if path == "/invoices/gone/line_items":
            site.delete("/invoices", "gone")

    site.before = vanish
    rows = {row["id"]: row for row in sync(["invoices"]).records("invoices")}
    assert len(rows["short"]["line_items"]) == 1
    assert len({item["id"] for item in rows["long"]["line_items"]}) == 450
    assert rows["long"]["has_more_line_items"] is False
    assert rows["gone"]["has_more_line_items"] is True


def test_deselected_line_items_cost_nothing(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """Line items that nobody wants are not completed."""
    site.put("/invoices", "long", line_items=[{"id": "a"}], has_more_line_items=True)
    run = sync(["invoices"], deselect=[("line_items",)])
    assert run.code == 0, run.stderr
    assert "line_items" not in run.records("invoices")[0]
    assert {path for _, path, _ in site.requests} == {"/invoices"}


def test_line_items_that_the_site_refuses(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """Invoices are not left out quietly because a feature behind their line items is missing."""
    site.put("/invoices", "long", line_items=[{"id": "a"}], has_more_line_items=True)
    body = b'{"error": {"type": "missing_feature", "message": "No"}}'
    site.before = lambda _method, path, _params: (422, {}, body) if "line" in path else None
    run = sync(["invoices"])
    assert run.code == 1
    assert "/invoices/long/line_items" in run.stderr
