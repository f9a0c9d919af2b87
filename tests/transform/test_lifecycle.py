"""Subscriptions become lifecycle events: every state and combination of dates is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot as expected

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_to_klaviyo import Transform

    RecordFactory = Callable[..., dict[str, Any]]

STATES = ("active", "canceled", "paused", "expired", "future", "failed", "something_new", None)
PAST, AHEAD = "2026-05-10T10:00:00Z", "2026-06-10T10:00:00Z"
PAST_SECONDS = 1778407200


@pytest.fixture
def events(
    transform_with: Callable[..., Transform],
    snapshot: RecordFactory,
    subscription: RecordFactory,
) -> Callable[..., dict[str, dict[str, Any]]]:
    """The lifecycle events of a subscription, by unique id."""

    def read(**changes: Any) -> dict[str, dict[str, Any]]:
        transform = transform_with(metrics=["lifecycle"])
        record = snapshot(subscriptions=[subscription(**changes)])
        (kind, _), *rows = transform.rows("account_snapshots", record)
        assert kind == "profile"
        return {row["unique_id"]: row for _, row in rows}

    return read


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("activated_at", [PAST, AHEAD, None, "soon"])
def test_a_subscription_has_started_when_it_was_activated(
    events: Any, state: str | None, activated_at: str | None
) -> None:
    """In any state once activated; without a date only in states that follow a start."""
    found = events(state=state, activated_at=activated_at).get("recurly-sub-sub1-started")
    has_date = activated_at in {PAST, AHEAD}
    begun = state in {"active", "canceled", "paused", "expired"}
    if has_date:
        assert (found is not None) == (activated_at == PAST)
    else:
        assert (found is not None) == begun
    if found is not None:
        assert found["time"] == (PAST if has_date else "2026-04-20T09:00:00Z")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("started_at", [PAST, AHEAD, None, 7])
def test_a_trial_has_started_at_its_date(events: Any, state: str, started_at: Any) -> None:
    """Whatever became of the subscription, the trial began when its date has come."""
    found = events(state=state, trial_started_at=started_at).get("recurly-sub-sub1-trial-started")
    assert (found is not None) == (started_at == PAST)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("paused_at", [PAST, AHEAD, None])
def test_a_pause_counts_while_it_lasts(events: Any, state: str, paused_at: str | None) -> None:
    """A date left on a subscription that is active again, or lies ahead, counts for nothing."""
    found = events(state=state, paused_at=paused_at)
    paused = f"recurly-sub-sub1-paused-{PAST_SECONDS}"
    assert (paused in found) == (state == "paused" and paused_at == PAST)
    assert all("-paused-" not in unique_id for unique_id in found if unique_id != paused)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("canceled_at", [PAST, AHEAD, None])
def test_a_cancellation_counts_until_it_is_taken_back(
    events: Any, state: str, canceled_at: str | None
) -> None:
    """Of canceled and expired subscriptions; a second cancellation has another id."""
    found = events(state=state, canceled_at=canceled_at)
    canceled = f"recurly-sub-sub1-canceled-{PAST_SECONDS}"
    assert (canceled in found) == (state in {"canceled", "expired"} and canceled_at == PAST)
    again = events(state="canceled", canceled_at="2026-05-20T10:00:00Z")
    assert f"recurly-sub-sub1-canceled-{PAST_SECONDS + 864_000}" in again


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("expires_at", "time", "earliest"),
    [
        (PAST, PAST, None),
        (None, "2026-05-20T10:00:00Z", "2026-04-20T09:00:00Z"),
        (AHEAD, "2026-06-01T12:00:00Z", "2026-04-20T09:00:00Z"),
    ],
)
def test_an_expired_subscription_is_over(
    events: Any, state: str, expires_at: str | None, time: str, earliest: str | None
) -> None:
    """Only in state expired; without its date the last change is when."""
    found = events(state=state, expires_at=expires_at).get("recurly-sub-sub1-expired")
    assert (found is not None) == (state == "expired")
    if found is not None:
        assert (found["time"], found.get("earliest_time")) == (time, earliest)


@pytest.mark.parametrize(
    ("reason", "voluntary"),
    [
        ("canceled", True),
        ("non renewing", True),
        ("nonpayment", False),
        ("nonpayment_gift", False),
        ("nonpayment_trial", False),
        ("tax_location_invalid", False),
        ("something_new", True),
        (None, True),
    ],
)
def test_an_end_for_want_of_payment_is_not_voluntary(
    events: Any, reason: str | None, *, voluntary: bool
) -> None:
    """`Voluntary` tells churn by wish from churn by failed payment."""
    row = events(state="expired", expires_at=PAST, expiration_reason=reason)
    assert row["recurly-sub-sub1-expired"]["properties"]["Voluntary"] is voluntary


def test_a_subscription_event_carries_this(
    transform_with: Callable[..., Transform], snapshot: RecordFactory, subscription: RecordFactory
) -> None:
    """What a flow quotes: plan, price, period, coupons, next renewal; chosen custom fields too."""
    record = snapshot(
        subscriptions=[
            subscription(
                coupon_redemptions=[{"coupon": {"code": "spring"}}],
                custom_fields=[{"name": "team", "value": "blue"}],
            )
        ]
    )
    transform = transform_with(
        metrics=["Started Subscription"], custom_fields={"subscription": ["team"]}
    )
    _, (_, row) = transform.rows("account_snapshots", record)
    assert row == expected(
        {
            "metric": "Started Subscription",
            "unique_id": "recurly-sub-sub1-started",
            "time": "2026-04-20T10:00:00Z",
            "profile": {"email": "anna@mail.dev"},
            "known_as": "acc1",
            "properties": {
                "Recurly ID": "sub1",
                "Account Code": "anna",
                "Currency": "USD",
                "Recurly team": "blue",
                "Subscription ID": "sub1",
                "Plan Code": "gold",
                "Plan Name": "Gold",
                "Quantity": 1,
                "Unit Price": 10.0,
                "Amount": 12.5,
                "Coupon Codes": ["spring"],
                "Collection Method": "automatic",
                "Current Period Start": "2026-05-20T10:00:00Z",
                "Current Period End": "2026-06-20T10:00:00Z",
                "Next Renewal At": "2026-06-20T10:00:00Z",
            },
            "value": 12.5,
            "value_currency": "USD",
        }
    )


def test_only_the_touched_accounts_subscriptions_give_events(
    transform_with: Callable[..., Transform], snapshot: RecordFactory, subscription: RecordFactory
) -> None:
    """Those of the person's other accounts come with these accounts' own snapshots."""
    other = snapshot(id="acc2", subscriptions=[subscription(id="sub2")])
    record = snapshot(subscriptions=[subscription()], same_email=[other])
    rows = transform_with(metrics=["lifecycle"]).rows("account_snapshots", record)
    assert [row["unique_id"] for _, row in rows[1:]] == ["recurly-sub-sub1-started"]


@pytest.mark.parametrize("subscriptions", [None, [], "none", [7]])
def test_without_subscriptions_there_is_a_profile_and_no_event(
    transform_with: Callable[..., Transform], snapshot: RecordFactory, subscriptions: Any
) -> None:
    """Whatever stands where subscriptions belong, the profile is not lost with them."""
    transform = transform_with(metrics=["lifecycle", "reminders"])
    rows = transform.rows("account_snapshots", snapshot(subscriptions=subscriptions))
    assert [kind for kind, _ in rows] == ["profile"]


def test_a_subscription_without_id_costs_its_event_only(
    transform_with: Callable[..., Transform], snapshot: RecordFactory, subscription: RecordFactory
) -> None:
    """The profile and the other subscription's event are there, and the loss is told."""
    transform = transform_with(metrics=["lifecycle"])
    record = snapshot(subscriptions=[subscription(id=None), subscription()])
    rows = transform.rows("account_snapshots", record)
    assert [kind for kind, _ in rows] == ["profile", "event"]
    (sentence,) = transform.summary()
    assert "left out: Started Subscription (1)" in sentence


