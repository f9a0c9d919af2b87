"""Collecting what is owed: cards at once, banks in days, invoiced customers when they like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.billing import NOTHING_TO_COLLECT
from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.department import Department
from recurly_klaviyo_sandbox.business.entities import (
    CARDS,
    DEBITS,
    Decline,
    PaymentMethod,
    Transaction,
)
from recurly_klaviyo_sandbox.business.parameters import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_klaviyo_sandbox.business.billing import Billing
    from recurly_klaviyo_sandbox.business.cards import Cards
    from recurly_klaviyo_sandbox.business.entities import Account, Invoice, Subscription
    from recurly_klaviyo_sandbox.business.refunds import Refunds

DUNNING_DAYS = (3, 5, 7, 7)
"""Days between the tries to collect a past-due invoice."""

DECLINES: dict[Decline, float] = {
    Decline(
        "insufficient_funds",
        "The card has insufficient funds to cover the cost of the transaction.",
        "The transaction was declined due to insufficient funds in your account.",
        "51",
    ): 45,
    Decline(
        "declined",
        "The transaction was declined by the bank.",
        "Your transaction was declined. Please use a different card or contact your bank.",
        "05",
    ): 25,
    Decline(
        "call_issuer",
        "The issuing bank asks for a call.",
        "Your transaction was declined. Please contact your bank.",
        "01",
    ): 10,
    Decline(
        "fraud_stolen_card",
        "The card was reported stolen.",
        "The transaction was declined. Please contact support.",
        "43",
    ): 3,
    Decline(
        "processor_unavailable",
        "The payment gateway did not answer in time.",
        "An error occurred while processing your transaction. Please try again.",
        "91",
    ): 6,
}
EXPIRED_CARD = Decline(
    "expired_card",
    "The card has expired.",
    "Your card has expired. Please update your payment information.",
    "54",
)
RETURNED_DEBIT = Decline(
    "insufficient_funds",
    "R01: the account has insufficient funds.",
    "Your bank returned the payment for insufficient funds.",
    "R01",
)


@dataclass(eq=False)
class Payments(Department):
    """The department that collects."""

    billing: Billing
    refunds: Refunds
    cards: Cards
    expire: Callable[[Subscription, str], None]

    def collect(self, invoice: Invoice, origin: str = "recurring") -> None:
        """Try to get an open bill paid, in the way its payer pays."""
        if invoice.state not in {"pending", "past_due"}:
            return
        payer = invoice.account
        if invoice.balance < NOTHING_TO_COLLECT:
            self.billing.move_to(invoice, "paid")
        elif invoice.manual:
            self._await_payment(invoice)
        elif payer.closed:
            self._give_up(invoice)
        elif payer.billing is None:
            self._missed(invoice)
        elif self._settles_late(payer.billing.method, payer):
            self._start_debit(invoice, payer.billing.method, origin)
        else:
            self._charge(invoice, payer.billing.method, origin)

    def verify(self, account: Account) -> None:
        """Check a new card without taking money."""
        if account.billing is None:
            return
        decline = self._verdict(account, account.billing.method)
        status = "declined" if decline else "success"
        self.billing.transact(account, None, "verify", "token_api", status, 0, decline=decline)

    def decline_before_invoice(self, account: Account, amount: int) -> None:
        """A first purchase that is refused leaves a transaction and no invoice."""
        decline = pick(account.rng, DECLINES)
        payment = self.billing.transact(
            account, None, "purchase", "token_api", "declined", amount, decline=decline
        )
        self._ledger.payment_failed(payment)

    def authorize(self, invoice: Invoice) -> None:
        """Reserve the money now, and take it when the parcel leaves."""
        account = invoice.account
        if account.billing is None or account.billing.method.kind in DEBITS:
            self.collect(invoice, "token_api")
            return
        hold = self.billing.transact(
            account, invoice, "authorization", "api", "success", invoice.balance
        )
        capture = pick(account.rng, {True: 88, False: 12})
        event = self._capture if capture else self._release
        self._queue.after(account.rng.uniform(0.5, 2) * DAY, event, hold)

    def settled_before(self, invoice: Invoice, time: int) -> Transaction:
        """A payment from the time before the merchant came to Recurly."""
        account = invoice.account
        payment = self.billing.transact(
            account, invoice, "purchase", "recurring", "success", invoice.total, created=time
        )
        invoice.paid += payment.amount
        self._ledger.payment_received(payment)
        return payment

    # Cards ---------------------------------------------------------------------------------------

    def _charge(self, invoice: Invoice, method: PaymentMethod, origin: str) -> None:
        account = invoice.account
        if account.rng.random() < self._parameters.pays_with_new_card:
            self.cards.pay_with_new(account)
            method = account.billing.method if account.billing else method
        decline = self._verdict(account, method)
        if decline is None:
            payment = self.billing.transact(
                account, invoice, "purchase", origin, "success", invoice.balance
            )
            self._received(payment)
            return
        status = "error" if decline.code == "processor_unavailable" else "declined"
        payment = self.billing.transact(
            account, invoice, "purchase", origin, status, invoice.balance, decline=decline
        )
        self._ledger.payment_failed(payment)
        self._missed(invoice)

    def _settles_late(self, method: PaymentMethod, account: Account) -> bool:
        """Debits do, and what is neither card nor debit at times, as PayPal's eCheck."""
        if method.kind in DEBITS or method.kind in CARDS:
            return method.kind in DEBITS
        return pick(account.rng, {True: 15, False: 85})

    def _verdict(self, account: Account, method: PaymentMethod) -> Decline | None:
        rng = account.rng
        today = self._queue.today()
        if method.expires and method.expires < today and pick(rng, {True: 6, False: 4}):
            return EXPIRED_CARD
        odds = self._parameters.declines / account.reliability
        return pick(rng, DECLINES) if rng.random() < odds * (5 if account.owed else 1) else None

    def _capture(self, hold: Transaction) -> None:
        invoice = hold.invoice
        if invoice is None or invoice.state != "pending":
            return
        payment = self.billing.transact(
            hold.account, invoice, "capture", "api", "success", hold.amount, original=hold
        )
        self._received(payment)

    def _release(self, hold: Transaction) -> None:
        self._settle(hold, "void")
        if hold.invoice:
            self.collect(hold.invoice, "api")

    # Banks ---------------------------------------------------------------------------------------

    def _start_debit(self, invoice: Invoice, method: PaymentMethod, origin: str) -> None:
        account = invoice.account
        status = "scheduled" if method.kind in {"upi_autopay", "pix_automatico"} else "pending"
        debit = self.billing.transact(account, invoice, "purchase", origin, status, invoice.balance)
        self.billing.move_to(invoice, "processing")
        rng = account.rng
        self._queue.after(rng.uniform(0.5, 1.5) * DAY, self._debit_submitted, debit)
        end = pick(
            rng,
            {
                self._debit_cleared: 92,
                self._debit_refused: 6 / account.reliability,
                self._debit_canceled: 2,
            },
        )
        self._queue.after(rng.uniform(2, 6) * DAY, end, debit)

    def _debit_submitted(self, debit: Transaction) -> None:
        self._settle(debit, "processing")

    def _debit_cleared(self, debit: Transaction) -> None:
        self._settle(debit, "success")
        self._received(debit)

    def _debit_refused(self, debit: Transaction) -> None:
        self._settle(debit, "declined", RETURNED_DEBIT)
        self._ledger.payment_failed(debit)
        if debit.invoice:
            self._missed(debit.invoice)

    def _debit_canceled(self, debit: Transaction) -> None:
        self._settle(debit, "void")
        if debit.invoice:
            self.billing.move_to(debit.invoice, "pending")
            self._queue.after(2 * DAY, self.collect, debit.invoice)

    def _debit_returned(self, debit: Transaction) -> None:
        invoice = debit.invoice
        if debit.status != "success" or debit.refunded or invoice is None:
            return
        self._ledger.payment_returned(debit)
        self._settle(debit, "declined", RETURNED_DEBIT)
        self._ledger.payment_failed(debit)
        invoice.paid -= debit.amount
        self._missed(invoice)

    # Customers who pay by invoice ----------------------------------------------------------------

    def _await_payment(self, invoice: Invoice) -> None:
        rng = invoice.account.rng
        self._queue.at(invoice.due, self._overdue, invoice)
        fate = pick(rng, {"whole": 86, "halves": 9, "never": 5})
        if fate == "never":
            self._queue.at(invoice.due + 30 * DAY, self._give_up, invoice)
            return
        first = self._queue.now + rng.uniform(3, 45) * DAY
        parts = 2 if fate == "halves" else 1
        for part in range(parts):
            self._queue.at(first + part * 9 * DAY, self._record_payment, invoice, parts - part)

    def _overdue(self, invoice: Invoice) -> None:
        if invoice.state == "pending":
            self.billing.move_to(invoice, "past_due")

    def _record_payment(self, invoice: Invoice, parts_left: int) -> None:
        if invoice.state not in {"pending", "past_due"} or invoice.balance <= 0:
            return
        account = invoice.account
        ways = {"check": 4, "wire_transfer": 5, "money_order": 1, "other": 1, "eft": 1}
        payment = self.billing.transact(
            account,
            invoice,
            "purchase",
            "merchant",
            "success",
            invoice.balance // parts_left,
            method=PaymentMethod(pick(account.rng, ways)),
            collected=self._typed_date(account),
        )
        self._received(payment)

    def _typed_date(self, account: Account) -> int:
        """When the merchant says the money came: today, some days ago, or mistakenly ahead."""
        days = pick(account.rng, {0: 5, -1: 2, -3: 2, -8: 1, 2: 0.5, 6: 0.5})
        now = self._queue.now
        return now if days == 0 else (now + days * DAY) // DAY * DAY + 12 * HOUR

    # Whatever the way ----------------------------------------------------------------------------

    def _settle(self, payment: Transaction, status: str, decline: Decline | None = None) -> None:
        payment.status, payment.decline = status, decline
        payment.voided = self._queue.now if status == "void" else None
        self._registry.touch(payment)

    def _received(self, payment: Transaction) -> None:
        invoice = payment.invoice
        if invoice is None:
            return
        invoice.paid += payment.amount
        self.billing.move_to(invoice, "paid" if invoice.balance <= 0 else invoice.state)
        self._ledger.payment_received(payment)
        self._foresee_return(payment)

    def _foresee_return(self, payment: Transaction) -> None:
        """Some money goes back: draw whether, how and when."""
        rng = payment.account.rng
        refunds = self.refunds
        days = rng.uniform(0.8, 25)
        if payment.manual:
            fate = pick(rng, {"kept": 97, "refund": 1, "external": 2})
        elif payment.method.kind not in CARDS:
            fate = pick(rng, {"kept": 95, "refund": 2.5, "returned": 2, "chargeback": 0.5})
        else:
            fate = pick(
                rng,
                {"kept": 94.6, "void": 0.9, "refund": 3.4, "external": 0.4, "chargeback": 0.7},
            )
        if fate == "void":
            self._queue.after(rng.uniform(0.2, 9) * HOUR, refunds.void, payment)
        elif fate == "refund":
            self._queue.after(days * DAY, refunds.refund, payment)
        elif fate == "external":
            self._queue.after(days * DAY, refunds.refund_externally, payment)
        elif fate == "chargeback":
            self._queue.after((10 + 2 * days) * DAY, refunds.charge_back, payment)
        elif fate == "returned":
            self._queue.after(days / 2 * DAY, self._debit_returned, payment)

    def _missed(self, invoice: Invoice) -> None:
        """Payment failed: try again as the dunning campaign says, in the end give up."""
        self.billing.move_to(invoice, "past_due")
        if invoice.dunning_events < len(DUNNING_DAYS):
            days = DUNNING_DAYS[invoice.dunning_events]
            invoice.dunning_events += 1  # leaves the updated time alone (unverified)
            self._queue.after(days * DAY, self.collect, invoice)
        else:
            invoice.final_dunning = True
            self._give_up(invoice)

    def _give_up(self, invoice: Invoice) -> None:
        if invoice.state not in {"pending", "past_due"}:
            return
        self.refunds.write_off(invoice)
        for subscription in invoice.subscriptions:
            unpaid = (
                "nonpayment_trial" if subscription.trial_end == subscription.period_start else ""
            )
            self.expire(subscription, unpaid or "nonpayment")
