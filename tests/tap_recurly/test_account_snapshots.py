"""Account snapshots: every touched account as it is now, with all of its subscriptions."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

STREAMS = ["account_snapshots"]


def subscribe(
    site: HandmadeSite,
    account: str,
    code: str,
    *,
    moment: datetime | None = None,
    **attributes: Any,
) -> None:
    """Let an account have a subscription, changed at a moment or now."""
    site.put(
        "/subscriptions",
        f"{account}-{code}",
        moment,
        account={"id": account},
        plan={"code": code, "name": code.title()},
        state="active",
        colour_of_the_house="green",
        **attributes,
    )


def populate(site: HandmadeSite, accounts: int) -> None:
    """Accounts with one subscription each, a day old."""
    site.now -= timedelta(days=1)
    for index in range(accounts):
        site.put("/accounts", f"acc{index}", site.now + timedelta(seconds=index))
        subscribe(site, f"acc{index}", "basic")
    site.now += timedelta(days=1)


def plans(run: Run) -> dict[str, list[str]]:
    """Plan codes by account, as the snapshots tell them."""
    return {
        record["id"]: [one["plan"]["code"] for one in record["subscriptions"]]
        for record in run.records("account_snapshots")
    }


def test_first_run_takes_all_accounts(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """The first run gives every account once, in order of `updated_at`, without the site's rest."""
    populate(site, 30)
    run = sync(STREAMS)
    assert run.code == 0, run.stderr
    assert plans(run) == {f"acc{index}": ["basic"] for index in range(30)}
    times = [record["updated_at"] for record in run.records("account_snapshots")]
    assert times == sorted(times)
    assert "colour_of_the_house" not in run.stdout
    assert run.state["bookmarks"]["account_snapshots"]["last_sweep"] == "2024-06-01T12:00:00Z"


@pytest.mark.parametrize("accounts", [1, 300])
def test_changed_subscription_touches_its_account(
    site: HandmadeSite, sync: Callable[..., Run], accounts: int
) -> None:
    """A new subscription brings its account with all plans, whichever way they are read."""
    populate(site, accounts)
    first = sync(STREAMS)
    site.now += timedelta(hours=1)
    subscribe(site, "acc0", "extra")
    site.requests.clear()
    second = sync(STREAMS, state=first.state)
    assert plans(second) == {"acc0": ["basic", "extra"]}
    one_call = [("GET", "/accounts/acc0/subscriptions")]
    calls = [request[:2] for request in site.requests if request[1].endswith("c0/subscriptions")]
    assert calls == one_call


