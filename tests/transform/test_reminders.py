"""Reminders are sent once per date and lead, between the lead moment and the date."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurly_to_klaviyo import Transform

if TYPE_CHECKING:
    from collections.abc import Callable

    RecordFactory = Callable[..., dict[str, Any]]

SOON = "2026-06-03T10:00:00Z"
SOON_SECONDS = 1780480800
TRIAL = {"trial_started_at": "2026-05-20T10:00:00Z", "trial_ends_at": SOON}
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)


@pytest.fixture
def reminders(
    transform_with: Callable[..., Transform],
    snapshot: RecordFactory,
    subscription: RecordFactory,
) -> Callable[..., list[dict[str, Any]]]:
    """The reminders of an account with one subscription whose period ends in two days."""

    def read(settings: dict[str, Any] | None = None, **changes: Any) -> list[dict[str, Any]]:
        transform = transform_with(metrics=["reminders"], **(settings or {}))
        changes = {"current_period_ends_at": SOON, **changes}
        record = snapshot(subscriptions=[subscription(**changes)])
        return [row for _, row in transform.rows("account_snapshots", record)[1:]]

    return read


@pytest.mark.parametrize(
    ("changes", "renews"),
    [
        ({}, True),
        ({"auto_renew": None}, True),
        ({"auto_renew": False}, False),
        ({"auto_renew": False, "remaining_billing_cycles": 0}, False),
        ({"auto_renew": False, "remaining_billing_cycles": 2}, True),
        ({"auto_renew": True, "remaining_billing_cycles": 0}, True),
        ({"state": "canceled"}, False),
        ({"state": "paused"}, False),
        ({"state": "future"}, False),
        ({"state": "expired"}, False),
        ({**TRIAL}, False),
        ({**TRIAL, "trial_ends_at": "2026-05-30T10:00:00Z"}, True),
        ({"paused_at": SOON}, False),
        ({"paused_at": "2026-06-02T10:00:00Z"}, False),
        ({"paused_at": "2026-06-04T10:00:00Z"}, True),
        ({"paused_at": "2026-05-01T10:00:00Z"}, True),
        ({"current_period_ends_at": None}, False),
        ({"current_period_ends_at": "soon"}, False),
    ],
)
def test_a_renewal_is_upcoming_when_it_will_be_billed(
    reminders: Any, changes: dict[str, Any], *, renews: bool
) -> None:
    """Active, out of trial, not paused before, and with a bill to come."""
    metrics = [row["metric"] for row in reminders(**changes)]
    assert metrics.count("Upcoming Renewal") == int(renews)


@pytest.mark.parametrize(
    ("changes", "converts"),
    [
        ({**TRIAL}, True),
        ({**TRIAL, "auto_renew": False}, False),
        ({**TRIAL, "state": "canceled"}, False),
        ({**TRIAL, "state": "paused"}, None),
        ({**TRIAL, "state": "expired"}, None),
        ({**TRIAL, "trial_started_at": "2026-06-02T10:00:00Z"}, None),
        ({**TRIAL, "trial_started_at": None}, True),
        ({**TRIAL, "trial_ends_at": "2026-06-01T11:59:59Z"}, None),
        ({}, None),
    ],
)
def test_a_trial_is_ending_while_it_runs(
    reminders: Any,
    changes: dict[str, Any],
    converts: bool | None,  # noqa: FBT001  (a column)
) -> None:
    """Of a cancelled one, too; `Converts` says whether it becomes a paid subscription."""
    rows = [row for row in reminders(**changes) if row["metric"] == "Ending Trial"]
    assert [row["properties"]["Converts"] for row in rows] == (
        [] if converts is None else [converts]
    )
    for row in rows:
        assert row["unique_id"] == f"recurly-sub-sub1-trial-ending-{SOON_SECONDS}-3"


@pytest.mark.parametrize(
    ("date", "lead_days", "lead"),
    [
        ("2026-06-03T10:00:00Z", 3, 3),
        ("2026-06-04T12:00:00Z", 3, 3),
        ("2026-06-04T12:00:01Z", 3, None),
        ("2026-06-01T12:00:01Z", 3, 3),
        ("2026-06-01T12:00:00Z", 3, None),
        ("2026-05-31T12:00:00Z", 3, None),
        ("2026-06-03T10:00:00Z", [1, 3, 7], 3),
        ("2026-06-02T10:00:00Z", [7, 1, 3], 1),
        ("2026-06-06T10:00:00Z", [1, 3, 7], 7),
        ("2026-06-09T10:00:00Z", [1, 3, 7], None),
    ],
)
def test_the_nearest_lead_that_has_passed_counts(
    reminders: Any, date: str, lead_days: Any, lead: int | None
) -> None:
    """None before the first lead and none from the date on; the event is dated at the lead."""
    rows = reminders({"lead_days": lead_days}, current_period_ends_at=date)
    if lead is None:
        assert rows == []
        return
    (row,) = rows
    due = datetime.fromisoformat(date.replace("Z", "+00:00"))
    assert row["unique_id"] == f"recurly-sub-sub1-renewal-{int(due.timestamp())}-{lead}"
    assert row["time"] == f"{due - timedelta(days=lead):%Y-%m-%dT%H:%M:%SZ}"
    assert row["properties"]["Lead Days"] == lead


def test_a_pending_change_is_told_with_the_renewal(reminders: Any) -> None:
    """A customer who changes the plan at renewal is told of the new one."""
    (row,) = reminders(pending_change={"plan": {"code": "basic", "name": "Basic"}})
    assert row["properties"]["New Plan Code"] == "basic"
    assert row["properties"]["Plan Code"] == "gold"


CARD = {"payment_method": {"object": "credit_card", "exp_month": 6, "exp_year": 2026}}
HELD = [{"state": "active", "plan": {"code": "gold", "name": "Gold"}}]


@pytest.mark.parametrize(
    ("changes", "expires"),
    [
        ({}, True),
        ({"subscriptions": []}, False),
        ({"subscriptions": [{**HELD[0], "state": "expired"}]}, False),
        ({"billing_info": None}, False),
        ({"billing_info": {}}, False),
        ({"state": "inactive"}, True),
    ],
)
def test_an_expiring_card_matters_to_who_holds_a_plan(
    snapshot: RecordFactory, changes: dict[str, Any], *, expires: bool
) -> None:
    """The last day of the card's month, for a person with a plan and a card."""
    now = datetime(2026, 6, 28, 9, 0, tzinfo=timezone.utc)
    transform = Transform({"metrics": ["Expiring Card"]}, clock=lambda: now)
    record = snapshot(**{"billing_info": CARD, "subscriptions": HELD, **changes})
    rows = [row for _, row in transform.rows("account_snapshots", record)[1:]]
    assert [(row["unique_id"], row["time"]) for row in rows] == [
        ("recurly-account-acc1-card-expiring-2026-06-30-3", "2026-06-27T00:00:00Z")
    ] * expires


