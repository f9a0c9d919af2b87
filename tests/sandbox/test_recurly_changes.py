"""Records that change while they are read: late commits, changes between pages, passing time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.business import Business, Parameters
from recurly_klaviyo_sandbox.recurly.moments import to_micros

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 3, 15, 12, tzinfo=timezone.utc)
ASCENDING = {"limit": 200, "sort": "updated_at", "order": "asc"}


def ids(rows: list[dict[str, Any]]) -> list[str]:
    """The rows' ids in order."""
    return [row["id"] for row in rows]


def test_a_hand_made_record_is_completed(open_site: Callable[..., Any]) -> None:
    """What is not said gets a default: id, times, state; success follows from the status."""
    reader = open_site()
    put = reader.site.store.put("transactions", {"status": "declined"})
    served = reader.rows("/transactions")
    assert served == [put]
    assert served[0]["success"] is False
    assert served[0]["updated_at"] == "2026-03-15T12:00:00Z"


def test_putting_a_known_record_changes_it(open_site: Callable[..., Any]) -> None:
    """Only what is said changes, and updated_at moves to now unless it is said too."""
    reader = open_site()
    reader.site.store.put("accounts", {"id": "a", "email": "a@mail.dev", "first_name": "Ada"})
    reader.site.clock.advance(timedelta(minutes=1))
    reader.site.store.put("accounts", {"id": "a", "email": "b@mail.dev"})
    (account,) = reader.rows("/accounts")
    assert (account["email"], account["first_name"]) == ("b@mail.dev", "Ada")
    assert account["created_at"] == "2026-03-15T12:00:00Z"
    assert account["updated_at"] == "2026-03-15T12:01:00Z"


def test_a_record_can_be_put_as_it_is(open_site: Callable[..., Any]) -> None:
    """It is served with the fields it was put with, and replaces what was known of it."""
    reader = open_site()
    reader.site.store.put("accounts", {"id": "a", "email": "a@mail.dev"})
    time = reader.site.clock.now() + timedelta(milliseconds=250)
    reader.site.store.put_as_is("accounts", {"id": "a", "code": "one", "updated_at": time})
    (account,) = reader.rows("/accounts")
    assert account == {"id": "a", "code": "one", "updated_at": "2026-03-15T12:00:00Z"}


def test_a_hand_made_invoice_brings_its_line_items(open_site: Callable[..., Any]) -> None:
    """Line items of an invoice are records of their own, and embedded only up to the cap."""
    reader = open_site(embedded_line_items=2)
    lines = [{"id": f"l{number}", "amount": 1.0} for number in range(3)]
    reader.site.store.put("invoices", {"id": "i", "total": 3.0, "line_items": lines})
    (invoice,) = reader.rows("/invoices")
    assert ids(invoice["line_items"]) == ["l0", "l1"]
    assert invoice["has_more_line_items"] is True
    found = reader.rows("/invoices/i/line_items")
    assert sorted(ids(found)) == ["l0", "l1", "l2"]
    reader.site.store.put("invoices", {"id": "i", "state": "failed"})
    assert len(reader.rows("/invoices/i/line_items")) == 3


def test_a_late_commit_appears_later_with_its_earlier_time(open_site: Callable[..., Any]) -> None:
    """A row written at noon and committed at 12:00:40 is unseen until then."""
    reader = open_site()
    noon = reader.site.clock.now()
    reader.site.store.put(
        "invoices", {"id": "late"}, visible_at=to_micros(noon + timedelta(seconds=40))
    )
    reader.site.clock.advance(timedelta(seconds=39))
    assert reader.rows("/invoices") == []
    reader.site.clock.advance(timedelta(seconds=1))
    (invoice,) = reader.rows("/invoices")
    assert invoice["updated_at"] == "2026-03-15T12:00:00Z"