@pytest.mark.parametrize(
    ("origin", "metric"),
    [
        ("renewal", "Renewed Subscription"),
        ("immediate_change", "Updated Subscription"),
        ("purchase", None),
    ],
)
@pytest.mark.parametrize("kind", ["charge", "legacy", "credit"])
def test_an_invoice_tells_of_each_subscription_it_renews_or_changes(
    transform_with: Callable[..., Transform],
    invoice: RecordFactory,
    kind: str,
    origin: str,
    metric: str | None,
) -> None:
    """One event per subscription named, worth the lines that bill for it, credits included."""
    record = invoice(type=kind, origin=origin, subscription_ids=["sub1", "sub2", "sub1"])
    line = record["line_items"][0]
    record["line_items"] = [
        {**line, "subscription_id": "sub1", "amount": 30.1},
        {**line, "subscription_id": "sub1", "amount": -0.2, "type": "credit", "origin": "credit"},
        {**line, "subscription_id": None, "amount": 5.0},
    ]
    rows = [row for _, row in transform_with(metrics=["lifecycle"]).rows("invoices", record)]
    if metric is None or kind == "credit":
        assert rows == []
        return
    part = metric.split()[0].lower()
    assert [(row["metric"], row["unique_id"], row.get("value")) for row in rows] == [
        (metric, f"recurly-invoice-inv1-{part}-sub1", 29.9),
        (metric, f"recurly-invoice-inv1-{part}-sub2", None),
    ]
    assert rows[0]["properties"]["Plan Code"] == "gold"
