"""The ledger in a world so small that every expectation can be written out by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random
from typing import TYPE_CHECKING

import pytest

from recurly_klaviyo_sandbox.business import Business, ExpectedEvent, Parameters
from recurly_klaviyo_sandbox.business.entities import (
    Account,
    Address,
    BillingInfo,
    PaymentMethod,
    Subscription,
)

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.entities import Invoice, Transaction

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
LATER = NOON + timedelta(days=30)
CARD = PaymentMethod("credit_card", "Visa", "411111", "1111", 2, 2028)
HOME = Address("1 Mill Lane", "Portland", "OR", "97205", "US", "+15550000000")
NOTHING_FAILS = Parameters(declines=0)
EVERYTHING_FAILS = Parameters(declines=1_000_000)


class Shop:
    """A merchant without customers of its own accord, and one customer by hand."""

    def __init__(
        self, method: PaymentMethod = CARD, parameters: Parameters = NOTHING_FAILS
    ) -> None:
        self.business = Business(start=NOON, accounts=0, parameters=parameters)
        self.registry = self.business.registry
        now = int(NOON.timestamp())
        self.ada = self.registry.enter(
            Account(
                "account1",
                now,
                now,
                code="ada",
                email="ada@mail.sandbox-merchant.dev",
                first_name="Ada",
                last_name="Adler",
                company=None,
                address=HOME,
                currency="USD",
                locale="en-US",
                rng=Random("kept"),  # noqa: S311  (a simulation)
                reliability=1.0,
            )
        )
        self.ada.billing = self.registry.enter(BillingInfo("billing1", now, now, self.ada, method))

    def bill(self, *, manual: bool = False) -> Invoice:
        """Two mugs at 18.50 and a free sticker."""
        lines = [
            self.business.billing.line(self.ada, "one_time", "Mug", 1850, 2),
            self.business.billing.line(self.ada, "one_time", "Sticker", 0),
        ]
        return self.business.billing.bill(self.ada, "purchase", lines, manual=manual)

    def paid(self) -> Transaction:
        """The bill, collected."""
        invoice = self.bill()
        self.business.payments.collect(invoice)
        return invoice.transactions[0]

    def events(self) -> dict[str, ExpectedEvent]:
        """What the ledger expects in a month."""
        return self.business.ledger.events(LATER)

    def summary(self) -> list[tuple[str, str, datetime, float | None]]:
        """Metric, end of the unique id, time and value of what concerns money."""
        return [
            (event.metric, key.rpartition("-")[2], event.time, event.value)
            for key, event in self.events().items()
            if key.startswith("recurly-txn")
        ]


def test_a_bill_is_issued_with_its_products() -> None:
    """One Issued Invoice of the total, one Ordered Product per line, the free one too."""
    shop = Shop()
    invoice = shop.bill()
    first, second = invoice.lines
    events = shop.events()
    assert {key: (e.metric, e.recurly_id, e.value) for key, e in events.items()} == {
        f"recurly-invoice-{invoice.id}-issued": ("Issued Invoice", invoice.id, 37.0),
        f"recurly-line-item-{first.id}-ordered": ("Ordered Product", first.id, 37.0),
        f"recurly-line-item-{second.id}-ordered": ("Ordered Product", second.id, 0.0),
    }
    key = f"recurly-line-item-{first.id}-ordered"
    assert events[key] == ExpectedEvent(
        metric="Ordered Product",
        unique_id=key,
        recurly_id=first.id,
        time=NOON,
        times=(NOON,),
        value=37.0,
        currency="USD",
        account_id="account1",
        account_code="ada",
        email="ada@mail.sandbox-merchant.dev",
    )
    assert shop.business.ledger.counts() == {
        "Failed Payment": 0,
        "Issued Invoice": 1,
        "Ordered Product": 2,
        "Refunded Payment": 0,
        "Successfully Paid": 0,
    }


def test_a_card_payment_is_paid_at_once() -> None:
    """Successfully Paid of the amount, at its creation."""
    shop = Shop()
    shop.paid()
    assert shop.summary() == [("Successfully Paid", "succeeded", NOON, 37.0)]


def test_a_payment_voided_before_it_settles_was_paid_and_refunded() -> None:
    """Both facts stand, the refund at the time of the void."""
    shop = Shop()
    payment = shop.paid()
    shop.business.queue.now += 3600
    shop.business.refunds.void(payment)
    assert shop.summary() == [
        ("Successfully Paid", "succeeded", NOON, 37.0),
        ("Refunded Payment", "voided", NOON + timedelta(hours=1), 37.0),
    ]


def test_a_payment_charged_back_was_paid_and_refunded() -> None:
    """Both facts stand, the refund at the time of the chargeback."""
    shop = Shop()
    payment = shop.paid()
    shop.business.queue.now += 86_400
    shop.business.refunds.charge_back(payment)
    assert shop.summary() == [
        ("Successfully Paid", "succeeded", NOON, 37.0),
        ("Refunded Payment", "chargeback", NOON + timedelta(days=1), 37.0),
    ]


def test_a_refund_outside_recurly_counts_on_the_day_the_merchant_says() -> None:
    """Two days before it was typed in, at noon."""
    shop = Shop()
    payment = shop.paid()
    shop.business.queue.now += 5 * 86_400
    shop.business.refunds.refund_externally(payment)
    refunded = ("Refunded Payment", "refunded", NOON + timedelta(days=3), 37.0)
    assert shop.summary()[1:] == [refunded]


def test_each_failed_try_is_a_fact_of_its_own() -> None:
    """The first try and four dunning retries fail after 3, 8, 15 and 22 days; nothing is paid."""
    shop = Shop(parameters=EVERYTHING_FAILS)
    invoice = shop.bill()
    shop.business.payments.collect(invoice)
    shop.business.run_until(LATER)
    assert shop.summary() == [
        ("Failed Payment", "failed", NOON + timedelta(days=days), 37.0)
        for days in (0, 3, 8, 15, 22)
    ]
    assert invoice.state == "failed"
    (write_off,) = [i for i in shop.registry.entities["invoices"].values() if i is not invoice]
    assert f"recurly-invoice-{write_off.id}-issued" not in shop.events()


def test_a_bank_debit_is_paid_when_it_clears() -> None:
    """A slow method counts from the day its record last moved, and remembers earlier days."""
    shop = Shop(PaymentMethod("sepadirectdebit"))
    invoice = shop.bill()
    shop.business.payments.collect(invoice)
    (debit,) = invoice.transactions
    assert shop.summary() == []
    shop.business.run_until(NOON + timedelta(days=7))
    assert debit.status == "success"
    cleared = datetime.fromtimestamp(debit.updated, timezone.utc)
    assert NOON + timedelta(days=2) <= cleared <= NOON + timedelta(days=6)
    assert shop.summary() == [("Successfully Paid", "succeeded", cleared, 37.0)]
    shop.business.refunds.charge_back(debit)
    moved = datetime.fromtimestamp(debit.updated, timezone.utc)
    paid = shop.events()[f"recurly-txn-{debit.id}-succeeded"]
    assert paid.time == moved > cleared
    assert paid.times == (cleared, moved)


def test_a_payment_the_merchant_dates_ahead_counts_as_of_now_until_then() -> None:
    """The typed date is kept, but no expected time is later than now."""
    shop = Shop()
    invoice = shop.bill(manual=True)
    invoice.account.rng = Random("paid")  # noqa: S311  (a simulation)
    shop.business.payments.collect(invoice)
    shop.business.run_until(NOON + timedelta(days=90))
    for payment in invoice.transactions:
        payment_day = datetime.fromtimestamp(payment.collected or 0, timezone.utc)
        key = f"recurly-txn-{payment.id}-succeeded"
        day_before = payment_day - timedelta(days=1)
        assert shop.business.ledger.events(day_before)[key].time == day_before
        assert shop.business.ledger.events(NOON + timedelta(days=90))[key].time == payment_day
    assert sum(payment.amount for payment in invoice.transactions) == 3700


def _noon() -> int:
    return int(NOON.timestamp())


@pytest.mark.parametrize(
    ("state", "counts"),
    [("active", True), ("canceled", True), ("paused", True), ("future", True), ("expired", False)],
)
def test_a_profile_names_the_plans_that_run(state: str, counts: bool) -> None:  # noqa: FBT001  (a column of the table)
    """Active, canceled, paused and future subscriptions count, expired ones do not."""
    shop = Shop()
    now = _noon()
    plan = shop.business.catalog.plan("pro")
    shop.ada.subscriptions = [
        Subscription(
            "subscription1",
            now,
            now,
            uuid="u",
            account=shop.ada,
            plan=plan,
            state=state,
            unit=4900,
            quantity=1,
            manual=False,
            period_start=now,
            period_end=now,
            anchor_day=1,
        )
    ]
    profile = shop.business.people()["account1"]
    assert profile.plan_codes == ({"pro"} if counts else set())
    assert profile.plans == ({"Pro"} if counts else set())
    assert profile.card_expiration_date == "2028-02-29"
    assert profile.account_code == "ada"


def test_closing_an_account_clears_its_card() -> None:
    """Billing info is deleted, so there is no expiry, and the account's row moves."""
    shop = Shop()
    shop.business.queue.now += 60
    shop.business.contracts.close(shop.ada)
    profile = shop.business.people()["account1"]
    assert profile.card_expiration_date is None
    assert shop.ada.updated == _noon() + 60
