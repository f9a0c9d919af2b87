"""Parameters, windows, filters and cursors of the sandbox's lists, over real HTTP."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from recurly_klaviyo_sandbox.recurly.endpoints import LISTINGS

if TYPE_CHECKING:
    from collections.abc import Callable

TOP_LEVEL = [listing for listing in LISTINGS if "{" not in listing.path]
ALL_PARAMETERS = {
    "ids": "a",
    "limit": "10",
    "order": "asc",
    "sort": "updated_at",
    "begin_time": "2026-01-01T00:00:00Z",
    "end_time": "2026-01-01T00:00:00Z",
    "state": "active",
    "type": "charge",
    "email": "a@b.dev",
    "subscriber": "true",
    "past_due": "true",
    "success": "true",
    "original": "true",
    "redeemed": "true",
    "related_type": "account",
    "account_type": "revenue",
    "billing_status": "all",
    "nonsense": "1",
}


def put_accounts(reader: Any, *times: str) -> list[str]:
    """Accounts a0, a1 ... updated at these times of day."""
    for number, time in enumerate(times):
        stamp = f"2026-03-01T{time}Z"
        record = {"id": f"a{number}", "created_at": "2026-01-01T00:00:00Z", "updated_at": stamp}
        reader.site.store.put("accounts", record)
    return [f"a{number}" for number in range(len(times))]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    """The rows' ids in order."""
    return [row["id"] for row in rows]


@pytest.mark.parametrize("listing", TOP_LEVEL, ids=lambda listing: listing.path)
def test_undeclared_parameters_are_refused_per_endpoint(merchant_site: Any, listing: Any) -> None:
    """Each list answers 400 and names the parameter for exactly those it does not declare."""
    for name, value in ALL_PARAMETERS.items():
        admitted = listing.filters.get(name)
        right = next(iter(admitted)) if isinstance(admitted, dict) else value
        response = merchant_site.ask(listing.path, params={name: right})
        if name in listing.declared:
            assert response.status_code == 200, (name, response.text)
        else:
            assert response.status_code == 400
            assert response.json()["error"]["type"] == "bad_request"
            assert response.json()["error"]["params"] == [{"param": name}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("order", "up"),
        ("sort", "email"),
        ("begin_time", "yesterday"),
        ("end_time", ""),
        ("subscriber", "maybe"),
        ("past_due", "false"),
        ("cursor", "nothing"),
        ("cursor", "a:b"),
    ],
)
def test_values_out_of_bounds_are_refused(
    open_site: Callable[..., Any], name: str, value: str
) -> None:
    """400 names the parameter whose value is not admitted."""
    response = open_site().ask("/accounts", params={name: value})
    assert response.status_code == 400
    assert response.json()["error"]["params"] == [{"param": name}]


def test_the_defaults_are_the_harmful_ones(open_site: Callable[..., Any]) -> None:
    """Twenty rows, newest created first, whatever was updated."""
    reader = open_site()
    for day in range(1, 26):
        stamp = f"2026-01-{day:02}T00:00:00Z"
        reader.site.store.put("accounts", {"id": f"a{day:02}", "created_at": stamp})
    page = reader.page("/accounts")
    assert ids(page["data"]) == [f"a{day:02}" for day in range(25, 5, -1)]
    assert page["has_more"]


def test_begin_and_end_are_both_inclusive(open_site: Callable[..., Any]) -> None:
    """Rows on either edge belong to the window."""
    reader = open_site()
    put_accounts(reader, "09:59:59", "10:00:00", "10:30:00", "11:00:00", "11:00:01")
    window = {"begin_time": "2026-03-01T10:00:00Z", "end_time": "2026-03-01T11:00:00Z"}
    found = reader.rows("/accounts", sort="updated_at", order="asc", **window)
    assert ids(found) == ["a1", "a2", "a3"]


def test_the_window_applies_to_the_sort_field(open_site: Callable[..., Any]) -> None:
    """Without sort=updated_at a window is about created_at."""
    reader = open_site()
    put_accounts(reader, "10:00:00")
    assert ids(reader.rows("/accounts", begin_time="2026-02-01T00:00:00Z")) == []
    assert ids(reader.rows("/accounts", end_time="2026-02-01T00:00:00Z")) == ["a0"]


@pytest.mark.parametrize("text", ["2026-03-01T10:00:00", "2026-03-01T11:00:00+01:00"])
def test_times_without_zone_are_utc(open_site: Callable[..., Any], text: str) -> None:
    """A time without zone means UTC, and offsets are understood."""
    reader = open_site()
    put_accounts(reader, "09:59:59", "10:00:00")
    assert ids(reader.rows("/accounts", sort="updated_at", begin_time=text)) == ["a1"]


def test_fractions_of_a_second_are_stored_but_not_shown(open_site: Callable[..., Any]) -> None:
    """A row at 10:00:00.6 shows 10:00:00 and yet lies behind a window that ends there."""
    reader = open_site()
    put_accounts(reader, "10:00:00.600000")
    window = {"sort": "updated_at", "end_time": "2026-03-01T10:00:00Z"}
    assert reader.rows("/accounts", **window) == []
    assert reader.rows("/accounts")[0]["updated_at"] == "2026-03-01T10:00:00Z"