def test_with_commit_lag_old_versions_stay_until_the_new_are_committed(
    open_site: Callable[..., Any],
) -> None:
    """A lagging site shows a consistent older state, and in the end the same as a prompt one."""
    shown = {}
    for lag in (timedelta(0), timedelta(minutes=1)):
        business = Business(start=NOON - timedelta(days=365), accounts=40, days=365, seed=3)
        business.run_until(NOON - timedelta(days=2))
        reader = open_site(business, commit_lag=lag)
        reader.site.advance(timedelta(0))
        first = reader.rows("/transactions", **ASCENDING)
        reader.site.advance(timedelta(days=2))
        reader.site.advance(lag)
        rows = reader.rows("/transactions", **ASCENDING)
        # What is embedded is as old as the version that embeds it.
        shown[lag] = [{**row, "invoice": None, "account": None} for row in rows]
        assert len(first) <= len(shown[lag])
    prompt, lagging = shown.values()
    assert lagging == prompt


def test_a_hand_may_change_records_between_pages(open_site: Callable[..., Any]) -> None:
    """The hook is called before every answer, so a row can move while a list is being read."""
    reader = open_site()
    for number in range(4):
        stamp = f"2026-03-01T10:00:0{number}Z"
        reader.site.store.put("accounts", {"id": f"a{number}", "updated_at": stamp})
    page = reader.page("/accounts", limit=2, sort="updated_at", order="asc")
    reader.site.options.before_each_request = lambda: reader.site.store.put(
        "accounts", {"id": "a2", "first_name": "Moved"}
    )
    assert ids(reader.page(page["next"])["data"]) == ["a3", "a2"]


def test_time_can_pass_with_each_request(open_site: Callable[..., Any]) -> None:
    """Every answer is dated a step later, and the business lives on meanwhile."""
    business = Business(start=NOON - timedelta(days=365), accounts=60, days=365, seed=3)
    business.run_until(NOON)
    reader = open_site(business, advance_per_request=timedelta(days=1))
    dates = [reader.ask("/transactions", method="HEAD").headers for _ in range(3)]
    assert [line["Date"][5:11] for line in dates] == ["16 Mar", "17 Mar", "18 Mar"]
    counts = [int(line["Recurly-Total-Records"]) for line in dates]
    assert counts[0] < counts[-1]


def test_advancing_brings_new_records_and_changes_old_ones(open_site: Callable[..., Any]) -> None:
    """What is updated after the advance lies after it, everything else is as it was."""
    business = Business(start=NOON - timedelta(days=365), accounts=60, days=365, seed=3)
    business.run_until(NOON)
    reader = open_site(business)
    before = {row["id"]: row for row in reader.rows("/invoices", **ASCENDING)}
    noon = reader.site.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    reader.site.advance(timedelta(days=14))
    after = {row["id"]: row for row in reader.rows("/invoices", **ASCENDING)}
    moved = {row["id"] for row in reader.rows("/invoices", begin_time=noon, **ASCENDING)}
    assert moved & before.keys()
    assert moved - before.keys()
    unmoved = after.keys() - moved
    assert {key: after[key]["state"] for key in unmoved} == {
        key: before[key]["state"] for key in unmoved
    }


def test_cards_change_without_a_trace_on_the_account(open_site: Callable[..., Any]) -> None:
    """Billing info is replaced while account.updated_at stands still."""
    parameters = Parameters(replaces_card=0.5, edits_account=0, closes_account=0)
    business = Business(
        start=NOON - timedelta(days=365), accounts=60, days=300, parameters=parameters
    )
    business.run_until(NOON)
    changed = [
        row
        for row in open_site(business).rows("/accounts", **ASCENDING)
        if row["billing_info"] and row["billing_info"]["updated_at"] > row["created_at"]
    ]
    assert len(changed) > 5
    assert all(row["updated_at"] == row["created_at"] for row in changed)


def test_a_coarse_grain_of_time_makes_clusters(open_site: Callable[..., Any]) -> None:
    """With a grain of a day everything happens at midnight, in whole seconds."""
    parameters = Parameters(time_grain=86_400)
    business = Business(
        start=NOON - timedelta(days=365), accounts=30, days=365, parameters=parameters
    )
    business.run_until(NOON)
    rows = open_site(business, sub_second=False).rows("/transactions", **ASCENDING)
    assert {row["updated_at"][11:] for row in rows} == {"00:00:00Z"}
    assert len({row["updated_at"] for row in rows}) < len(rows)
