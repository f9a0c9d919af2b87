"""The merchant's own account of what happened, in the terms of metrics.

The departments note each business fact here at the moment it happens, from their own knowledge of
it, and strike it when it turns out not to have been so. Nothing is derived from Recurly's records:
the ledger is the independent judge of whoever reads those.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.parameters import DAY

if TYPE_CHECKING:
    from collections.abc import Collection

    from recurly_klaviyo_sandbox.business.entities import (
        Account,
        Invoice,
        LineItem,
        Subscription,
        Transaction,
    )

FAILED_PAYMENT = "Failed Payment"
ISSUED_INVOICE = "Issued Invoice"
ORDERED_PRODUCT = "Ordered Product"
REFUNDED_PAYMENT = "Refunded Payment"
SUCCESSFULLY_PAID = "Successfully Paid"
METRICS = (FAILED_PAYMENT, ISSUED_INVOICE, ORDERED_PRODUCT, REFUNDED_PAYMENT, SUCCESSFULLY_PAID)
"""What is expected unless more is asked for."""

STARTED_SUBSCRIPTION = "Started Subscription"
STARTED_TRIAL = "Started Trial"
RENEWED_SUBSCRIPTION = "Renewed Subscription"
UPDATED_SUBSCRIPTION = "Updated Subscription"
PAUSED_SUBSCRIPTION = "Paused Subscription"
CANCELED_SUBSCRIPTION = "Canceled Subscription"
EXPIRED_SUBSCRIPTION = "Expired Subscription"
LIFECYCLE = (
    STARTED_SUBSCRIPTION,
    STARTED_TRIAL,
    RENEWED_SUBSCRIPTION,
    UPDATED_SUBSCRIPTION,
    PAUSED_SUBSCRIPTION,
    CANCELED_SUBSCRIPTION,
    EXPIRED_SUBSCRIPTION,
)
PAST_DUE_INVOICE = "Past Due Invoice"
FAILED_INVOICE = "Failed Invoice"
DUNNING = (PAST_DUE_INVOICE, FAILED_INVOICE)

_OF_SUBSCRIPTIONS = {
    "renewal": ("renewed", RENEWED_SUBSCRIPTION),
    "immediate_change": ("updated", UPDATED_SUBSCRIPTION),
}

SETTLES_WITHIN = 14 * DAY
"""A later change to a payment is no outcome any more."""


@dataclass(frozen=True)
class ExpectedEvent:
    """One fact that a marketing tool should know.

    `time` is the event's time as the records stand now, never later than now; `times` are all the
    times it has had, so that a reader who came earlier is not blamed. `email` is the account's now.
    `value` is None where it depends on when the record is read.
    """

    metric: str
    unique_id: str
    recurly_id: str
    time: datetime
    times: tuple[datetime, ...]
    value: float | None
    currency: str
    account_id: str
    account_code: str
    email: str | None

    @classmethod
    def of(
        cls,
        account: Account,
        metric: str,
        unique_id: str,
        recurly_id: str,
        *times: datetime,
        value: float | None = None,
    ) -> ExpectedEvent:
        """An event of an account as it is now."""
        return cls(
            metric,
            unique_id,
            recurly_id,
            times[-1],
            times,
            value,
            account.currency,
            account.id,
            account.code,
            account.email,
        )


@dataclass
class _Fact:
    metric: str
    record_id: str
    times: list[int]
    cents: int | None
    account: Account


class Ledger:
    """Facts by the unique id their event must carry.

    `taken_back` are unique ids of payments that proved to be none, `no_longer_shown` of what
    Recurly's lists, which tell the present only, do not show any more, and `foreseen` of renewals
    and trials' ends, without the lead at their end: who read in time is not wrong to have told.
    """

    def __init__(self) -> None:
        self._facts: dict[str, _Fact] = {}
        self.taken_back: set[str] = set()
        self.no_longer_shown: set[str] = set()
        self.foreseen: set[str] = set()

    # What the departments note -------------------------------------------------------------------

    def invoice_issued(self, invoice: Invoice) -> None:
        """A customer was sent a bill, perhaps for another period or for a change of plan."""
        self._note_invoice(invoice, "issued", ISSUED_INVOICE, invoice.created)
        word, metric = _OF_SUBSCRIPTIONS.get(invoice.origin, ("", ""))
        for subscription in invoice.subscriptions if metric else ():
            lines = [line for line in invoice.lines if line.subscription is subscription]
            key = f"recurly-invoice-{invoice.id}-{word}-{subscription.id}"
            cents = sum(line.amount for line in lines)
            self._facts[key] = _Fact(metric, invoice.id, [invoice.created], cents, invoice.account)

    def invoice_moved(self, invoice: Invoice) -> None:
        """A bill has become past due, was given up, or is no longer past due."""
        key = f"recurly-invoice-{invoice.id}"
        if f"{key}-issued" not in self._facts:
            return
        if invoice.state == "past_due":
            self._note_invoice(invoice, "past-due", PAST_DUE_INVOICE, invoice.due)
        elif not invoice.dunning_events:  # nothing tells any more that it was
            self._strike(f"{key}-past-due")
        if invoice.state == "failed":
            self._note_invoice(invoice, "failed", FAILED_INVOICE, invoice.updated)

    def product_ordered(self, line: LineItem) -> None:
        """A bill names something the customer ordered."""
        invoice = line.invoice
        key = f"recurly-line-item-{line.id}-ordered"
        self._facts[key] = _Fact(
            ORDERED_PRODUCT, line.id, [invoice.created], line.amount, invoice.account
        )

    def payment_failed(self, payment: Transaction) -> None:
        """A payment was refused."""
        self._note_transaction(payment, "failed", FAILED_PAYMENT, _settled(payment))

    def payment_received(self, payment: Transaction) -> None:
        """Money came in."""
        self._note_transaction(payment, "succeeded", SUCCESSFULLY_PAID, _dated(payment))

    def payment_returned(self, payment: Transaction) -> None:
        """Money that seemed to have come in had not."""
        key = f"recurly-txn-{payment.id}-succeeded"
        del self._facts[key]
        self.taken_back.add(key)

    def payment_dated_anew(self, payment: Transaction) -> None:
        """A slow payment's only date is when its record last moved, and it moved again."""
        for what, time in (("succeeded", _dated(payment)), ("failed", _settled(payment))):
            fact = self._facts.get(f"recurly-txn-{payment.id}-{what}")
            if fact and fact.times[-1] != time:
                fact.times.append(time)

    def money_given_back(self, payment: Transaction, what: str, time: int) -> None:
        """A refund reached the customer, or a payment was `voided`, or their bank took it back."""
        self._note_transaction(payment, what, REFUNDED_PAYMENT, time)

    def subscription_started(self, subscription: Subscription) -> None:
        """A subscription has become active."""
        self._note_subscription(
            subscription, "started", STARTED_SUBSCRIPTION, subscription.activated
        )

    def trial_started(self, subscription: Subscription) -> None:
        """It begins with a trial."""
        self._note_subscription(
            subscription, "trial-started", STARTED_TRIAL, subscription.trial_start
        )

    def subscription_paused(self, subscription: Subscription) -> None:
        """A pause has begun."""
        what = f"paused-{subscription.paused}"
        self._note_subscription(subscription, what, PAUSED_SUBSCRIPTION, subscription.paused)

    def subscription_resumed(self, subscription: Subscription) -> None:
        """A pause is over, and nothing tells of it any more."""
        for key in [
            key for key in self._facts if key.startswith(f"recurly-sub-{subscription.id}-paused-")
        ]:
            self._strike(key)

    def subscription_canceled(self, subscription: Subscription) -> None:
        """It will end with its period."""
        what = f"canceled-{subscription.canceled}"
        self._note_subscription(subscription, what, CANCELED_SUBSCRIPTION, subscription.canceled)

    def cancellation_taken_back(self, subscription: Subscription) -> None:
        """It will not, and nothing tells of the cancellation any more."""
        self._strike(f"recurly-sub-{subscription.id}-canceled-{subscription.canceled}")

    def subscription_expired(self, subscription: Subscription) -> None:
        """It is over."""
        self._note_subscription(subscription, "expired", EXPIRED_SUBSCRIPTION, subscription.expires)

    def period_begun(self, subscription: Subscription) -> None:
        """A period or a trial has a date by which a reminder may have been sent."""
        trial = subscription.trial_end == subscription.period_end
        what = "trial-ending" if trial else "renewal"
        self.foreseen.add(f"recurly-sub-{subscription.id}-{what}-{subscription.period_end}")

    # What is asked of it -------------------------------------------------------------------------

    def events(self, now: datetime, metrics: Collection[str] = METRICS) -> dict[str, ExpectedEvent]:
        """Expected events of these metrics by unique id; times to come are capped at `now`."""
        present = int(now.timestamp())
        return {
            key: _expected(key, fact, present)
            for key, fact in self._facts.items()
            if fact.metric in metrics
        }

    def counts(self, metrics: Collection[str] = METRICS) -> dict[str, int]:
        """Expected events by metric."""
        counted = Counter(fact.metric for fact in self._facts.values())
        return {metric: counted[metric] for metric in metrics}

    def _strike(self, key: str) -> None:
        if self._facts.pop(key, None):
            self.no_longer_shown.add(key)

    def _note_invoice(self, invoice: Invoice, what: str, metric: str, time: int) -> None:
        key = f"recurly-invoice-{invoice.id}-{what}"
        self._facts[key] = _Fact(metric, invoice.id, [time], invoice.total, invoice.account)

    def _note_subscription(
        self, subscription: Subscription, what: str, metric: str, time: int | None
    ) -> None:
        key = f"recurly-sub-{subscription.id}-{what}"
        times = [subscription.created if time is None else time]
        self._facts[key] = _Fact(metric, subscription.id, times, None, subscription.account)

    def _note_transaction(self, payment: Transaction, what: str, metric: str, time: int) -> None:
        key = f"recurly-txn-{payment.id}-{what}"
        self._facts[key] = _Fact(metric, payment.id, [time], payment.amount, payment.account)


def _expected(key: str, fact: _Fact, present: int) -> ExpectedEvent:
    times = [datetime.fromtimestamp(min(time, present), timezone.utc) for time in fact.times]
    value = None if fact.cents is None else fact.cents / 100
    return ExpectedEvent.of(fact.account, fact.metric, key, fact.record_id, *times, value=value)


def _dated(payment: Transaction) -> int:
    """The day the money came: as the merchant typed it, else when its outcome was known."""
    if payment.collected is not None and payment.collected != payment.created:
        return payment.collected
    return _settled(payment)


def _settled(payment: Transaction) -> int:
    """When the outcome of a payment was known, as far as its record can tell."""
    late = payment.updated - payment.created > SETTLES_WITHIN
    return (
        payment.updated
        if payment.method.slow and not payment.refunded and not late
        else payment.created
    )