def test_ids_bring_those_that_exist_on_one_page(open_site: Callable[..., Any]) -> None:
    """Unknown ids are ignored, and 200 known ones come at once, without a next."""
    reader = open_site()
    known = put_accounts(reader, *["10:00:00"] * 200)
    page = reader.page("/accounts", ids=",".join([*known[:199], "unknown"]))
    assert sorted(ids(page["data"])) == sorted(known[:199])
    assert (page["has_more"], page["next"]) == (False, None)
    assert reader.ask("/accounts", params={"ids": ",".join([*known, "more"])}).status_code == 400


@pytest.mark.parametrize("name", ["limit", "order", "sort", "begin_time", "state"])
def test_ids_go_with_no_other_parameter(open_site: Callable[..., Any], name: str) -> None:
    """Not even a limit may stand beside ids."""
    parameters = {"ids": "a", name: ALL_PARAMETERS[name]}
    assert open_site().ask("/subscriptions", params=parameters).status_code == 400


def test_next_is_a_path_with_all_parameters_and_a_keyset_cursor(
    open_site: Callable[..., Any],
) -> None:
    """The cursor names the last row's id and its sort value in epoch seconds."""
    reader = open_site()
    put_accounts(reader, "10:00:00", "10:00:01")
    asked = {"limit": "1", "sort": "updated_at", "order": "asc", "begin_time": "2026-03-01T09:00Z"}
    following = reader.page("/accounts", **asked)["next"]
    parts = urlsplit(following)
    assert (parts.scheme, parts.netloc, parts.path) == ("", "", "/accounts")
    sent = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert sent == {**asked, "cursor": "a0:1772359200.000000"}


def test_next_can_be_a_whole_url(open_site: Callable[..., Any]) -> None:
    """By switch `next` names the host, as the prose of the documentation has it."""
    reader = open_site(absolute_next=True)
    put_accounts(reader, "10:00:00", "10:00:01")
    assert reader.page("/accounts", limit=1)["next"].startswith(f"{reader.url}/accounts?")


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 3, 200])
def test_ties_in_one_second_are_paged_without_loss(
    open_site: Callable[..., Any], order: str, limit: int
) -> None:
    """A cluster of rows of the same second is read whole, each row once."""
    reader = open_site()
    known = put_accounts(reader, *["10:00:00"] * 10)
    found = ids(reader.rows("/accounts", limit=limit, sort="updated_at", order=order))
    assert sorted(found) == sorted(known)


def test_an_update_moves_a_row_behind_a_descending_cursor(open_site: Callable[..., Any]) -> None:
    """What is updated between two pages is lost in descending and met again in ascending order."""
    lost_and_found = {}
    for order in ("desc", "asc"):
        reader = open_site()
        put_accounts(reader, "10:00:00", "10:00:01", "10:00:02", "10:00:03")
        page = reader.page("/accounts", limit=2, sort="updated_at", order=order)
        reader.site.store.put("accounts", {"id": "a1", "first_name": "Ada"})
        lost_and_found[order] = ids(page["data"]) + ids(reader.page(page["next"])["data"])
    assert lost_and_found == {"desc": ["a3", "a2", "a0"], "asc": ["a0", "a1", "a2", "a3"]}


def test_head_honours_the_filters(open_site: Callable[..., Any]) -> None:
    """Counting takes windows and filters into account."""
    reader = open_site()
    put_accounts(reader, "10:00:00", "11:00:00")
    parameters = {"sort": "updated_at", "begin_time": "2026-03-01T10:30:00Z"}
    response = reader.ask("/accounts", method="HEAD", params=parameters)
    assert response.headers["Recurly-Total-Records"] == "1"


FILTERS: list[tuple[str, str, str, Callable[[dict[str, Any]], bool]]] = [
    ("/transactions", "type", "payment", lambda r: r["type"] in {"purchase", "capture"}),
    ("/transactions", "type", "refund", lambda r: r["type"] == "refund"),
    ("/transactions", "success", "true", lambda r: bool(r["success"])),
    ("/invoices", "type", "non-legacy", lambda r: r["type"] in {"charge", "credit"}),
    ("/invoices", "type", "legacy", lambda r: r["type"] == "legacy"),
    ("/invoices", "state", "paid", lambda r: r["state"] == "paid"),
    ("/line_items", "type", "credit", lambda r: r["type"] == "credit"),
    ("/line_items", "original", "true", lambda r: r["previous_line_item_id"] is None),
    ("/subscriptions", "state", "canceled", lambda r: r["state"] == "canceled"),
    (
        "/accounts",
        "subscriber",
        "true",
        lambda r: any(r[f"has_{s}_subscription"] for s in ("active", "canceled", "future")),
    ),
    (
        "/accounts",
        "subscriber",
        "false",
        lambda r: not any(r[f"has_{s}_subscription"] for s in ("active", "canceled", "future")),
    ),
    ("/accounts", "past_due", "true", lambda r: bool(r["has_past_due_invoice"])),
    ("/accounts", "email", "", lambda r: not r["email"]),
]


