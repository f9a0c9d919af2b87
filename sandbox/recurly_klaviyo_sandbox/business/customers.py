"""What customers buy besides, and how they change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business import people
from recurly_klaviyo_sandbox.business.catalog import price_in
from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.department import Department
from recurly_klaviyo_sandbox.business.entities import Address, PaymentMethod, Transaction
from recurly_klaviyo_sandbox.business.parameters import DAY

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.billing import Billing
    from recurly_klaviyo_sandbox.business.entities import Account, LineItem
    from recurly_klaviyo_sandbox.business.payments import Payments


@dataclass(eq=False)
class Customers(Department):
    """The department that looks after those who are there."""

    billing: Billing
    payments: Payments

    def sell_items(self, account: Account) -> None:
        """A one-time purchase, at times a very long one."""
        if account.closed:
            return
        rng = account.rng
        size = pick(rng, {1: 70, 2: 15, 3: 9, 7: 4, self._parameters.largest_purchase: 2})
        lines = [self._item_line(account) for _ in range(size)]
        odd = pick(rng, {"": 90, "prepayment": 5, "tiny": 2, "zero": 3})
        if odd == "prepayment":
            lines = [self.billing.line(account, "prepayment", "Prepayment", 5000)]
        elif odd == "tiny":
            lines = [self.billing.line(account, "debit", "Rounding adjustment", 2)]
        elif odd == "zero":
            lines = [self.billing.line(account, "one_time", "Free sample", 0)]
        invoice = self.billing.bill(account, odd if odd == "prepayment" else "purchase", lines)
        if odd == "" and pick(rng, {True: 1, False: 3}) and not account.parent:
            self.payments.authorize(invoice)
        else:
            self.payments.collect(invoice, "api")

    def move_house(self, account: Account) -> None:
        """A customer changes their address."""
        if account.closed:
            return
        moved = people.address(account.rng, account.currency)
        account.address = replace(moved, country=account.address.country)
        self._registry.touch(account)

    def change_email(self, account: Account) -> None:
        """A customer gets a new address, another's, the same in capitals, or a first one at all."""
        if account.closed:
            return
        others = [each.email for each in self._registry.accounts() if each.email]
        if account.email is None:
            account.email = f"late{self._queue.now}.{account.id}@{people.MERCHANT_DOMAIN}"
        else:
            new = f"new{self._queue.now}.{account.id}@{people.MERCHANT_DOMAIN}"
            ways = {new: 80, account.email.upper(): 10, account.rng.choice(others): 10}
            account.email = pick(account.rng, ways)
        self._registry.touch(account)

    def empty_cards(self, account: Account) -> None:
        """Redaction, first part: the card fields of an account that nobody has used for long.

        It leaves all updated times alone (unverified).
        """
        if account.billing:
            account.billing.method = PaymentMethod(account.billing.method.kind)
        for payment in self._of(account):
            payment.method = PaymentMethod(payment.method.kind)
            self._registry.note(payment)
        self._registry.note(account)
        self._queue.after(30 * DAY, self.empty_person, account)

    def empty_person(self, account: Account) -> None:
        """Redaction, second part: names, e-mail, addresses. The code stays as it is."""
        account.email = account.company = None
        account.first_name = account.last_name = ""
        account.address = Address("", "", "", "", "", "")
        if account.shipping:
            account.shipping.address = account.address
            self._registry.note(account.shipping)
        for payment in self._of(account):
            self._registry.note(payment)
        self._registry.note(account)

    def _of(self, account: Account) -> list[Transaction]:
        return [
            payment
            for payment in self._registry.entities["transactions"].values()
            if isinstance(payment, Transaction) and payment.account is account
        ]

    def give_credit(self, account: Account) -> None:
        """A goodwill credit, used up by the next bills."""
        if account.closed:
            return
        line = self.billing.line(account, "credit", "Sorry for the delay", -500)
        line.tax = 0
        line.credit_reason = "service"
        self.billing.grant_credit(account, "credit", [line])

    def _item_line(self, account: Account) -> LineItem:
        item = account.rng.choice(self._catalog.items)
        return self.billing.line(
            account,
            "one_time",
            item.name,
            price_in(account.payer.currency, item.price),
            80_000 if item.price_decimal else pick(account.rng, {1: 8, 2: 1, 4: 1}),
            item=item,
        )
