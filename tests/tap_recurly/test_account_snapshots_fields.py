"""Account snapshots: what each field tells, and that what is deselected is nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.tap_recurly.small_merchant import SmallMerchant, first_read, snapshots

from tap_recurly.streams.account_snapshots import AccountSnapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run

ONLY = ["account_snapshots"]


@pytest.mark.parametrize(
    ("unwanted", "unasked", "absent"),
    [
        ("same_email", {"email"}, {"same_email"}),
        ("email", {"email"}, {"same_email", "email"}),
        ("subscriptions", {"/plans", "/accounts/a/subscriptions"}, {"subscriptions"}),
        ("billing_info", {"/transactions"}, set()),
        ("has_past_due_invoice", set(), {"has_past_due_invoice"}),
    ],
)
def test_what_nobody_wants_is_not_read(
    merchant: SmallMerchant,
    sync: Callable[..., Run],
    unwanted: str,
    unasked: set[str],
    absent: set[str],
) -> None:
    """A deselected field costs no request, and is absent also from the accounts told beside."""
    site = merchant.site
    for account in "ab":
        merchant.open(account, "ann@mail.dev", has_past_due_invoice=False)
        merchant.change_card(account, 2030)
        merchant.subscribe(account)
    first = first_read(merchant.site, sync, deselect=[(unwanted,)])
    merchant.change("a")
    second = sync(ONLY, deselect=[(unwanted,)], state=first.state)
    for record in (snapshots(first)["a"], snapshots(second)["a"]):
        assert not absent & record.keys()
        assert ("same_email" in record) == ("same_email" not in absent)
        for other in record.get("same_email", []):
            assert not {*absent, unwanted} & other.keys()
            assert other["id"] == "b"
        assert unwanted != "billing_info" or "2030" not in str(record)
    asked = {word for _, path, params in site.asked() for word in (path, *params)}
    assert not unasked & asked


def test_a_field_deselected_inside_is_absent_inside(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """A part of the card that is deselected is told of no account."""
    for account in "ab":
        merchant.open(
            account,
            "ann@mail.dev",
            hosted_login_token="secret",  # noqa: S106 (made up)
        )
        merchant.change_card(account, 2030)
    run = sync(ONLY, deselect=[("billing_info", "payment_method", "exp_year")])
    for record in snapshots(run).values():
        for account in (record, *record["same_email"]):
            assert account["billing_info"]["payment_method"]["exp_month"] == 1
            assert "exp_year" not in account["billing_info"]["payment_method"]
        assert "secret" not in str(record["same_email"])


def test_plans_tell_their_intervals(
    merchant: SmallMerchant, sync: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    """A subscription's plan has the interval that /plans gives; where it gives none, none."""
    site = merchant.site
    merchant.open("a", "ann@mail.dev")
    merchant.subscribe("a", "yearly")
    merchant.subscribe("a", "lost")
    site.change("/subscriptions", "sub-002", plan={"id": "plan-lost", "code": "lost", "name": None})
    told = [one["plan"] for one in snapshots(sync(ONLY))["a"]["subscriptions"]]
    yearly = {"id": "plan-yearly", "code": "yearly", "name": "Yearly"}
    lost = {"id": "plan-lost", "code": "lost", "name": None}
    assert told == [{**yearly, "interval_unit": "months", "interval_length": 12}, lost]
    assert len(site.asked("GET", "/plans")) == 1
    no = b'{"error": {"type": "invalid_permissions", "message": "Not for you"}}'
    site.before = lambda _method, path, _params: (403, {}, no) if path == "/plans" else None
    told = [one["plan"] for one in snapshots(sync(ONLY))["a"]["subscriptions"]]
    assert told == [yearly, lost]
    assert "without their plans' intervals" in caplog.text


@pytest.mark.parametrize("name", ["subscriptions", "same_email"])
def test_schema_tells_every_field(name: str) -> None:
    """A warehouse learns the types of all that is told inside of the arrays."""
    schema = AccountSnapshots.record_schema()["properties"]
    items = schema[name]["items"]["properties"]
    if name == "same_email":
        card = items["billing_info"]["properties"]["payment_method"]["properties"]
        assert card.keys() == {"object", "card_type", "exp_month", "exp_year", "last_four"}
        assert items["subscriptions"] == schema["subscriptions"]
    else:
        assert items["plan"]["properties"]["interval_length"] == {"type": ["integer", "null"]}
        assert items["plan"]["properties"].keys() == {
            "id", "code", "name", "interval_unit", "interval_length"
        }  # fmt: skip
    assert all(each["type"] for each in items.values())
