"""The merchant's own account of what happened, in the terms of five metrics.

The departments note each business fact here at the moment it happens, from their own knowledge of
it, and strike it when it turns out not to have been so. Nothing is derived from Recurly's records:
the ledger is the independent judge of whoever reads those.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.entities import Account, Invoice, LineItem, Transaction
    from recurly_klaviyo_sandbox.business.registry import Registry

FAILED_PAYMENT = "Failed Payment"
ISSUED_INVOICE = "Issued Invoice"
ORDERED_PRODUCT = "Ordered Product"
REFUNDED_PAYMENT = "Refunded Payment"
SUCCESSFULLY_PAID = "Successfully Paid"
METRICS = (FAILED_PAYMENT, ISSUED_INVOICE, ORDERED_PRODUCT, REFUNDED_PAYMENT, SUCCESSFULLY_PAID)

_RUNNING = frozenset({"active", "canceled", "paused", "future"})


@dataclass(frozen=True)
class ExpectedEvent:
    """One fact that a marketing tool should know.

    `time` is the event's time as the records stand now, never later than now; `times` are all the
    times it has had, so that a reader who came earlier is not blamed. `email` is the account's now.
    """

    metric: str
    unique_id: str
    recurly_id: str
    time: datetime
    times: tuple[datetime, ...]
    value: float
    currency: str
    account_id: str
    account_code: str
    email: str | None


@dataclass(frozen=True)
class ExpectedProfile:
    """What an account's profile should say now.

    Accounts that share an e-mail address share a profile; the one with the latest
    (`updated_at`, `account_id`) has the last word. `plan_codes` and `plans` are sets: their order
    means nothing.
    """

    account_code: str
    account_id: str
    email: str | None
    card_expiration_date: str | None
    plan_codes: frozenset[str]
    plans: frozenset[str]
    updated_at: datetime


@dataclass
class _Fact:
    metric: str
    record_id: str
    times: list[int]
    cents: int
    account: Account


class Ledger:
    """Facts by the unique id their event must carry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._facts: dict[str, _Fact] = {}
        self._taken_back: set[str] = set()

    # What the departments note -------------------------------------------------------------------

    def invoice_issued(self, invoice: Invoice) -> None:
        """A customer was sent a bill."""
        key = f"recurly-invoice-{invoice.id}-issued"
        self._facts[key] = _Fact(
            ISSUED_INVOICE, invoice.id, [invoice.created], invoice.total, invoice.account
        )

    def product_ordered(self, line: LineItem) -> None:
        """A bill names something the customer ordered."""
        invoice = line.invoice
        key = f"recurly-line-item-{line.id}-ordered"
        self._facts[key] = _Fact(
            ORDERED_PRODUCT, line.id, [invoice.created], line.amount, invoice.account
        )

    def payment_failed(self, payment: Transaction, time: int) -> None:
        """A payment was refused."""
        self._note_transaction(payment, "failed", FAILED_PAYMENT, time)

    def payment_received(self, payment: Transaction, time: int) -> None:
        """Money came in."""
        self._note_transaction(payment, "succeeded", SUCCESSFULLY_PAID, time)

    def payment_returned(self, payment: Transaction) -> None:
        """Money that seemed to have come in had not."""
        key = f"recurly-txn-{payment.id}-succeeded"
        del self._facts[key]
        self._taken_back.add(key)

    def payment_dated_anew(self, payment: Transaction, time: int) -> None:
        """A slow payment's only date is when its record last moved, and it moved again."""
        fact = self._facts[f"recurly-txn-{payment.id}-succeeded"]
        if fact.times[-1] != time:
            fact.times.append(time)

    def money_given_back(self, refund: Transaction, time: int) -> None:
        """A refund reached the customer."""
        self._note_transaction(refund, "refunded", REFUNDED_PAYMENT, time)

    def payment_voided(self, payment: Transaction, time: int) -> None:
        """A payment was refunded before it had settled."""
        self._note_transaction(payment, "voided", REFUNDED_PAYMENT, time)

    def payment_charged_back(self, payment: Transaction, time: int) -> None:
        """The customer's bank took a payment back."""
        self._note_transaction(payment, "chargeback", REFUNDED_PAYMENT, time)

    # What is asked of it -------------------------------------------------------------------------

    def events(self, now: datetime) -> dict[str, ExpectedEvent]:
        """All expected events by unique id; times to come are capped at `now`."""
        present = int(now.timestamp())
        return {key: _expected(key, fact, present) for key, fact in self._facts.items()}

    @property
    def taken_back(self) -> frozenset[str]:
        """Unique ids of facts struck since: who read them in time is not wrong to have told."""
        return frozenset(self._taken_back)

    def counts(self) -> dict[str, int]:
        """Expected events by metric."""
        counted = Counter(fact.metric for fact in self._facts.values())
        return {metric: counted[metric] for metric in METRICS}

    def profiles(self, now: datetime) -> dict[str, ExpectedProfile]:
        """All expected profiles by account code, in order of (updated_at, account id)."""
        present = int(now.timestamp())
        accounts = [a for a in self._registry.accounts() if a.updated <= present]
        accounts.sort(key=lambda account: (account.updated, account.id))
        return {account.code: _profile(account) for account in accounts}

    def _note_transaction(self, payment: Transaction, what: str, metric: str, time: int) -> None:
        key = f"recurly-txn-{payment.id}-{what}"
        self._facts[key] = _Fact(metric, payment.id, [time], payment.amount, payment.account)


def _expected(key: str, fact: _Fact, present: int) -> ExpectedEvent:
    account = fact.account
    return ExpectedEvent(
        metric=fact.metric,
        unique_id=key,
        recurly_id=fact.record_id,
        time=_moment(min(fact.times[-1], present)),
        times=tuple(_moment(min(time, present)) for time in fact.times),
        value=fact.cents / 100,
        currency=account.currency,
        account_id=account.id,
        account_code=account.code,
        email=account.email,
    )


def _profile(account: Account) -> ExpectedProfile:
    running = [s.plan for s in account.subscriptions if s.state in _RUNNING]
    expires = account.billing.method.expires if account.billing else None
    return ExpectedProfile(
        account_code=account.code,
        account_id=account.id,
        email=account.email,
        card_expiration_date=expires.isoformat() if expires else None,
        plan_codes=frozenset(plan.code for plan in running),
        plans=frozenset(plan.name for plan in running),
        updated_at=_moment(account.updated),
    )


def _moment(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, timezone.utc)
