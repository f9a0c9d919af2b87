"""The simulated merchant: the same for the same seed, and sound in every world."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurly_klaviyo_sandbox.business import Business, Parameters
from recurly_klaviyo_sandbox.business.periods import months_later
from recurly_klaviyo_sandbox.recurly import records

if TYPE_CHECKING:
    from collections.abc import Iterable

START = datetime(2025, 1, 31, 8, 30, tzinfo=timezone.utc)
RESOURCES = ("accounts", "subscriptions", "invoices", "line_items", "transactions")
RUNNING = {"active", "canceled", "paused", "future"}
LIVELY = Parameters(
    cancels=0.08, changes_plan=0.08, buys_items=0.15, closes_account=0.03, declines=0.2
)

worlds = st.builds(
    lambda seed, days: lived(days, seed=seed, accounts=30, parameters=LIVELY),
    st.integers(0, 10_000),
    st.integers(10, 250),
)


def lived(days: float, *, steps: Iterable[float] = (), **options: Any) -> Business:
    """A business that has lived so many days, at once or with stops after some of them."""
    business = Business(start=START, days=200, **options)
    for stop in steps:
        business.run_until(START + timedelta(days=stop))
    business.run_until(START + timedelta(days=days))
    return business


def told(business: Business) -> dict[str, dict[str, dict[str, Any]]]:
    """All records by resource and id."""
    return {
        resource: {
            key: records.record(entity, 500)
            for key, entity in business.registry.entities[resource].items()
        }
        for resource in RESOURCES
    }


def cents(amount: float) -> int:
    """An amount in whole cents."""
    return round(amount * 100)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    stops=st.lists(st.floats(0, 199), min_size=1, max_size=30).map(sorted),
)
def test_many_steps_live_the_same_life_as_one(seed: int, stops: list[float]) -> None:
    """Where the simulation pauses leaves no trace in any record or expectation."""
    at_once = lived(200, seed=seed, accounts=20, parameters=LIVELY)
    stepwise = lived(200, steps=stops, seed=seed, accounts=20, parameters=LIVELY)
    now = START + timedelta(days=200)
    assert told(stepwise) == told(at_once)
    assert stepwise.ledger.events(now) == at_once.ledger.events(now)
    assert stepwise.people() == at_once.people()


def test_another_seed_lives_another_life() -> None:
    """Nothing but the seed decides."""
    assert told(lived(100, seed=1, accounts=10)) == told(lived(100, seed=1, accounts=10))
    assert told(lived(100, seed=1, accounts=10)) != told(lived(100, seed=2, accounts=10))


def test_as_many_customers_sign_up_as_were_asked_for() -> None:
    """Exactly so many within the first days, and more of them later."""
    assert len(lived(200, accounts=57).registry.accounts()) == 57
    assert len(lived(300, accounts=57).registry.accounts()) > 57
    assert lived(300, accounts=0).registry.accounts() == []


@settings(max_examples=20, deadline=None)
@given(worlds)
def test_invoices_add_up(business: Business) -> None:
    """Line items sum to the totals; what is paid, credited and owed sums to the total too."""
    world = told(business)
    for invoice in world["invoices"].values():
        lines = invoice["line_items"]
        assert cents(invoice["total"]) == sum(cents(line["amount"]) for line in lines)
        subtotal = cents(invoice["subtotal"]) - cents(invoice["discount"])
        assert cents(invoice["total"]) == subtotal + cents(invoice["tax"])
        assert cents(invoice["subtotal_after_discount"]) == subtotal
        if invoice["type"] != "credit" and invoice["state"] == "paid":
            assert cents(invoice["balance"]) < 3
        for line in lines:
            assert line["invoice_id"] == invoice["id"]
            unit = Decimal(line["unit_amount_decimal"] or str(line["unit_amount"]))
            assert round(unit * line["quantity"] * 100) == cents(line["subtotal"])


@settings(max_examples=20, deadline=None)
@given(worlds)
def test_records_belong_to_each_other(business: Business) -> None:
    """Whatever a record names exists; ids, codes and invoice numbers are each one's own."""
    world = told(business)
    accounts, invoices = world["accounts"], world["invoices"]
    for resource in ("subscriptions", "invoices", "line_items", "transactions"):
        assert all(row["account"]["id"] in accounts for row in world[resource].values())
    assert all(
        row["invoice"] is None or row["invoice"]["id"] in invoices
        for row in world["transactions"].values()
    )
    for rows, name in ((accounts, "code"), (invoices, "number"), (invoices, "uuid")):
        assert len({row[name] for row in rows.values()}) == len(rows)


@settings(max_examples=20, deadline=None)
@given(worlds)
def test_time_only_runs_forward(business: Business) -> None:
    """No record was updated before it was created, nor after now."""
    now = business.queue.now
    for register in business.registry.entities.values():
        assert all(entity.created <= entity.updated <= now for entity in register.values())