def test_a_person_is_reminded_of_the_card_once(snapshot: RecordFactory) -> None:
    """Snapshots of both accounts tell of the leading one's card under one id."""
    now = datetime(2026, 6, 28, 9, 0, tzinfo=timezone.utc)
    transform = Transform({"metrics": ["Expiring Card"]}, clock=lambda: now)
    leading = snapshot(id="acc1", billing_info=CARD, subscriptions=HELD)
    other = snapshot(id="acc2", state="inactive", billing_info=None, subscriptions=[])
    ids = {
        row["unique_id"]
        for record in ({**leading, "same_email": [other]}, {**other, "same_email": [leading]})
        for _, row in transform.rows("account_snapshots", record)[1:]
    }
    assert ids == {"recurly-account-acc1-card-expiring-2026-06-30-3"}


def _stopped_at(now: datetime) -> Callable[[], datetime]:
    return lambda: now


@given(st.lists(st.integers(0, 24 * 40), min_size=1), st.sets(st.integers(1, 30), min_size=1))
def test_a_reminder_read_often_is_one_event_per_lead(hours: list[int], leads: set[int]) -> None:
    """However often and whenever the account is read, an id always has one and the same time."""
    renews_at = NOW + timedelta(days=32)
    record = {
        "id": "acc1",
        "code": "a",
        "email": "a@mail.dev",
        "same_email": [],
        "subscriptions": [
            {
                "id": "sub1",
                "state": "active",
                "plan": {"code": "gold"},
                "current_period_ends_at": f"{renews_at:%Y-%m-%dT%H:%M:%SZ}",
            }
        ],
    }
    times: dict[str, set[str]] = {}
    for hour in hours:
        now = NOW + timedelta(hours=hour)
        transform = Transform(
            {"metrics": ["reminders"], "lead_days": sorted(leads)}, clock=_stopped_at(now)
        )
        for _, row in transform.rows("account_snapshots", record)[1:]:
            times.setdefault(row["unique_id"], set()).add(row["time"])
            assert row["time"] <= f"{now:%Y-%m-%dT%H:%M:%SZ}"
            assert now < renews_at
    assert all(len(each) == 1 for each in times.values())
    assert len(times) <= len(leads)
