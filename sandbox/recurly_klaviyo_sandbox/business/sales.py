"""Customers: how they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business import people
from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.department import Department
from recurly_klaviyo_sandbox.business.entities import Account, Acquisition, ShippingAddress
from recurly_klaviyo_sandbox.business.parameters import DAY

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.cards import Cards
    from recurly_klaviyo_sandbox.business.contracts import Contracts
    from recurly_klaviyo_sandbox.business.customers import Customers
    from recurly_klaviyo_sandbox.business.entities import Plan
    from recurly_klaviyo_sandbox.business.migration import Migration
    from recurly_klaviyo_sandbox.business.payments import Payments


_GROWTH = 0.85
"""Sign-ups thin out or, below one, come faster as time goes by."""


@dataclass(eq=False)
class Sales(Department):
    """The department that wins customers.

    From `opened` on come `accounts` of them within `span` seconds, and later as many again.
    """

    opened: int
    accounts: int
    span: float
    payments: Payments
    cards: Cards
    customers: Customers
    contracts: Contracts
    migration: Migration
    _accounts: list[Account] = field(default_factory=list)
    _parents: list[Account] = field(default_factory=list)

    def expect_sign_up(self, number: int) -> None:
        """Enter the arrival of customer `number` into the queue."""
        patience = Random(f"{self.world.seed}:arrival:{number}").random()
        share = ((number + patience) / self.accounts) ** _GROWTH
        self._queue.at(self.opened + share * self.span, self.sign_up, number)

    def sign_up(self, number: int) -> None:
        """A customer arrives; the next one is on the way."""
        rng = Random(f"{self.world.seed}:{number}")
        self.expect_sign_up(number + 1)
        persona = pick(rng, self._parameters.personas)
        account = self._open_account(rng, number, persona)
        if persona != "lead":
            self._settle_in(account, persona)

    def _settle_in(self, account: Account, persona: str) -> None:
        rng = account.rng
        if persona == "child":
            self.contracts.start(account, self._some_plan(rng), manual=False)
            return
        if persona == "migrated":
            self.cards.put_on_file(account, pick(rng, {"card": 4, "bank": 1}))
            self.migration.bring_history(account)
        elif persona != "invoiced":
            self.cards.put_on_file(account, persona)
        if pick(rng, {True: 1, False: 9}):
            self.payments.verify(account)
        if persona == "shopper":
            self.customers.sell_items(account)
            return
        plan = self._some_plan(rng)
        if persona in {"card", "wallet"} and pick(rng, {True: 5, False: 95}):
            self.payments.decline_before_invoice(account, plan.prices[account.currency])
        ahead = pick(rng, {0: 96, 9 * DAY: 2, 40 * DAY: 2})
        self.contracts.start(account, plan, manual=persona == "invoiced", ahead=ahead)

    def _open_account(self, rng: Random, number: int, persona: str) -> Account:
        first, last = rng.choice(people.FIRST_NAMES), rng.choice(people.LAST_NAMES)
        parent = self._some_parent(rng) if persona == "child" else None
        currency = parent.currency if parent else pick(rng, {"USD": 70, "EUR": 20, "GBP": 10})
        email = people.email(rng, number, first, last)
        twin = None
        if self._accounts and rng.random() < self._parameters.shares_email:
            twin = rng.choice(self._accounts)
            email = twin.email
        address = people.address(rng, currency)
        account = Account(
            *self._registry.head(),
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
            account.shipping = self._registry.enter(
                ShippingAddress(*self._registry.head(), account, address)
            )
        channel = pick(rng, {"": 6, **dict.fromkeys(people.CHANNELS, 1)})
        if channel:
            self._registry.enter(Acquisition(*self._registry.head(), account, channel))
        self._accounts.append(account)
        if persona in {"invoiced", "card"} and number % 10 == 0:
            self._parents.append(account)
        if twin and rng.random() < self._parameters.closes_superfluous:
            superfluous = rng.choice([account, twin])
            self._queue.after(rng.uniform(3, 60) * DAY, self.contracts.close, superfluous)
        if email is None and rng.random() < self._parameters.adds_email:
            self._queue.after(rng.uniform(1, 60) * DAY, self.customers.change_email, account)
        return self._registry.enter(account)

    def _some_parent(self, rng: Random) -> Account | None:
        candidates = [parent for parent in self._parents[-50:] if not parent.closed]
        return rng.choice(candidates) if candidates else None

    def _some_plan(self, rng: Random) -> Plan:
        catalog = self._catalog
        return rng.choices(catalog.plans, catalog.popularity)[0]
