"""The group +status: a person's subscriptions over all accounts, as of now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_to_klaviyo import Transform

    RecordFactory = Callable[..., dict[str, Any]]

TRIAL = {"trial_started_at": "2026-05-20T10:00:00Z", "trial_ends_at": "2026-06-03T10:00:00Z"}
EUR = {"currency": "EUR"}
YEARLY = {"plan": {"code": "year", "interval_unit": "months", "interval_length": 12}}


@pytest.fixture
def status(
    transform_with: Callable[..., Transform], snapshot: RecordFactory, subscription: RecordFactory
) -> Callable[..., dict[str, Any]]:
    """The status properties, without "Recurly ", of an account with subscriptions changed so."""

    def read(*changes: dict[str, Any], **account: Any) -> dict[str, Any]:
        subscriptions = [
            subscription(id=f"sub{number}", **each) for number, each in enumerate(changes)
        ]
        record = snapshot(
            **{"subscriptions": subscriptions, "has_past_due_invoice": False, **account}
        )
        rows = transform_with(properties=["status"]).rows("account_snapshots", record)
        properties: dict[str, Any] = rows[0][1]["properties"]
        return {name.removeprefix("Recurly "): value for name, value in properties.items()}

    return read


def _states(*states: str) -> list[dict[str, str]]:
    return [{"state": state} for state in states]


@pytest.mark.parametrize(
    ("subscriptions", "expected"),
    [
        (_states("expired", "future", "canceled", "paused", "active"), "active"),
        ([*_states("paused", "canceled"), TRIAL], "trial"),
        (_states("canceled", "paused", "expired"), "paused"),
        (_states("future", "canceled"), "canceled"),
        (_states("expired", "future"), "future"),
        (_states("failed", "expired"), "expired"),
        (_states("failed"), "none"),
        ([{**TRIAL, "state": "canceled"}], "canceled"),
        ([], "none"),
    ],
)
def test_the_status_is_the_best_of_any_subscription(
    status: Any, subscriptions: list[dict[str, Any]], expected: str
) -> None:
    """Active before trial before paused before canceled before future before expired."""
    assert status(*subscriptions)["Subscription Status"] == expected


def test_running_subscriptions_are_counted(status: Any) -> None:
    """Active ones, and canceled ones until they end."""
    over = {"state": "canceled", "expires_at": "2026-05-31T10:00:00Z"}
    runs = {"state": "canceled", "expires_at": "2026-06-02T10:00:00Z"}
    assert status({}, over, runs, {"state": "paused"})["Active Subscriptions"] == 2


@pytest.mark.parametrize(
    ("subscriptions", "expected"),
    [
        ([{}], ("2026-06-20", 12.5, "USD")),
        ([{}, {"total": 7.25}], ("2026-06-20", 19.75, "USD")),
        ([{}, EUR], ("2026-06-20", 12.5, "USD")),
        (
            [{}, {**EUR, "current_period_ends_at": "2026-06-10T10:00:00Z"}],
            ("2026-06-10", 12.5, "EUR"),
        ),
        ([{"total": None}], ("2026-06-20", 10.0, "USD")),
        ([TRIAL], (None, None, None)),
        ([{"state": "canceled"}], (None, None, None)),
        ([], (None, None, None)),
    ],
)
def test_the_next_renewal_is_the_earliest_day_and_all_it_bills(
    status: Any, subscriptions: list[dict[str, Any]], expected: tuple[Any, ...]
) -> None:
    """The sum of what renews that day in one currency; cleared when nothing renews."""
    found = status(*subscriptions)
    told = [found[f"Next Renewal {name}"] for name in ("Date", "Amount", "Currency")]
    assert tuple(told) == expected


@pytest.mark.parametrize(
    ("subscriptions", "expected"),
    [
        ([{}], (10.0, "USD")),
        ([{**YEARLY, "subtotal": 100.0}], (8.33, "USD")),
        ([{"plan": {"interval_unit": "days", "interval_length": 365}}], (0.83, "USD")),
        ([{}, EUR, EUR], (20.0, "EUR")),
        ([{}, TRIAL, {"state": "canceled"}], (10.0, "USD")),
        ([TRIAL], (None, None)),
        ([], (None, None)),
        ([{}, {"plan": {"code": "unknown"}}], "left alone"),
    ],
)
def test_monthly_revenue_is_price_by_interval(
    status: Any, subscriptions: list[dict[str, Any]], expected: Any
) -> None:
    """Of active subscriptions out of trial, in the commonest currency; silent without intervals."""
    found = status(*subscriptions)
    if expected == "left alone":
        assert not {"MRR", "MRR Currency"} & found.keys()
    else:
        assert (found["MRR"], found["MRR Currency"]) == expected


@pytest.mark.parametrize(
    ("subscriptions", "reason"),
    [
        (
            [
                {"state": "expired", "expires_at": "2026-05-01T10:00:00Z"},
                {
                    "state": "expired",
                    "expires_at": "2026-05-02T10:00:00Z",
                    "expiration_reason": "nonpayment",
                },
            ],
            "nonpayment",
        ),
        ([{"state": "expired", "expiration_reason": "canceled"}], None),
        (
            [
                {},
                {
                    "state": "expired",
                    "expires_at": "2026-05-02T10:00:00Z",
                    "expiration_reason": "nonpayment",
                },
            ],
            None,
        ),
        ([], None),
    ],
)
def test_the_cancel_reason_is_that_of_the_last_end(
    status: Any, subscriptions: list[dict[str, Any]], reason: str | None
) -> None:
    """Cleared while a plan is held."""
    assert status(*subscriptions)["Cancel Reason"] == reason


def test_the_other_properties(status: Any) -> None:
    """Trial end, first activation, debts and state, each over all accounts or the leading one."""
    other = {
        "id": "acc2",
        "state": "inactive",
        "created_at": "2024-01-01T10:00:00Z",
        "code": "old",
        "has_past_due_invoice": True,
        "billing_info": None,
        "subscriptions": [
            {"id": "sub9", "state": "expired", "activated_at": "2024-02-01T10:00:00Z"}
        ],
    }
    found = status(TRIAL, {"trial_ends_at": "2026-06-02T10:00:00Z"}, same_email=[other])
    assert found["Trial End Date"] == "2026-06-02"
    assert found["Subscriber Since"] == "2024-02-01"
    assert found["Past Due"] is True
    assert found["Account State"] == "active"
    assert status()["Past Due"] is False
    assert status()["Subscriber Since"] is None


@pytest.mark.parametrize(
    ("fields", "value"),
    [([{"name": "size", "value": "L"}], "L"), ([{"name": "size", "value": ""}], None), ([], None)],
)
def test_custom_fields_of_the_account_are_properties(
    transform_with: Callable[..., Transform],
    snapshot: RecordFactory,
    fields: list[dict[str, str]],
    value: str | None,
) -> None:
    """By name, under a name that can be changed; an empty one clears."""
    transform = transform_with(
        custom_fields={"account": ["size"]}, names={"Recurly size": "T-shirt"}
    )
    rows = transform.rows("account_snapshots", snapshot(custom_fields=fields))
    assert rows[0][1]["properties"]["T-shirt"] == value


def test_custom_fields_of_subscriptions_list_those_of_plans_held(
    transform_with: Callable[..., Transform], snapshot: RecordFactory, subscription: RecordFactory
) -> None:
    """A person may hold several plans, so the property is a list."""
    teams = [("active", "blue"), ("paused", "red"), ("active", "blue"), ("expired", "old")]
    record = snapshot(
        subscriptions=[
            subscription(state=state, custom_fields=[{"name": "team", "value": team}])
            for state, team in teams
        ]
    )
    transform = transform_with(custom_fields={"subscription": ["team"]})
    properties = transform.rows("account_snapshots", record)[0][1]["properties"]
    assert properties["Recurly team"] == ["blue", "red"]
