"""Account snapshots: who shares the address, and what touches an account beside its own change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tap_recurly.conftest import TinyRecurly, refusal
from tests.tap_recurly.small_merchant import SmallMerchant

from tap_recurly.http.retry import RetryPolicy
from tap_recurly.streams import STREAMS
from tap_recurly.streams.account_snapshots import AccountSnapshots
from tap_recurly.streams.snapshot_store import MAX_SAME_EMAIL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Answer, Run

ONLY = ["account_snapshots"]
HOUR = timedelta(hours=1)
RETRY = RetryPolicy(
    max_tries=3, max_tries_unreached=3, min_backoff_seconds=0, min_interval_seconds=0
)


@pytest.fixture
def merchant(site: TinyRecurly) -> SmallMerchant:
    """A merchant with nobody yet."""
    return SmallMerchant(site)


def first_read(site: TinyRecurly, sync: Callable[..., Run], **options: Any) -> Run:
    """Read all for the first time, an hour after the last change and before the next."""
    site.now += HOUR
    run = sync(ONLY, **options)
    site.now += HOUR
    site.requests.clear()
    return run


def snapshots(run: Run) -> dict[str, dict[str, Any]]:
    """The snapshots by account, each account once."""
    records = run.records("account_snapshots")
    assert run.code == 0, run.stderr
    assert len({record["id"] for record in records}) == len(records)
    return {record["id"]: record for record in records}


def others(run: Run) -> dict[str, list[str]]:
    """Who shares the address with each account that was emitted."""
    return {
        account: [other["id"] for other in record["same_email"]]
        for account, record in snapshots(run).items()
    }


def paths(site: TinyRecurly) -> list[str]:
    """What was asked, in order."""
    return [path for _, path, _ in site.asked()]


def test_address_is_the_same_but_for_case_and_space(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """The first read tells the other accounts with the address, oldest first; no address none."""
    addresses = {
        "c": "Ann@mail.dev",
        "a": " ann@MAIL.dev ",
        "b": "ann@mail.dev",
        "x": None,
        "y": "",
        "z": " ",
        "alone": "bob@mail.dev",
    }
    for account, email in addresses.items():
        merchant.open(account, email)
        merchant.site.now += HOUR
    assert others(sync(ONLY)) == {
        "c": ["a", "b"],
        "a": ["c", "b"],
        "b": ["c", "a"],
        **{account: [] for account in ("x", "y", "z", "alone")},
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
    site.minds_case = minds_case
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
    asked = {*paths(site), *(name for _, _, params in site.asked() for name in params)}
    assert not unasked & asked


def test_payments_are_read_for_what_they_change(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """Without cards and past-due marks no payment is asked for; nor is one at the first read."""
    merchant.open("a", None)
    unwanted = [("billing_info",), ("has_past_due_invoice",)]
    first = first_read(merchant.site, sync, deselect=unwanted, start_date="2024-01-01")
    sync(ONLY, state=first.state, deselect=unwanted)
    sync(ONLY, start_date="2024-01-01")
    assert not {"/invoices", "/transactions"} & {*paths(merchant.site)}


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
    merchant.site.lists["/subscriptions"]["sub-002"].record["plan"]["name"] = None
    told = [one["plan"] for one in snapshots(sync(ONLY))["a"]["subscriptions"]]
    yearly = {"id": "plan-yearly", "code": "yearly", "name": "Yearly"}
    lost = {"id": "plan-lost", "code": "lost", "name": None}
    assert told == [{**yearly, "interval_unit": "months", "interval_length": 12}, lost]
    assert paths(site).count("/plans") == 1
    no = refusal(403, "invalid_permissions", "Not for you")
    site.before = lambda _method, path, _params: no if path == "/plans" else None
    told = [one["plan"] for one in snapshots(sync(ONLY))["a"]["subscriptions"]]
    assert told == [yearly, lost]
    assert "without their plans' intervals" in caplog.text


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


def test_snapshots_come_before_payments(merchant: SmallMerchant, sync: Callable[..., Run]) -> None:
    """A person's snapshot is out before any of its invoices and transactions."""
    merchant.open("a", "ann@mail.dev")
    merchant.pay("a", "/invoices")
    merchant.pay("a", "/transactions")
    run = sync(["transactions", "invoices", "account_snapshots"])
    order = [message["stream"] for message in run.messages if message["type"] == "RECORD"]
    assert order == ["account_snapshots", "invoices", "transactions"]
    assert {"account_snapshots", "invoices", "transactions"} <= {each.name for each in STREAMS}


# --- What it costs ---------------------------------------------------------------------------


def test_quiet_increment_asks_for_nothing_else(
    merchant: SmallMerchant, sync: Callable[..., Run]
) -> None:
    """Where nothing has changed, five requests see that."""
    merchant.open("a", "ann@mail.dev")
    merchant.subscribe("a")
    first = first_read(merchant.site, sync)
    assert snapshots(sync(ONLY, state=first.state)) == {}
    assert [request[:2] for request in merchant.site.requests] == [
        ("HEAD", "/accounts"),
        ("GET", "/accounts"),
        ("GET", "/subscriptions"),
        ("GET", "/invoices"),
        ("GET", "/transactions"),
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
    # Five see what changed, one reads the touched, one the plans; two lists of five pages each
    # cost two counts and a tail beside them, and a page where their partitions meet.
    lists = 0 if touched == 1 else 2 if one_by_one else 2 * (5 + 4)
    assert len(asked) <= 7 + by_address + by_account + lists


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


# --- Against the oracle ----------------------------------------------------------------------

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
    known = account in merchant.site.lists["/accounts"]
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
    site: TinyRecurly, sync: Callable[..., Run], cases: int
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
        fresh = TinyRecurly()
        site.lists = {stream.path: {} for stream in STREAMS if "{" not in stream.path}
        site.now, site.before = fresh.now, fresh.before
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
            site.before = _counts_many if is_large else fresh.before
            run = sync(ONLY, state=run.state)
            truth = merchant.snapshots()
            assert snapshots(run) == {account: truth[account] for account in touched}
        site.now += timedelta(days=1)
        site.before = fresh.before
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
    wrong = refusal(status, "validation", "So it is")
    site.before = lambda _method, asked, params: wrong if asked == path or path in params else None
    second = sync(ONLY, state=first.state, retry=RETRY)
    assert second.code == 1
    assert second.stderr.endswith(".")
    assert second.state["bookmarks"] == first.state["bookmarks"]
    site.before = lambda *_: None
    truth = merchant.snapshots()["a"]
    assert snapshots(sync(ONLY, state=second.state)) == {"a": truth}
