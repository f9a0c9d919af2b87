"""Invoices and credits: drawing them up, applying credit, and changing their state."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.business.catalog import TAX_RATES
from recurly_klaviyo_sandbox.business.department import Department
from recurly_klaviyo_sandbox.business.entities import (
    CreditPayment,
    Invoice,
    LineItem,
    PaymentMethod,
    Transaction,
)
from recurly_klaviyo_sandbox.business.parameters import DAY

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.entities import Account, CouponRedemption

NOTHING_TO_COLLECT = 3
"""Below three cents Recurly marks an invoice paid without any transaction."""

NET_TERMS = 30

_NOT_PRODUCTS = frozenset({"carryforward", "credit", "coupon", "prepayment"})


@dataclass(eq=False)
class Billing(Department):
    """The department that writes invoices."""

    def line(  # noqa: PLR0913  (what every line has)
        self,
        account: Account,
        origin: str,
        description: str,
        unit: int,
        quantity: int = 1,
        *,
        created: int | None = None,
        **facets: Any,
    ) -> LineItem:
        """One line for a bill of the account's payer, taxed where the payer lives.

        `facets` are further fields of the `LineItem`.
        """
        now = self._queue.now if created is None else created
        item, redemption = facets.get("item"), facets.get("redemption")
        decimal = item.price_decimal if item else None
        subtotal = round(quantity * Decimal(decimal) * 100) if decimal else quantity * unit
        percent = redemption.coupon.percent if redemption else 0
        discount = round(subtotal * percent / 100)
        payer = account.payer
        return LineItem(
            *self._registry.long_head(created),
            kind="charge" if unit >= 0 else "credit",
            origin=origin,
            description=description,
            quantity=quantity,
            unit=unit,
            discount=discount,
            tax=round((subtotal - discount) * TAX_RATES[payer.address.country]),
            bill_for=None if payer is account else account,
            unit_decimal=decimal,
            **{"start": now, "end": None, **facets},
        )

    def bill(
        self,
        account: Account,
        origin: str,
        lines: list[LineItem],
        *,
        kind: str = "charge",
        **head: Any,
    ) -> Invoice:
        """Send a customer a bill: this is what the Issued Invoice metric counts.

        `head` is passed on to `draw_up`.
        """
        invoice = self.draw_up(account.payer, kind, origin, lines, state="pending", **head)
        self._ledger.invoice_issued(invoice)
        for line in lines:
            if line.kind == "charge" and line.origin not in _NOT_PRODUCTS:
                self._ledger.product_ordered(line)
            if line.redemption:
                self._redeem(line.redemption, line.discount)
        self._apply_credit(invoice)
        return invoice

    def draw_up(  # noqa: PLR0913  (an invoice's head, all named at the call)
        self,
        account: Account,
        kind: str,
        origin: str,
        lines: list[LineItem],
        *,
        state: str,
        manual: bool = False,
        previous: Invoice | None = None,
        created: int | None = None,
    ) -> Invoice:
        """Enter an invoice of any kind without telling the ledger that it is a bill."""
        now = self._queue.now
        created = now if created is None else created
        terms = NET_TERMS if manual else 0
        invoice = Invoice(
            *self._registry.long_head(created),
            number=self._registry.new_invoice_number(),
            kind=kind,
            origin=origin,
            state=state,
            account=account,
            lines=lines,
            manual=manual,
            net_terms=terms,
            due=created + terms * DAY,
            previous=previous,
            method_id=account.billing.id if account.billing and not manual else None,
        )
        for line in lines:
            line.invoice = invoice
            line.updated = now
            self._registry.enter(line)
        return self._registry.enter(invoice)

    def grant_credit(self, account: Account, origin: str, lines: list[LineItem]) -> Invoice:
        """Give an account credit that its next bills use up."""
        credit = self.draw_up(account.payer, "credit", origin, lines, state="open")
        account.payer.credits.append(credit)
        return credit

    def move_to(self, invoice: Invoice, state: str) -> None:
        """Change an invoice's state; nothing else moves its updated time."""
        if invoice.state == state:
            self._registry.note(invoice)
            return
        invoice.state = state
        invoice.closed = self._queue.now if state in {"paid", "failed", "closed"} else None
        self._registry.touch(invoice)
        owed = invoice.account.owed
        self._ledger.invoice_moved(invoice)
        if state == "past_due":
            owed[invoice.id] = invoice
            self._registry.note(invoice.account)
        elif owed.pop(invoice.id, None):
            self._registry.note(invoice.account)

    def transact(  # noqa: PLR0913, PLR0917  (a transaction's head)
        self,
        account: Account,
        invoice: Invoice | None,
        kind: str,
        origin: str,
        status: str,
        amount: int,
        *,
        created: int | None = None,
        **details: Any,
    ) -> Transaction:
        """Register a movement of money with its invoice.

        `details` are further fields of the `Transaction`. Unless they say otherwise it was made
        with the payment method on file, and what was not declined was collected at once.
        """
        now = self._queue.now
        created = now if created is None else created
        transaction = Transaction(
            *self._registry.long_head(created),
            account=account,
            invoice=invoice,
            kind=kind,
            origin=origin,
            status=status,
            amount=amount,
            currency=account.currency,
            **{
                "method": account.billing.method if account.billing else PaymentMethod("other"),
                "manual": origin == "merchant",
                "collected": None if details.get("decline") else created,
                **details,
            },
        )
        if invoice:
            invoice.transactions.append(transaction)
            self._registry.note(invoice)
        return self._registry.enter(transaction)

    def touch_payment(self, payment: Transaction) -> None:
        """Note a change to a payment that came in."""
        self._registry.touch(payment)
        self._ledger.payment_dated_anew(payment)

    def credit_payment(
        self,
        credit: Invoice,
        amount: int,
        action: str,
        *,
        applied_to: Invoice | None = None,
        refund: Transaction | None = None,
    ) -> None:
        """Let a credit invoice's money go somewhere, and close it once it is used up."""
        payment = CreditPayment(
            *self._registry.long_head(),
            account=credit.account,
            action=action,
            original=credit,
            applied_to=applied_to,
            refund=refund,
            currency=credit.currency,
            amount=amount,
        )
        self._registry.enter(payment)
        credit.credited -= amount
        credit.credit_payments.append(payment)
        self.move_to(credit, "closed" if credit.balance >= 0 else "open")
        if applied_to:
            applied_to.credited += amount
            applied_to.credit_payments.append(payment)
            self._registry.note(applied_to)

    def _apply_credit(self, invoice: Invoice) -> None:
        credits_left = invoice.account.credits
        while credits_left and invoice.balance > 0:
            credit = credits_left[0]
            amount = min(-credit.balance, invoice.balance)
            self.credit_payment(credit, amount, "payment", applied_to=invoice)
            if credit.balance >= 0:
                credits_left.pop(0)

    def _redeem(self, redemption: CouponRedemption, discount: int) -> None:
        redemption.discounted += discount
        redemption.left -= 1
        if redemption.left == 0:
            redemption.removed = self._queue.now
            redemption.subscription.redemption = None
        self._registry.touch(redemption)