def test_many_touched_accounts_read_the_whole_list(
    site: HandmadeSite, sync: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    """Where one request per account would cost more, the list of all subscriptions is read."""
    populate(site, 20)
    first = sync(STREAMS)
    site.now += timedelta(hours=1)
    for index in range(5):
        site.put("/accounts", f"acc{index}")
    site.requests.clear()
    caplog.set_level("INFO")
    second = sync(STREAMS, state=first.state)
    assert plans(second) == {f"acc{index}": ["basic"] for index in range(5)}
    assert not [path for _, path, _ in site.requests if path.startswith("/accounts/")]
    assert (
        "5 accounts to read, 20 subscriptions on the site: reading subscriptions as one"
        in caplog.text
    )


def test_cards_are_swept(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """After `account_sweep_hours` all accounts count as touched: cards change silently."""
    populate(site, 3)
    first = sync(STREAMS)
    site.now += timedelta(hours=23)
    site.change("/accounts", "acc1", billing_info={"id": "new"})
    early = sync(STREAMS, state=first.state)
    assert early.records("account_snapshots") == []
    site.now += timedelta(hours=1)
    never = sync(STREAMS, state=early.state, account_sweep_hours=0)
    assert never.records("account_snapshots") == []
    due = sync(STREAMS, state=early.state)
    cards = {row["id"]: row.get("billing_info") for row in due.records("account_snapshots")}
    assert cards == {"acc0": None, "acc1": {"id": "new"}, "acc2": None}
    swept = due.state["bookmarks"]["account_snapshots"]["last_sweep"]
    assert swept == "2024-06-02T12:00:00Z"


def test_start_date_leaves_plan_lists_complete(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """A late start leaves out old accounts, not the old subscriptions of touched ones."""
    populate(site, 3)
    site.put("/accounts", "acc1")
    run = sync(STREAMS, start_date="2024-06-01")
    assert plans(run) == {"acc1": ["basic"]}
    again = sync(STREAMS, start_date="2024-06-01", state=run.state, lookback_seconds=0)
    assert set(plans(again)) <= {"acc1"}


def test_account_that_has_gone_is_no_row(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """An account that vanishes between the lists is left out; the others are read."""
    populate(site, 300)
    first = sync(STREAMS)
    site.now += timedelta(hours=1)
    site.put("/accounts", "acc1")
    site.put("/accounts", "acc2")

    def vanish(_method: str, path: str, _params: dict[str, str]) -> None:
        if path == "/accounts/acc1/subscriptions":
            site.delete("/accounts", "acc1")

    site.before = vanish
    second = sync(STREAMS, state=first.state)
    assert second.code == 0, second.stderr
    assert plans(second) == {"acc2": ["basic"]}


def test_subscription_that_moves_during_the_read_is_in(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """A subscription that changes while the list is read is found in the list's open tail."""
    populate(site, 5)

    def renew(_method: str, path: str, params: dict[str, str]) -> Answer | None:
        if path == "/subscriptions" and "end_time" in params and site.now.minute == 0:
            site.now += timedelta(minutes=1)
            subscribe(site, "acc3", "basic", renewed=True)
        return None

    site.before = renew
    run = sync(STREAMS)
    assert plans(run)["acc3"] == ["basic"]


def test_deselected_subscriptions_cost_nothing(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """Without `subscriptions` none are read for the snapshots; they only tell who is touched."""
    site.fill("/accounts", 3)
    subscribe(site, "accounts-1", "gold", moment=site.now - timedelta(days=2))
    first = sync(STREAMS, deselect=[("subscriptions",)])
    assert len(first.records(*STREAMS)) == 3
    assert {path for _, path, _ in site.requests} == {"/accounts"}
    site.now += timedelta(hours=1)
    subscribe(site, "accounts-1", "silver")
    site.now += timedelta(minutes=1)
    second = sync(STREAMS, state=first.state, deselect=[("subscriptions",)])
    assert [row["id"] for row in second.records(*STREAMS)] == ["accounts-1"]
    assert not [path for _, path, _ in site.requests if path.endswith("1/subscriptions")]


@pytest.mark.parametrize(
    "odd", [{"account": "text"}, {"account": 5}, {"account": [1]}, {"account": {"id": 5}}]
)
def test_subscription_without_an_account(
    site: HandmadeSite, sync: Callable[..., Run], caplog: pytest.LogCaptureFixture, odd: Any
) -> None:
    """A subscription that names no account is in no snapshot, which is said; the rest is read."""
    site.fill("/accounts", 300)
    site.put("/subscriptions", "odd", **odd)
    site.put("/subscriptions", "good", created_at=5, account={"id": "accounts-1"}, plan=[1])
    run = sync(STREAMS)
    assert run.code == 0, run.stderr
    assert len(run.records(*STREAMS)) == 300
    assert sum(len(row["subscriptions"]) for row in run.records(*STREAMS)) == 1
    assert "Subscriptions that name no account" in caplog.text


def test_bookmark_waits_for_all_rows(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """A run that fails half-way leaves the bookmark where it was."""
    populate(site, 3)
    first = sync(STREAMS)
    site.now += timedelta(hours=1)
    site.put("/accounts", "acc1")
    body = json.dumps({"error": {"type": "validation", "message": "No."}}).encode()
    site.before = lambda _method, path, _params: (
        (400, {}, body) if path == "/accounts/acc1/subscriptions" else None
    )
    second = sync(STREAMS, state=first.state)
    assert second.code == 1
    assert second.state["bookmarks"] == first.state["bookmarks"]


class LivingMerchant:
    """Changes accounts and subscriptions before every request, some of them committed late."""

    LAG = timedelta(seconds=60)

    def __init__(self, site: HandmadeSite, seed: int) -> None:
        self.site = site
        self.chance = random.Random(seed)  # noqa: S311 (a simulation keeps no secrets)
        self.late: list[tuple[datetime, Callable[[], None]]] = []
        self.versions = 0
        for index in range(self.chance.choice([3, 40])):
            yesterday, email = site.now - timedelta(days=1), f"person{index // 2}@mail.dev"
            site.put("/accounts", f"acc{index}", yesterday, email=email)
            subscribe(site, f"acc{index}", "basic")

    def live(self, *_request: object) -> Answer | None:
        """Let some seconds pass, and something happen in them."""
        self.site.now += timedelta(seconds=self.chance.choice([0, 1, 20]))
        self.commit()
        account = self.chance.choice([*self.site.rows("/accounts")])
        moment = self.site.now
        self.versions += 1
        version = self.versions
        codes = [*self.owned()[account], f"{account}-p{version}"]
        code = self.chance.choice(codes).partition("-")[2]

        def change() -> None:
            subscribe(self.site, account, code, moment=moment, quantity=version)
            if version % 3 == 0:
                self.site.change("/accounts", account, updated_at=moment)

        lag = self.chance.choice([timedelta(0), self.LAG * self.chance.random()])
        busy = any(commit > self.site.now for commit, _ in self.late)
        if lag and not busy:
            self.late.append((moment + lag, change))
        elif not busy:
            change()
        return None

    def commit(self) -> None:
        """Make visible what is due."""
        for due, change in self.late:
            if due <= self.site.now:
                change()
        self.late = [(due, change) for due, change in self.late if due > self.site.now]

    def person(self, email: str) -> set[str]:
        """The accounts with an address."""
        accounts = self.site.rows("/accounts").items()
        return {account for account, row in accounts if row["email"] == email}

    def owned(self) -> dict[str, dict[str, Any]]:
        """Each account's subscriptions by id, with the number of their last change."""
        owned: dict[str, dict[str, Any]] = {account: {} for account in self.site.rows("/accounts")}
        for row_id, row in self.site.rows("/subscriptions").items():
            owned[row["account"]["id"]][row_id] = row.get("quantity")
        return owned


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(more, marks=pytest.mark.campaign) for more in range(4, 12))]
)
def test_no_plan_is_lost_while_the_merchant_goes_on(
    site: HandmadeSite, sync: Callable[..., Run], seed: int
) -> None:
    """No snapshot ever lacks a subscription; after a last run all are as the site has them."""
    merchant = LivingMerchant(site, seed)
    site.before = merchant.live
    state: dict[str, Any] = {}
    latest: dict[str, dict[str, Any]] = {}
    for quiet in (False, False, False, True):
        if quiet:
            site.before = lambda *_: None
            site.now += merchant.LAG
            merchant.commit()
        known = merchant.owned()
        run = sync(STREAMS, state=state, account_sweep_hours=0)
        assert run.code == 0, run.stderr
        state = run.state
        for record in run.records("account_snapshots"):
            person = [record, *record["same_email"]]
            assert {account["id"] for account in person} == merchant.person(record["email"])
            for account in person:
                told = {one["id"]: one.get("quantity") for one in account["subscriptions"]}
                assert told.keys() >= known[account["id"]].keys()
            latest[record["id"]] = {
                one["id"]: one.get("quantity") for one in record["subscriptions"]
            }
    assert latest == merchant.owned()
