"""From the first read to the next ones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run, TinyRecurly


def test_first_run_reads_everything_in_order(site: TinyRecurly, tap: Callable[..., Run]) -> None:
    """A first run gives every row of a long list once, in order of time."""
    site.fill("/transactions", 5_000)
    run = tap(streams=["transactions"])
    assert run.code == 0, run.stderr
    assert [row["id"] for row in run.records("transactions")] == [
        f"transactions-{index}" for index in range(5_000)
    ]
    assert run.state["bookmarks"]["transactions"]["replication_key_value"] == "2024-06-01T12:00:00Z"


def test_unchanged_site_costs_two_requests_per_list(
    site: TinyRecurly, tap: Callable[..., Run]
) -> None:
    """A run on a site that has not changed costs at most two requests per list."""
    for path in list(site.lists):
        site.fill(path, 30)
    first = tap()
    assert first.code == 0, first.stderr
    site.requests.clear()
    site.now += timedelta(hours=1)
    second = tap(state=first.state)
    assert second.code == 0, second.stderr
    assert [message["type"] for message in second.messages].count("RECORD") == 0
    assert len(site.requests) <= 2 * 8  # seven streams, one of which reads two lists