@settings(max_examples=20, deadline=None)
@given(worlds)
def test_no_more_is_refunded_than_was_paid(business: Business) -> None:
    """Successful and pending refunds of a payment stay within its amount."""
    transactions = told(business)["transactions"]
    given_back: defaultdict[str, int] = defaultdict(int)
    for row in transactions.values():
        if row["type"] == "refund" and row["status"] != "declined":
            given_back[row["original_transaction_id"]] += cents(row["amount"])
    for key, amount in given_back.items():
        assert amount <= cents(transactions[key]["amount"])
        assert transactions[key]["refunded"]


@settings(max_examples=20, deadline=None)
@given(worlds)
def test_closed_accounts_have_nothing_left(business: Business) -> None:
    """No billing info, no running subscription."""
    for account in business.registry.accounts():
        if account.closed:
            assert account.billing is None
            assert not RUNNING & {s.state for s in account.subscriptions}


@pytest.fixture(scope="module")
def year() -> Business:
    """An ordinary year of an ordinary merchant."""
    return lived(200, seed=1, accounts=1500)


@pytest.mark.slow
def test_an_ordinary_year_holds_every_kind_of_thing(year: Business) -> None:
    """All the cases that a reader of such data must survive occur by themselves."""
    world = told(year)
    transactions = world["transactions"].values()
    seen = {(row["type"], row["status"]) for row in transactions}
    assert seen >= {
        ("purchase", "success"),
        ("purchase", "declined"),
        ("purchase", "error"),
        ("purchase", "pending"),
        ("purchase", "processing"),
        ("purchase", "void"),
        ("purchase", "chargeback"),
        ("authorization", "success"),
        ("authorization", "void"),
        ("capture", "success"),
        ("refund", "success"),
        ("refund", "declined"),
        ("verify", "success"),
        ("verify", "declined"),
    }
    assert any(row["voided_by_invoice"] for row in transactions)
    assert any(row["invoice"] is None and row["type"] == "purchase" for row in transactions)
    typed = [row for row in transactions if row["collected_at"] not in {None, row["created_at"]}]
    assert any(row["collected_at"] < row["created_at"] for row in typed)
    assert any(row["collected_at"] > row["created_at"] for row in typed)
    origins = {(row["type"], row["origin"]) for row in world["invoices"].values()}
    assert origins >= {
        ("charge", "purchase"),
        ("charge", "renewal"),
        ("charge", "immediate_change"),
        ("charge", "prepayment"),
        ("charge", "import"),
        ("charge", "carryforward_credit"),
        ("charge", "carryforward_gift_credit"),
        ("credit", "refund"),
        ("credit", "line_item_refund"),
        ("credit", "open_amount_refund"),
        ("credit", "external_refund"),
        ("credit", "termination"),
        ("credit", "write_off"),
        ("credit", "credit"),
        ("legacy", "purchase"),
        ("legacy", "renewal"),
        ("legacy", "refund"),
    }
    unpaid = [row for row in world["invoices"].values() if row["total"] == 0]
    assert any(row["state"] == "paid" and not row["transactions"] for row in unpaid)
    assert any(0 < row["total"] < 0.03 for row in world["invoices"].values())
    states = {row["state"] for row in world["subscriptions"].values()}
    assert states == {"active", "canceled", "expired", "future", "paused"}
    assert any(row["pending_change"] for row in world["subscriptions"].values())
    assert any(row["bill_for_account_id"] for row in world["line_items"].values())


def test_an_ordinary_years_customers_are_a_motley_crowd(year: Business) -> None:
    """No e-mail, shared e-mails, odd codes, closed accounts, parents: some of each."""
    accounts = told(year)["accounts"].values()
    addresses = [row["email"] for row in accounts if row["email"]]
    assert len(addresses) < len(accounts)
    assert len(set(addresses)) < len(addresses)
    codes = "".join(row["code"] for row in accounts)
    assert set("@%+ /ßä") <= set(codes)
    assert any(row["deleted_at"] for row in accounts)
    assert any(row["parent_account_id"] for row in accounts)


def test_a_returned_debit_takes_its_payment_back(year: Business) -> None:
    """What was paid and then returned by the bank is expected as failed, and noted as such."""
    events = year.ledger.events(START + timedelta(days=400))
    assert year.ledger.taken_back
    for key in year.ledger.taken_back:
        assert key not in events
        assert events[key.replace("-succeeded", "-failed")].metric == "Failed Payment"


@pytest.mark.parametrize(
    ("begin", "months", "day", "end"),
    [
        ("2025-01-31T08:30", 1, 31, "2025-02-28T08:30"),
        ("2025-02-28T08:30", 1, 31, "2025-03-31T08:30"),
        ("2025-12-15T00:00", 1, 15, "2026-01-15T00:00"),
        ("2024-02-29T12:00", 12, 29, "2025-02-28T12:00"),
        ("2025-11-30T12:00", 3, 30, "2026-02-28T12:00"),
    ],
)
def test_months_end_on_the_day_they_began(begin: str, months: int, day: int, end: str) -> None:
    """A period ends on its anchor day, or on the last day of a shorter month."""
    moments = [datetime.fromisoformat(f"{text}+00:00").timestamp() for text in (begin, end)]
    assert months_later(int(moments[0]), months, day) == moments[1]
