"""Account snapshots and payments: who pays is read again, and told before the payment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.tap_recurly.small_merchant import SmallMerchant, first_read, snapshots

from tap_recurly.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run

ONLY = ["account_snapshots"]
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("path", ["/transactions", "/invoices"])
def test_payment_touches_its_account(
    merchant: SmallMerchant, sync: Callable[..., Run], path: str
) -> None:
    """Who pays with a new card is read again, though neither account nor subscription moved."""
    for account in "ab":
        merchant.open(account, f"{account}@mail.dev")
    first = first_read(merchant.site, sync)
    merchant.change_card("b", 2031)
    merchant.pay("b", path)
    merchant.site.put(path, "of-nobody", account=None)
    (record,) = sync(ONLY, state=first.state).records(*ONLY)
    assert record == merchant.snapshots()["b"]
    assert record["billing_info"]["payment_method"]["exp_year"] == 2031


def test_payment_that_becomes_visible_late_touches(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """A payment committed after the read whose moment lies before it is found by the next run."""
    merchant.open("a", "ann@mail.dev")
    first = first_read(merchant.site, sync)
    merchant.site.now += HOUR
    second = sync(ONLY, state=first.state)
    assert snapshots(second) == {}
    merchant.pay("a", moment=merchant.site.now - timedelta(seconds=50))
    merchant.site.now += HOUR
    assert snapshots(sync(ONLY, state=second.state)).keys() == {"a"}


def test_payments_are_read_for_what_they_change(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """Without cards and past-due marks no payment is asked for; nor is one at the first read."""
    merchant.open("a", None)
    unwanted = [("billing_info",), ("has_past_due_invoice",)]
    first = first_read(merchant.site, sync, deselect=unwanted, start_date="2024-01-01")
    sync(ONLY, state=first.state, deselect=unwanted)
    sync(ONLY, start_date="2024-01-01")
    asked = {path for _, path, _ in merchant.site.asked()}
    assert not {"/invoices", "/transactions"} & asked


def test_snapshots_come_before_payments(merchant: SmallMerchant, sync: Callable[..., Run]) -> None:
    """A person's snapshot is out before any of its invoices and transactions."""
    merchant.open("a", "ann@mail.dev")
    merchant.pay("a", "/invoices")
    merchant.pay("a", "/transactions")
    run = sync(["transactions", "invoices", "account_snapshots"])
    order = [message["stream"] for message in run.messages if message["type"] == "RECORD"]
    assert order == ["account_snapshots", "invoices", "transactions"]
    assert {"account_snapshots", "invoices", "transactions"} <= {each.name for each in STREAMS}
