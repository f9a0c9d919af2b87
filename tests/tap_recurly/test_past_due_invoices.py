"""Past-due invoices read again: their dunning goes on, though their time stands still."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite


@pytest.fixture(autouse=True)
def _old_debts(site: HandmadeSite) -> None:
    for index in range(250):
        moment = site.now - timedelta(days=30, minutes=index)
        site.put("/invoices", f"debt-{index}", moment, state="past_due", dunning_events_sent=0)
    site.put("/invoices", "paid", site.now - timedelta(days=30), state="paid")


def test_every_run_reads_them_again(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """An invoice whose counter moved, but not its time, comes with its counter; the bookmark holds.

    It costs one request for each 200 of them.
    """
    first = sync(["invoices"], past_due_invoices=True)
    site.requests.clear()
    site.now += timedelta(hours=1)
    site.change("/invoices", "debt-3", dunning_events_sent=2)
    second = sync(["invoices"], state=first.state, past_due_invoices=True)
    found = {row["id"]: row for row in second.records("invoices")}
    assert len(found) == 250
    assert found["debt-3"]["dunning_events_sent"] == 2
    assert len([params for _, _, params in site.requests if params.get("state")]) == 2
    bookmark = second.state["bookmarks"]["invoices"]["replication_key_value"]
    assert bookmark == "2024-06-01T13:00:00Z"


@pytest.mark.parametrize("deselect", [[], [("line_items",)]], ids=["enriched", "as they came"])
def test_none_comes_twice_in_a_run(
    site: HandmadeSite, sync: Callable[..., Run], deselect: list[tuple[str, ...]]
) -> None:
    """What a run has written as a change it does not write again; a newer version it does."""

    def change(_method: str, _path: str, params: dict[str, str]) -> None:
        if params.get("state") and "cursor" not in params:
            site.now += timedelta(seconds=2)
            site.change("/invoices", "debt-4", updated_at=site.now)

    site.before = change
    site.change("/invoices", "debt-3", updated_at=site.now - timedelta(minutes=1))
    run = sync(["invoices"], deselect=deselect, past_due_invoices=True)
    ids = [row["id"] for row in run.records("invoices")]
    assert len(ids) == 251 + 1
    assert ids.count("debt-3") == 1
    assert ids[-1] == "debt-4"


def test_start_date_bounds_them(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """What was last touched before `start_date` is not read for being past due."""
    run = sync(["invoices"], start_date="2024-05-31", past_due_invoices=True)
    assert run.code == 0, run.stderr
    assert run.records("invoices") == []
    assert site.asked("GET", "/invoices")[-1][2]["begin_time"] == "2024-05-31T00:00:00Z"


def test_only_on_demand(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """Without the setting no request is spent on them."""
    sync(["invoices"])
    assert not [params for _, _, params in site.requests if params.get("state")]
