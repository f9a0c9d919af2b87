"""Invoices not paid in time become dunning events, by state and by notices sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_to_klaviyo import Transform

    RecordFactory = Callable[..., dict[str, Any]]

STATES = ("open", "pending", "processing", "past_due", "paid", "failed", "closed", "voided", None)
DUE = "2026-05-15T10:00:00Z"


@pytest.fixture
def events(
    transform_with: Callable[..., Transform], invoice: RecordFactory
) -> Callable[..., dict[str, dict[str, Any]]]:
    """The dunning events of an invoice, by metric."""

    def read(**changes: Any) -> dict[str, dict[str, Any]]:
        rows = transform_with(metrics=["dunning"]).rows("invoices", invoice(**changes))
        return {row["metric"]: row for _, row in rows}

    return read


@pytest.mark.parametrize("notices", [None, 0, 3, "many"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", ["charge", "legacy", "credit", None])
def test_every_state_and_count_is_decided(
    events: Any, kind: str | None, state: str | None, notices: Any
) -> None:
    """Past due now, or dunned once; failed now; only invoices that bill somebody."""
    found = events(type=kind, state=state, dunning_events_sent=notices, due_at=DUE)
    bills = kind in {"charge", "legacy"}
    assert ("Past Due Invoice" in found) == (bills and (state == "past_due" or notices == 3))
    assert ("Failed Invoice" in found) == (bills and state == "failed")


@pytest.mark.parametrize("origin", ["write_off", "import", "carryforward_credit"])
def test_bookkeeping_is_not_dunned(events: Any, origin: str) -> None:
    """Nobody owes what is booked only."""
    assert events(state="past_due", origin=origin) == {}


@pytest.mark.parametrize(
    ("changes", "metric", "expected"),
    [
        ({"state": "past_due", "due_at": DUE}, "Past Due Invoice", ("past-due", DUE, None)),
        ({"state": "past_due"}, "Past Due Invoice", ("past-due", "2026-05-01T10:00:00Z", None)),
        ({"state": "failed", "closed_at": DUE}, "Failed Invoice", ("failed", DUE, None)),
        (
            {"state": "failed"},
            "Failed Invoice",
            ("failed", "2026-05-02T10:00:00Z", "2026-05-01T10:00:00Z"),
        ),
    ],
)
def test_each_has_its_id_and_time(
    events: Any, changes: dict[str, Any], metric: str, expected: tuple[str, str, str | None]
) -> None:
    """Due when it was due; failed when it was closed, else at the last change."""
    row = events(**changes)[metric]
    found = (row["unique_id"], row["time"], row.get("earliest_time"))
    assert found == (f"recurly-invoice-inv1-{expected[0]}", *expected[1:])


def test_a_past_due_invoice_tells_how_far_dunning_is(events: Any) -> None:
    """What is owed, how many notices went out, and whether that was the last."""
    row = events(
        state="past_due",
        due_at=DUE,
        balance=12.0,
        dunning_events_sent=2,
        final_dunning_event=True,
        collection_method="manual",
    )["Past Due Invoice"]
    told = ("Balance", "Dunning Events Sent", "Final Notice", "Due At", "Collection Method")
    assert [row["properties"][name] for name in told] == [12.0, 2, True, DUE, "manual"]
    assert row["value"] == 30.0
