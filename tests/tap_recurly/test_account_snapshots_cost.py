"""Account snapshots: what they cost in requests."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.tap_recurly.small_merchant import SmallMerchant, first_read, snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run

ONLY = ["account_snapshots"]


def test_quiet_increment_asks_for_nothing_else(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """Where nothing has changed, a count and a page of each of four lists see that."""
    merchant.open("a", "ann@mail.dev")
    merchant.subscribe("a")
    first = first_read(merchant.site, sync)
    assert snapshots(sync(ONLY, state=first.state)) == {}
    assert [request[:2] for request in merchant.site.requests] == [
        (method, path)
        for path in ("/accounts", "/subscriptions", "/invoices", "/transactions")
        for method in ("HEAD", "GET")
    ]


@pytest.mark.parametrize(("touched", "one_by_one"), [(1, True), (3, True), (4, True), (10, False)])
def test_increment_takes_the_cheaper_way(
    merchant: SmallMerchant,
    sync: Callable[..., Run],
    *,
    touched: int,
    one_by_one: bool,
) -> None:
    """Addresses and subscriptions are asked for one by one, or as lists when that costs less."""
    site = merchant.site
    for number in range(850):
        merchant.open(f"a{number}", f"a{number}@mail.dev")
        merchant.subscribe(f"a{number}")
        site.now += timedelta(minutes=3)
    first = first_read(merchant.site, sync)
    for number in range(touched):
        merchant.pay(f"a{number}")
    assert snapshots(sync(ONLY, state=first.state)).keys() == {f"a{n}" for n in range(touched)}
    asked = [(path, params) for _, path, params in site.requests]
    by_address = sum("email" in params for _, params in asked)
    by_account = sum(path.count("/") > 1 for path, _ in asked)
    assert (by_address, by_account) == ((touched, touched) if one_by_one else (0, 0))
    # Eight see what changed, one reads the touched, one the plans; two lists of five pages each
    # cost two counts and a tail beside them, and a page where their partitions meet.
    lists = 0 if touched == 1 else 2 if one_by_one else 2 * (5 + 4)
    assert len(asked) <= 10 + by_address + by_account + lists


def test_sweep_costs_a_few_requests_beside_its_pages(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """All accounts with all that belongs to them cost the two lists, their tails and the plans."""
    for number in range(1000):
        merchant.open(f"a{number}", f"a{number % 400}@mail.dev")
        merchant.subscribe(f"a{number}")
        merchant.site.now += timedelta(minutes=3)
    run = sync(ONLY)
    assert snapshots(run) == merchant.snapshots()
    pages = 1000 // 200
    assert len(merchant.site.requests) <= 2 * (pages + 6) + 1
