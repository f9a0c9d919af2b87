"""Customers: how they come, what they buy besides, how they change and go."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business import people
from recurly_klaviyo_sandbox.business.catalogue import price_in
from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.entities import (
    Account,
    Acquisition,
    LineItem,
    ShippingAddress,
)
from recurly_klaviyo_sandbox.business.habits import DAY

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.entities import Plan
    from recurly_klaviyo_sandbox.business.merchant import Business


class Sales:
    """The department that knows the customers."""

    def __init__(self, business: Business) -> None:
        self._business = business
        self._books = business.books
        self._agenda = business.agenda
        self._billing = business.billing
        self._payments = business.payments
        self._accounts: list[Account] = []
        self._parents: list[Account] = []

    def sign_up(self, number: int) -> None:
        """A customer arrives; the next one is on the way."""
        rng = Random(f"{self._business.seed}:{number}")
        self._business.expect_sign_up(number + 1)
        persona = pick(rng, self._business.habits.personas)
        account = self._open_account(rng, number, persona)
        if persona != "lead":
            self._settle_in(account, persona)

    def _settle_in(self, account: Account, persona: str) -> None:
        rng, business = account.rng, self._business
        if persona == "child":
            business.contracts.start(account, self._some_plan(rng), manual=False)
            return
        if persona == "migrated":
            business.cards.put_on_file(account, pick(rng, {"card": 4, "bank": 1}))
            business.migration.bring_history(account)
        elif persona != "invoiced":
            business.cards.put_on_file(account, persona)
        if pick(rng, {True: 1, False: 9}):
            self._payments.verify(account)
        if persona == "shopper":
            self.sell_items(account)
            return
        plan = self._some_plan(rng)
        if persona in {"card", "wallet"} and pick(rng, {True: 5, False: 95}):
            self._payments.decline_before_invoice(account, plan.prices[account.currency])
        ahead = pick(rng, {0: 96, 9 * DAY: 2, 40 * DAY: 2})
        business.contracts.start(account, plan, manual=persona == "invoiced", ahead=ahead)

    def sell_items(self, account: Account) -> None:
        """A one-time purchase, at times a very long one."""
        if account.closed:
            return
        rng = account.rng
        size = pick(rng, {1: 70, 2: 15, 3: 9, 7: 4, self._business.habits.largest_purchase: 2})
        lines = [self._item_line(account) for _ in range(size)]
        odd = pick(rng, {"": 90, "prepayment": 5, "tiny": 2, "zero": 3})
        if odd == "prepayment":
            lines = [self._billing.line(account, "prepayment", "Prepayment", 5000)]
        elif odd == "tiny":
            lines = [self._billing.line(account, "debit", "Rounding adjustment", 2)]
        elif odd == "zero":
            lines = [self._billing.line(account, "one_time", "Free sample", 0)]
        invoice = self._billing.bill(account, odd if odd == "prepayment" else "purchase", lines)
        if odd == "" and pick(rng, {True: 1, False: 3}) and not account.parent:
            self._payments.authorize(invoice)
        else:
            self._payments.collect(invoice, "api")

    def move_house(self, account: Account) -> None:
        """A customer changes their address."""
        if account.closed:
            return
        moved = people.address(account.rng, account.currency)
        account.address = replace(moved, country=account.address.country)
        self._books.touch(account, self._agenda.now)

    def change_email(self, account: Account) -> None:
        """A customer changes their e-mail address."""
        if account.closed or account.email is None:
            return
        account.email = f"new{self._agenda.now}.{account.email}"
        self._books.touch(account, self._agenda.now)

    def give_credit(self, account: Account) -> None:
        """A goodwill credit, used up by the next bills."""
        if account.closed:
            return
        line = self._billing.line(account, "credit", "Sorry for the delay", -500)
        line.tax = 0
        line.credit_reason = "service"
        self._billing.grant_credit(account, "credit", [line])

    def close(self, account: Account) -> None:
        """A customer goes for good; subscriptions end and the billing info is deleted."""
        if account.closed:
            return
        account.closed = self._agenda.now
        self._business.cards.take_off_file(account)
        for subscription in account.subscriptions:
            self._business.contracts.expire(subscription, "canceled")
        self._books.touch(account, self._agenda.now)

    def _open_account(self, rng: Random, number: int, persona: str) -> Account:
        now = self._agenda.now
        first, last = rng.choice(people.FIRST_NAMES), rng.choice(people.LAST_NAMES)
        parent = self._some_parent(rng) if persona == "child" else None
        currency = parent.currency if parent else pick(rng, {"USD": 70, "EUR": 20, "GBP": 10})
        placeholders = self._business.habits.placeholder_emails
        email = people.email(rng, number, first, last, placeholders=placeholders)
        if self._accounts and rng.random() < self._business.habits.shares_email:
            email = rng.choice(self._accounts).email
        address = people.address(rng, currency)
        account = Account(
            *self._books.head(now),
            code=people.account_code(rng, number, last),
            email=email,
            first_name=first,
            last_name=last,
            company=rng.choice(people.COMPANIES) if persona in {"invoiced", "child"} else None,
            address=address,
            currency=currency,
            locale=people.locale(address.country),
            rng=rng,
            reliability=pick(rng, {2.0: 70, 0.8: 20, 0.3: 10}),
            parent=parent,
        )
        if pick(rng, {True: 1, False: 5}):
            account.shipping = self._books.enter(
                ShippingAddress(*self._books.head(now), account, address)
            )
        channel = pick(rng, {"": 6, **dict.fromkeys(people.CHANNELS, 1)})
        if channel:
            self._books.enter(Acquisition(*self._books.head(now), account, channel))
        self._accounts.append(account)
        if persona in {"invoiced", "card"} and number % 10 == 0:
            self._parents.append(account)
        if parent and not parent.has_children:
            parent.has_children = True
        return self._books.enter(account)

    def _some_parent(self, rng: Random) -> Account | None:
        candidates = [parent for parent in self._parents[-50:] if not parent.closed]
        return rng.choice(candidates) if candidates else None

    def _some_plan(self, rng: Random) -> Plan:
        catalogue = self._business.catalogue
        return rng.choices(catalogue.plans, catalogue.popularity)[0]

    def _item_line(self, account: Account) -> LineItem:
        item = account.rng.choice(self._business.catalogue.items)
        return self._billing.line(
            account,
            "one_time",
            item.name,
            price_in(account.payer.currency, item.price),
            pick(account.rng, {1: 8, 2: 1, 4: 1}),
            item=item,
        )