@pytest.mark.parametrize(("path", "name", "value", "belongs"), FILTERS)
def test_filters_find_exactly_what_they_name(
    merchant_site: Any, path: str, name: str, value: str, belongs: Callable[[Any], bool]
) -> None:
    """A filtered list holds the rows of the whole list that belong, and some do."""
    whole = merchant_site.rows(path, limit=200)
    found = merchant_site.rows(path, limit=200, **{name: value})
    assert sorted(ids(found)) == sorted(row["id"] for row in whole if belongs(row))
    assert 0 < len(found) < len(whole)


def test_accounts_are_found_by_their_exact_address(merchant_site: Any) -> None:
    """The e-mail filter is exact, and several accounts may share an address."""
    addresses = [row["email"] for row in merchant_site.rows("/accounts", limit=200) if row["email"]]
    shared = next(address for address in addresses if addresses.count(address) > 1)
    found = merchant_site.rows("/accounts", email=shared)
    assert len(found) == addresses.count(shared)
    assert merchant_site.rows("/accounts", email=shared[1:]) == []


def test_an_option_finds_addresses_in_any_case(open_site: Callable[..., Any]) -> None:
    """With `email_any_case` neither case nor space around an address matters."""
    reader = open_site(email_any_case=True)
    for number, address in enumerate(("ann@mail.dev", " Ann@MAIL.dev ", "bob@mail.dev", None)):
        reader.site.store.put("accounts", {"id": f"a{number}", "email": address})
    assert sorted(ids(reader.rows("/accounts", email="ANN@mail.dev"))) == ["a0", "a1"]


def test_live_leaves_paused_subscriptions_out(open_site: Callable[..., Any]) -> None:
    """`live` is active, canceled, future or in trial; a paused subscription is not live."""
    reader = open_site()
    for state in ("active", "canceled", "future", "paused", "expired"):
        reader.site.store.put("subscriptions", {"id": state, "state": state})
    now = reader.site.clock.now()
    trial = {
        "trial_started_at": (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "trial_ends_at": (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    reader.site.store.put("subscriptions", {"id": "trial", "state": "active", **trial})
    live = ids(reader.rows("/subscriptions", state="live"))
    assert sorted(live) == ["active", "canceled", "future", "trial"]
    assert ids(reader.rows("/subscriptions", state="in_trial")) == ["trial"]


def test_lists_of_one_parent_hold_its_rows_only(merchant_site: Any) -> None:
    """An account's and an invoice's lists are parts of the whole lists."""
    lines = merchant_site.rows("/line_items", limit=200)
    invoice = lines[0]["invoice_id"]
    found = merchant_site.rows(f"/invoices/{invoice}/line_items", limit=200)
    assert sorted(ids(found)) == sorted(ids([r for r in lines if r["invoice_id"] == invoice]))
    subscriptions = merchant_site.rows("/subscriptions", limit=200)
    account = subscriptions[0]["account"]["id"]
    found = merchant_site.rows(f"/accounts/{account}/subscriptions", limit=200)
    owned = [row for row in subscriptions if row["account"]["id"] == account]
    assert sorted(ids(found)) == sorted(ids(owned))


def test_long_invoices_embed_only_their_first_line_items(merchant_site: Any) -> None:
    """Beyond the cap has_more_line_items is true, and the rest is at the invoice's own list."""
    invoices = merchant_site.rows("/invoices", limit=200)
    long = [invoice for invoice in invoices if invoice["has_more_line_items"]]
    assert long
    assert all(len(invoice["line_items"]) <= 3 for invoice in invoices)
    for invoice in long[:5]:
        lines = merchant_site.rows(f"/invoices/{invoice['id']}/line_items")
        assert len(lines) > 3
        assert {row["id"] for row in invoice["line_items"]} < {row["id"] for row in lines}
        assert sum(round(row["amount"] * 100) for row in lines) == round(invoice["total"] * 100)


def test_an_option_shows_in_records_that_were_read_before(merchant_site: Any) -> None:
    """How many line items an invoice embeds counts at once, not from the next change on."""
    before = merchant_site.rows("/invoices", limit=200)
    assert any(len(invoice["line_items"]) > 1 for invoice in before)
    merchant_site.site.options.embedded_line_items = 1
    try:
        after = merchant_site.rows("/invoices", limit=200)
    finally:
        merchant_site.site.options.embedded_line_items = 3
    assert all(len(invoice["line_items"]) <= 1 for invoice in after)


def test_whole_lists_come_in_the_order_asked_for(merchant_site: Any) -> None:
    """Ascending by updated_at, page after page."""
    rows = merchant_site.rows("/transactions", limit=200, sort="updated_at", order="asc")
    assert all(a["updated_at"] <= b["updated_at"] for a, b in pairwise(rows))
    assert len({row["id"] for row in rows}) == len(rows)
