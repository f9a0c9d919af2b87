"""The ledger and the records tell the same story: the published rules, applied to the records."""

from __future__ import annotations

import calendar
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurly_klaviyo_sandbox.business import METRICS, Business, Parameters
from recurly_klaviyo_sandbox.recurly import records

Fact = tuple[str, datetime, float]
AT_ONCE = {"credit_card", "gift_card", "apple_pay", "google_pay"}
SETTLES_WITHIN = timedelta(days=14)
NOT_BILLS = {"write_off", "carryforward_credit", "carryforward_gift_credit", "import"}
LEGACY_CREDITS = {
    *("refund", "line_item_refund", "open_amount_refund", "external_refund", "credit"),
}
START = datetime(2025, 3, 1, tzinfo=timezone.utc)
WILD = Parameters(
    cancels=0.1,
    terminates=0.1,
    pauses=0.1,
    changes_plan=0.15,
    changes_quantity=0.1,
    buys_items=0.3,
    subscribes_again=0.1,
    replaces_card=0.1,
    edits_account=0.1,
    closes_account=0.03,
    gets_credit=0.1,
    declines=0.3,
    largest_purchase=8,
    personas={"card": 3, "wallet": 1, "bank": 4, "invoiced": 2, "child": 1, "migrated": 2},
)


def moment(text: str) -> datetime:
    """A time as Recurly writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def facts_of_transaction(record: dict[str, Any]) -> dict[str, Fact]:
    """The table of type by status, read off literally."""
    created, updated = moment(record["created_at"]), moment(record["updated_at"])
    collected = moment(record["collected_at"]) if record["collected_at"] else None
    method = record["payment_method"]
    slow = method["object"] not in AT_ONCE or method.get("cc_bin_country") == "IN"
    late = updated - created > SETTLES_WITHIN or record["refunded"]
    settled = updated if slow and not late else created
    kind, status, amount = record["type"], record["status"], record["amount"]
    key = f"recurly-txn-{record['id']}-"
    arrived = collected if collected not in {None, created} else settled
    assert arrived is not None
    facts: dict[str, Fact] = {}
    if kind in {"purchase", "capture"}:
        if status in {"declined", "error"}:
            facts[f"{key}failed"] = ("Failed Payment", settled, amount)
        voided = status == "void" and record["voided_by_invoice"] is not None
        if status in {"success", "chargeback"} or voided:
            facts[f"{key}succeeded"] = ("Successfully Paid", arrived, amount)
        if voided:
            facts[f"{key}voided"] = ("Refunded Payment", moment(record["voided_at"]), amount)
        if status == "chargeback":
            facts[f"{key}chargeback"] = ("Refunded Payment", updated, amount)
    elif kind == "refund" and status in {"success", "chargeback"}:
        facts[f"{key}refunded"] = ("Refunded Payment", collected or created, abs(amount))
    return facts


def facts_of_invoice(record: dict[str, Any], lines: list[dict[str, Any]]) -> dict[str, Fact]:
    """Bills that went to customers, and what they ordered."""
    kind, origin = record["type"], record["origin"]
    is_bill = kind == "charge" or (kind == "legacy" and origin not in LEGACY_CREDITS)
    if not is_bill or origin in NOT_BILLS:
        return {}
    created = moment(record["created_at"])
    key = f"recurly-invoice-{record['id']}-issued"
    facts: dict[str, Fact] = {key: ("Issued Invoice", created, record["total"])}
    for line in lines:
        if line["type"] == "charge" and line["origin"] not in {
            *("carryforward", "credit", "coupon", "prepayment"),
        }:
            key = f"recurly-line-item-{line['id']}-ordered"
            facts[key] = ("Ordered Product", created, line["amount"])
    return facts


def facts_of(
    invoices: list[dict[str, Any]],
    lines: list[dict[str, Any]],
    transactions: list[dict[str, Any]],
) -> dict[str, Fact]:
    """The facts as a reader of the API would find them."""
    lines_of: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        lines_of.setdefault(line["invoice_id"], []).append(line)
    facts: dict[str, Fact] = {}
    for invoice in invoices:
        facts |= facts_of_invoice(invoice, lines_of[invoice["id"]])
    for transaction in transactions:
        facts |= facts_of_transaction(transaction)
    return facts


@pytest.fixture(scope="module")
def told_by_records(merchant_site: Any) -> dict[str, Fact]:
    """The facts that one merchant's site tells over HTTP."""
    names = ("invoices", "line_items", "transactions")
    return facts_of(*(merchant_site.rows(f"/{name}", limit=200) for name in names))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), days=st.integers(20, 260))
def test_ledger_and_records_agree_in_any_world(seed: int, days: int) -> None:
    """Whatever happens, often and at once, each fact is in both with the same time and value."""
    business = Business(start=START, accounts=30, days=200, seed=seed, parameters=WILD)
    business.run_until(START + timedelta(days=days))
    registers = business.registry.entities
    invoices, lines, transactions = (
        [records.record(entity, 500) for entity in registers[name].values()]
        for name in ("invoices", "line_items", "transactions")
    )
    ledger = business.ledger.events(START + timedelta(days=1000))
    told = facts_of(invoices, lines, transactions)
    assert {key: (e.metric, e.time, e.value) for key, e in ledger.items()} == told


def test_the_ledger_holds_exactly_what_the_records_say(
    merchant: Business, merchant_site: Any, told_by_records: dict[str, Fact]
) -> None:
    """Every fact of the records is in the ledger with metric, time and value, and no other."""
    far_ahead = datetime.max.replace(year=9000, tzinfo=merchant_site.site.clock.now().tzinfo)
    ledger = merchant.ledger.events(far_ahead)
    assert {key: (e.metric, e.time, e.value) for key, e in ledger.items()} == told_by_records


def test_the_ledger_counts_its_metrics(
    merchant: Business, told_by_records: dict[str, Fact]
) -> None:
    """Counts by metric are those of the facts, and all five metrics occur."""
    counts = Counter(metric for metric, _, _ in told_by_records.values())
    assert merchant.ledger.counts() == dict(counts) | {metric: counts[metric] for metric in METRICS}
    assert all(counts[metric] for metric in METRICS)


def test_expected_times_are_never_later_than_now(merchant: Business, merchant_site: Any) -> None:
    """A payment dated ahead by the merchant counts as of now."""
    now = merchant_site.site.clock.now()
    assert all(event.time <= now for event in merchant.ledger.events(now).values())


def test_expected_people_have_the_cards_of_the_account_records(
    merchant: Business, merchant_site: Any
) -> None:
    """The card's last day is what the leading account's record says."""
    accounts = {each["code"]: each for each in merchant_site.rows("/accounts", limit=200)}
    assert merchant.people()
    for person in merchant.people().values():
        account = accounts[person.account_code]
        method = (account["billing_info"] or {}).get("payment_method", {})
        expires = None
        if method.get("exp_year"):
            last = calendar.monthrange(method["exp_year"], method["exp_month"])[1]
            expires = f"{method['exp_year']:04}-{method['exp_month']:02}-{last:02}"
        assert person.card_expiration_date == expires
