"""Account snapshots against the oracle: whatever the merchant does, and whatever list fails."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tap_recurly.small_merchant import SmallMerchant, first_read, snapshots

from tap_recurly.http.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

ONLY = ["account_snapshots"]
HOUR = timedelta(hours=1)
RETRY = RetryPolicy(
    max_tries=3, max_tries_unreached=3, min_backoff_seconds=0, min_interval_seconds=0
)
ACCOUNTS = st.sampled_from(["a", "b", "c", "d", "e"])
ADDRESSES = st.sampled_from(
    [None, "", "one@x.dev", "One@x.dev ", "ONE@X.DEV", "two@x.dev", "straße@x.dev"]
)
DEEDS = st.one_of(
    st.tuples(st.just("open"), ACCOUNTS, ADDRESSES),
    st.tuples(st.just("change"), ACCOUNTS, ADDRESSES),
    st.tuples(st.just("subscribe"), ACCOUNTS, st.sampled_from(["basic", "yearly", "gone"])),
    st.tuples(st.just("pay"), ACCOUNTS, st.sampled_from(["/invoices", "/transactions"])),
    st.tuples(st.just("card"), ACCOUNTS, st.integers(2030, 2040)),
)


def do(merchant: SmallMerchant, deed: tuple[str, str, Any]) -> set[str]:
    """Do what fits; the accounts that it touches."""
    kind, account, value = deed
    known = account in merchant.site.rows("/accounts")
    if kind == "open" and not known:
        merchant.open(account, value)
    elif kind == "change" and known:
        merchant.change(account, email=value)
    elif kind == "subscribe" and known:
        merchant.subscribe(account, value)
    elif kind == "pay" and known:
        merchant.pay(account, value)
    else:
        if known and kind == "card":
            merchant.change_card(account, value)
        return set()
    return {account}


@pytest.mark.parametrize(
    "cases", [8, pytest.param(400, marks=[pytest.mark.campaign, pytest.mark.timeout(1800)])]
)
def test_snapshots_are_as_the_oracle_says(
    site: HandmadeSite, sync: Callable[..., Run], cases: int
) -> None:
    """Every run gives the touched accounts, all of them after a day, each exactly as it is."""

    @settings(max_examples=cases, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(DEEDS, min_size=4, max_size=14),
        st.lists(st.lists(DEEDS, max_size=5), min_size=1, max_size=3),
        st.booleans(),
    )
    def check(
        beginning: list[tuple[str, str, Any]],
        runs: list[list[tuple[str, str, Any]]],
        is_large: bool,  # noqa: FBT001 (hypothesis gives it)
    ) -> None:
        site.start_over()
        undisturbed = site.before
        merchant = SmallMerchant(site)
        for deed in beginning:
            do(merchant, deed)
            site.now += timedelta(seconds=1)
        site.now += HOUR
        run = sync(ONLY)
        assert snapshots(run) == merchant.snapshots()
        for deeds in runs:
            site.now += HOUR
            touched: set[str] = set().union(*(do(merchant, deed) for deed in deeds))
            site.now += HOUR
            site.before = _counts_many if is_large else undisturbed
            run = sync(ONLY, state=run.state)
            truth = merchant.snapshots()
            assert snapshots(run) == {account: truth[account] for account in touched}
        site.now += timedelta(days=1)
        site.before = undisturbed
        assert snapshots(sync(ONLY, state=run.state)) == merchant.snapshots()

    check()


def _counts_many(method: str, path: str, params: dict[str, str]) -> Answer | None:
    """Count both lists as so long that nobody reads them whole."""
    whole = "begin_time" not in params and path in ("/accounts", "/subscriptions")
    return (200, {"Recurly-Total-Records": "100000"}, b"") if method == "HEAD" and whole else None


@pytest.mark.parametrize("path", ["/plans", "/invoices", "/transactions", "email", "ids"])
@pytest.mark.parametrize("status", [400, 500])
def test_list_that_fails_leaves_the_bookmark(
    merchant: SmallMerchant,
    sync: Callable[..., Run],
    path: str,
    status: int,
) -> None:
    """Where a list that snapshots need fails, nothing is passed over: the next run gives all."""
    site = merchant.site
    for account in "ab":
        merchant.open(account, "ann@mail.dev")
        merchant.subscribe(account)
    first = first_read(merchant.site, sync)
    merchant.pay("a")
    wrong: Answer = (status, {}, b'{"error": {"type": "validation", "message": "So it is"}}')
    site.before = lambda _method, asked, params: wrong if asked == path or path in params else None
    second = sync(ONLY, state=first.state, retry=RETRY)
    assert second.code == 1
    assert second.stderr.endswith(".")
    assert second.state["bookmarks"] == first.state["bookmarks"]
    site.before = lambda *_: None
    truth = merchant.snapshots()["a"]
    assert snapshots(sync(ONLY, state=second.state)) == {"a": truth}
