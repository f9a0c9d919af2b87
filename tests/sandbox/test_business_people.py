"""People and subscriptions: who changes who they are, and what the ledger says of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurly_klaviyo_sandbox.business import DUNNING, LIFECYCLE, RESTLESS, Business
from recurly_klaviyo_sandbox.recurly import records

START = datetime(2025, 3, 1, tzinfo=timezone.utc)
HELD = {"active", "canceled", "paused", "future"}
FAR = START + timedelta(days=3000)


@pytest.fixture(scope="module")
def restless() -> Business:
    """A year of customers who keep changing who they are."""
    business = Business(start=START, accounts=400, days=365, seed=5, parameters=RESTLESS)
    business.run_until(START + timedelta(days=365))
    return business


def shown(business: Business, resource: str) -> list[dict[str, Any]]:
    """A resource's records."""
    return [records.record(each, 500) for each in business.registry.entities[resource].values()]


def seconds(text: str) -> int:
    """A time as Recurly writes it, since 1970."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def told(business: Business) -> dict[str, tuple[str, str]]:
    """Lifecycle and dunning events by the published table, read off the records literally."""
    return told_by_subscriptions(business) | told_by_invoices(business)


def told_by_subscriptions(business: Business) -> dict[str, tuple[str, str]]:
    """What the subscriptions tell."""
    found: dict[str, tuple[str, str]] = {}
    for each in shown(business, "subscriptions"):
        key, state = f"recurly-sub-{each['id']}", each["state"]
        if each["activated_at"]:
            found[f"{key}-started"] = ("Started Subscription", each["activated_at"])
        if each["trial_started_at"]:
            found[f"{key}-trial-started"] = ("Started Trial", each["trial_started_at"])
        if state == "paused":
            stamp = seconds(each["paused_at"])
            found[f"{key}-paused-{stamp}"] = ("Paused Subscription", each["paused_at"])
        if each["canceled_at"] and state in {"canceled", "expired"}:
            stamp = seconds(each["canceled_at"])
            found[f"{key}-canceled-{stamp}"] = ("Canceled Subscription", each["canceled_at"])
        if state == "expired":
            found[f"{key}-expired"] = ("Expired Subscription", each["expires_at"])
    return found


def told_by_invoices(business: Business) -> dict[str, tuple[str, str]]:
    """What the invoices tell."""
    found: dict[str, tuple[str, str]] = {}
    for each in shown(business, "invoices"):
        key, origin = f"recurly-invoice-{each['id']}", each["origin"]
        if each["type"] not in {"charge", "legacy"} or origin in {"refund", "import"}:
            continue
        names = {"renewal": "renewed", "immediate_change": "updated"}
        for subscription in each["subscription_ids"] if origin in names else ():
            metric = f"{names[origin].capitalize()} Subscription"
            found[f"{key}-{names[origin]}-{subscription}"] = (metric, each["created_at"])
        if each["state"] == "past_due" or each["dunning_events_sent"]:
            found[f"{key}-past-due"] = ("Past Due Invoice", each["due_at"])
        if each["state"] == "failed":
            found[f"{key}-failed"] = ("Failed Invoice", each["closed_at"])
    return found


def noted(business: Business) -> dict[str, tuple[str, str]]:
    """The same as the ledger has it."""
    events = business.ledger.events(FAR, (*LIFECYCLE, *DUNNING))
    return {key: (each.metric, f"{each.time:%Y-%m-%dT%H:%M:%SZ}") for key, each in events.items()}


def test_lifecycle_and_dunning_are_what_the_records_say(restless: Business) -> None:
    """Every metric occurs, and the ledger has exactly what the records tell by the table."""
    assert noted(restless) == told(restless)
    assert {metric for metric, _ in noted(restless).values()} == {*LIFECYCLE, *DUNNING}
    assert not restless.ledger.no_longer_shown & noted(restless).keys()
    assert {key.split("-")[3] for key in restless.ledger.no_longer_shown} == {
        "canceled",
        "paused",
        "past",
    }


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), days=st.integers(20, 260))
def test_they_agree_in_any_world(seed: int, days: int) -> None:
    """At any moment of any life."""
    business = Business(start=START, accounts=30, days=200, seed=seed, parameters=RESTLESS)
    business.run_until(START + timedelta(days=days))
    assert noted(business) == told(business)


def test_people_are_accounts_with_one_address(restless: Business) -> None:
    """One person an address: oldest account as anchor, union of plans, an open account leads."""
    accounts = {each["id"]: each for each in shown(restless, "accounts")}
    plans: dict[str, set[str]] = {}
    for each in shown(restless, "subscriptions"):
        if each["state"] in HELD:
            plans.setdefault(each["account"]["id"], set()).add(each["plan"]["code"])
    people = restless.people()
    assert sorted(each for person in people.values() for each in person.account_ids) == sorted(
        accounts
    )
    addresses = [person.email for person in people.values() if person.email]
    assert len(addresses) == len(set(addresses))
    shared = 0
    for anchor, person in people.items():
        own = [accounts[each] for each in person.account_ids]
        shared += len(own) > 1
        assert {each["email"].lower() for each in own} == {person.email or ""}
        assert anchor == min(own, key=lambda each: (each["created_at"], each["id"]))["id"]
        assert person.plan_codes == set().union(*(plans.get(each["id"], set()) for each in own))
        if any(each["state"] == "active" for each in own):
            leading = next(each for each in own if each["code"] == person.account_code)
            assert leading["state"] == "active"
            if person.plan_codes and any(
                plans.get(each["id"]) for each in own if each["state"] == "active"
            ):
                assert plans.get(leading["id"])
    assert shared


def test_customers_change_who_they_are(restless: Business) -> None:
    """New and late addresses, capitals, superfluous accounts closed, redactions, decimal prices."""
    accounts = shown(restless, "accounts")
    emails = [each["email"] for each in accounts]
    assert any(email.startswith("new") for email in emails)
    assert any(email.startswith("late") for email in emails)
    assert any(email.isupper() for email in emails)
    redacted = [each for each in accounts if each["deleted_at"] and not each["first_name"]]
    assert redacted
    assert all(each["email"] == "" and not each["address"]["city"] for each in redacted)
    lines = [line for each in shown(restless, "invoices") for line in each["line_items"]]
    decimal = [line for line in lines if line["unit_amount_decimal"]]
    assert {(line["unit_amount"], line["subtotal"]) for line in decimal} == {(0.0, 10.0)}
    reasons = Counter(each["expiration_reason"] for each in shown(restless, "subscriptions"))
    assert {"canceled", "nonpayment", "non renewing"} <= reasons.keys()
    assert any(each["custom_fields"] for each in shown(restless, "subscriptions"))
    methods = {each["payment_method"]["object"] for each in shown(restless, "transactions")}
    assert methods >= {"stripe_link", "mercadopago", "amazon_billing_agreement", "acss"}


def test_a_new_card_typed_in_while_paying_touches_only_the_payment(restless: Business) -> None:
    """The account's card is another than the one its updated time knows of."""
    silent = 0
    transactions = shown(restless, "transactions")[-2000:]
    for account in restless.registry.accounts():
        if account.billing is None:
            continue
        payments = [
            each
            for each in transactions
            if each["account"]["id"] == account.id and each["payment_method"].get("last_four")
        ]
        later = [each for each in payments if seconds(each["created_at"]) > account.billing.updated]
        silent += any(
            each["payment_method"]["last_four"] == account.billing.method.last_four
            for each in later
        ) and all(
            each["payment_method"]["last_four"] != account.billing.method.last_four
            for each in payments
            if each not in later
        )
    assert silent


@pytest.mark.parametrize("lead", [(3,), (1, 7), (30,)])
def test_reminders_are_due_between_their_lead_and_their_date(
    restless: Business, lead: tuple[int, ...]
) -> None:
    """Of several leads the nearest that has passed; none once the date has come."""
    now = START + timedelta(days=365)
    due = restless.reminders(now, lead)
    assert {each.metric for each in due.values()} >= {"Upcoming Renewal"}
    for key, each in due.items():
        days = int(key.rpartition("-")[2])
        assert days in lead
        assert each.time <= now < each.time + timedelta(days=days)
        assert not any(
            each.time + timedelta(days=days - less) <= now for less in lead if less < days
        )
        if each.metric != "Expiring Card":
            assert key.rpartition("-")[0] in restless.ledger.foreseen
