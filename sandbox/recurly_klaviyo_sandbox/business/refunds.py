"""Giving money back, having it taken back, and giving it up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.department import Department
from recurly_klaviyo_sandbox.business.entities import DEBITS, PaymentMethod
from recurly_klaviyo_sandbox.business.parameters import DAY, HOUR

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.billing import Billing
    from recurly_klaviyo_sandbox.business.entities import Account, Invoice, LineItem, Transaction

_SMALLEST_PARTIAL = 200


@dataclass(eq=False)
class Refunds(Department):
    """The department that gives back."""

    billing: Billing

    def void(self, payment: Transaction) -> None:
        """Refund a payment before it has settled: no refund transaction, the payment is void."""
        if payment.status != "success" or payment.refunded or payment.invoice is None:
            return
        credit = self._credit_for(payment, payment.amount, "refund")
        payment.status = "void"
        payment.voided = self._queue.now
        payment.voided_by = credit
        payment.refunded = payment.amount
        self.billing.touch_payment(payment)
        self._ledger.money_given_back(payment, "voided", self._queue.now)
        self.billing.credit_payment(credit, payment.amount, "refund")

    def refund(self, payment: Transaction) -> None:
        """Refund a settled payment through its gateway, whole or in part."""
        left = payment.amount - payment.refunded
        if payment.status != "success" or left <= 0 or payment.invoice is None:
            return
        rng = payment.account.rng
        way = pick(rng, {"refund": 55, "line_item_refund": 15, "open_amount_refund": 30})
        whole = way == "refund" and not payment.refunded
        partly = left > _SMALLEST_PARTIAL
        amount = left if whole or not partly else max(rng.randrange(left), _SMALLEST_PARTIAL // 2)
        if way == "line_item_refund":
            amount = min(left, max((line.amount for line in payment.invoice.lines), default=left))
        elif amount < left or not whole:
            way = "open_amount_refund"
        credit = self._credit_for(payment, amount, way)
        pending = payment.method.kind in DEBITS
        outcome = pick(rng, {"success": 96, "declined": 4})
        refund = self._enter_refund(payment, credit, amount, "pending" if pending else outcome)
        if pending:
            self._queue.after(rng.uniform(2, 5) * DAY, self._refund_settled, refund, outcome)
        else:
            self._refund_settled(refund, outcome)
        if pick(rng, {True: 1, False: 4}):
            self._queue.after(rng.uniform(1, 20) * DAY, self.refund, payment)

    def refund_externally(self, payment: Transaction) -> None:
        """Note a refund that was made outside Recurly, on the day the merchant says."""
        amount = payment.amount - payment.refunded
        if payment.status != "success" or amount <= 0 or payment.invoice is None:
            return
        credit = self._credit_for(payment, amount, "external_refund")
        refund = self._enter_refund(
            *(payment, credit, amount, "success"),
            method=PaymentMethod("other"),
            origin="refunded_externally",
            collected=(self._queue.now - 2 * DAY) // DAY * DAY + 12 * HOUR,
        )
        self._refund_settled(refund, "success")

    def charge_back(self, payment: Transaction) -> None:
        """The customer disputed the payment and the bank took it back."""
        if payment.status != "success" or payment.refunded:
            return
        payment.status = "chargeback"
        self.billing.touch_payment(payment)
        self._ledger.money_given_back(payment, "chargeback", payment.updated)

    def write_off(self, invoice: Invoice) -> None:
        """Give a bill up: it has failed, and a credit invoice takes it off the registry."""
        balance = invoice.balance
        line = self._open_amount(
            invoice.account, f"Write-off of invoice #{invoice.number}", balance, "write_off"
        )
        credit = self.billing.draw_up(
            invoice.account, "credit", "write_off", [line], state="open", previous=invoice
        )
        self.billing.credit_payment(credit, balance, "write_off", applied_to=invoice)
        self.billing.move_to(invoice, "failed")

    def legacy_refund(self, payment: Transaction, time: int) -> None:
        """A refund from before credit invoices: a legacy invoice with a negative total."""
        if payment.invoice is None:
            return
        lines = [self._mirror(line) for line in payment.invoice.lines]
        for line in lines:
            line.legacy_category = "credit"
        credit = self.billing.draw_up(
            payment.account, "legacy", "refund", lines, state="closed", created=time
        )
        refund = self._enter_refund(payment, credit, payment.amount, "success", created=time)
        credit.paid = credit.total
        self._ledger.money_given_back(refund, "refunded", time)

    def _refund_settled(self, refund: Transaction, outcome: str) -> None:
        refund.status = outcome
        self._registry.touch(refund)
        credit, payment = refund.invoice, refund.original
        if credit is None or payment is None:
            return
        if outcome == "success":
            time = refund.created if refund.collected is None else refund.collected
            self._ledger.money_given_back(refund, "refunded", time)
            self.billing.credit_payment(credit, refund.amount, "refund", refund=refund)
        else:
            payment.refunded -= refund.amount
            self.billing.touch_payment(payment)

    def _enter_refund(
        self, payment: Transaction, credit: Invoice, amount: int, status: str, **details: Any
    ) -> Transaction:
        payment.refunded += amount
        self.billing.touch_payment(payment)
        made = {"origin": "api", "method": payment.method, "manual": payment.manual}
        return self.billing.transact(
            payment.account,
            credit,
            kind="refund",
            status=status,
            amount=amount,
            original=payment,
            **{**made, **details},
        )

    def _credit_for(self, payment: Transaction, amount: int, origin: str) -> Invoice:
        """The credit invoice of a refund: the bill mirrored, one line of it, or an amount."""
        bill = payment.invoice
        if bill is None:
            raise ValueError(f"Payment {payment.id} has no bill to be credited against.")
        lines = [self._open_amount(payment.account, f"Refund #{bill.number}", amount, "refund")]
        if origin == "line_item_refund":
            same = [line for line in bill.lines if line.amount == amount]
            lines = [self._mirror(same[0])] if same else lines
        elif amount == bill.total:
            lines = [self._mirror(line) for line in bill.lines]
        return self.billing.draw_up(
            payment.account, "credit", origin, lines, state="open", previous=bill
        )

    def _mirror(self, line: LineItem) -> LineItem:
        """The credit of a charge; it keeps the charge's origin."""
        line.refunded_quantity = line.quantity
        self._registry.touch(line)
        new_id, created, updated, uuid = self._registry.long_head()
        return replace(
            line,
            id=new_id,
            created=created,
            updated=updated,
            uuid=uuid,
            kind="credit",
            unit=-line.unit,
            discount=-line.discount,
            tax=-line.tax,
            original=line,
            refunded_quantity=0,
            credit_reason="refund",
            legacy_category=None,
            redemption=None,
            unit_decimal=None,
        )

    def _open_amount(
        self, account: Account, description: str, amount: int, reason: str
    ) -> LineItem:
        line = self.billing.line(account, "credit", description, -amount)
        line.tax = 0
        line.credit_reason = reason
        return line
