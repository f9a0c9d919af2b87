"""Account snapshots: who shares the address."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.tap_recurly.small_merchant import SmallMerchant, first_read, snapshots

from tap_recurly.streams.snapshot_store import MAX_SAME_EMAIL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer

ONLY = ["account_snapshots"]
HOUR = timedelta(hours=1)


def others(run: Run) -> dict[str, list[str]]:
    """Who shares the address with each account that was emitted."""
    return {
        account: [other["id"] for other in record["same_email"]]
        for account, record in snapshots(run).items()
    }


def test_address_is_the_same_but_for_case_and_space(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """The first read tells the other accounts with the address, oldest first; no address none.

    Characters of no width, as copying brings them along, are space; a like letter is another.
    """
    addresses = {
        "c": "Ann@mail.dev",
        "a": " ann@MAIL.dev ",
        "b": "ann@mail.dev \u200b",
        "x": None,
        "y": "",
        "z": " ",
        "alone": "strasse@mail.dev",
        "lonely": "straße@mail.dev",
    }
    for account, email in addresses.items():
        merchant.open(account, email)
        merchant.site.now += HOUR
    assert others(sync(ONLY)) == {
        "c": ["a", "b"],
        "a": ["c", "b"],
        "b": ["c", "a"],
        **{account: [] for account in ("x", "y", "z", "alone", "lonely")},
    }


@pytest.mark.parametrize(("minds_case", "requests"), [(False, 1), (True, 2)])
def test_one_touched_account_asks_for_its_address(
    merchant: SmallMerchant,
    sync: Callable[..., Run],
    *,
    minds_case: bool,
    requests: int,
) -> None:
    """An increment asks once for the address, and again if Recurly minds how it is written."""
    site = merchant.site
    merchant.open("old", "Ann@mail.dev")
    merchant.subscribe("old")
    merchant.open("new", "Ann@mail.dev")
    merchant.open("bob", "bob@mail.dev")
    first = first_read(merchant.site, sync)
    site.recurly.options.email_any_case = not minds_case
    merchant.change("new")
    second = snapshots(sync(ONLY, state=first.state))
    assert second == {"new": merchant.snapshots()["new"]}
    assert sum("email" in params for _, _, params in site.requests) == requests


def test_several_touched_accounts_of_one_person(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """Each touched account of a person is emitted, each with the others and all their plans."""
    for account in "abc":
        merchant.open(account, "ann@mail.dev")
        merchant.subscribe(account, "yearly")
    first = first_read(merchant.site, sync)
    merchant.subscribe("a")
    merchant.change("b")
    truth = merchant.snapshots()
    assert snapshots(sync(ONLY, state=first.state)) == {"a": truth["a"], "b": truth["b"]}


def test_account_that_leaves_an_address(merchant: SmallMerchant, sync: Callable[..., Run]) -> None:
    """Who changes the address is told with those at the new one; the sweep tells those left."""
    site = merchant.site
    for account, email in {"a": "one@mail.dev", "b": "one@mail.dev", "c": "two@mail.dev"}.items():
        merchant.open(account, email)
    first = first_read(merchant.site, sync)
    merchant.change("b", email="TWO@mail.dev")
    second = sync(ONLY, state=first.state)
    assert others(second) == {"b": ["c"]}
    site.now += timedelta(days=1)
    assert others(sync(ONLY, state=second.state)) == {"a": [], "b": ["c"], "c": ["b"]}


@pytest.mark.parametrize("sweeps", [True, False])
def test_account_that_changes_during_the_read_is_told(
    merchant: SmallMerchant,
    sync: Callable[..., Run],
    *,
    sweeps: bool,
) -> None:
    """An account that leaves the window while the list is read is told with the others."""
    site = merchant.site
    for account in "abc":
        merchant.open(account, "ann@mail.dev")
        merchant.open(f"{account}-alone", f"{account}@mail.dev")
    first = first_read(merchant.site, sync)
    site.now += timedelta(days=2)
    for account in ("a", "a-alone", "b-alone"):
        merchant.change(account)

    def change(_method: str, path: str, params: dict[str, str]) -> Answer | None:
        if path == "/accounts" and "end_time" in params and "begin_time" not in params:
            site.now += timedelta(seconds=1)
            merchant.change("b")
        return None

    site.before = change
    run = sync(ONLY, state=first.state, account_sweep_hours=24 if sweeps else 0)
    assert others(run)["a"] == ["b", "c"]


def test_an_address_of_thousands_is_no_person(
    merchant: SmallMerchant,
    sync: Callable[..., Run],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of a placeholder's accounts each tells the same oldest ones, which is said."""
    for number in range(MAX_SAME_EMAIL + 150):
        merchant.open(f"acc{number:03}", "none@mail.dev")
        merchant.site.now += timedelta(seconds=1)
    oldest = [f"acc{number:03}" for number in range(MAX_SAME_EMAIL + 1)]
    first = first_read(merchant.site, sync)
    assert others(first)["acc249"] == oldest[:-1]
    assert others(first)["acc000"] == oldest[1:]
    assert "250 accounts share their e-mail address with more than 100 others" in caplog.text
    caplog.clear()
    merchant.change("acc200")
    assert others(sync(ONLY, state=first.state)) == {"acc200": oldest[:-1]}
    assert sum("email" in params for _, _, params in merchant.site.requests) == 1
    assert "1 accounts share" in caplog.text
