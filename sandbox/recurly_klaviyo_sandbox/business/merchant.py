"""The whole business, and the passing of its time."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.billing import Billing
from recurly_klaviyo_sandbox.business.cards import Cards
from recurly_klaviyo_sandbox.business.catalog import Catalog
from recurly_klaviyo_sandbox.business.contracts import Contracts
from recurly_klaviyo_sandbox.business.customers import Customers
from recurly_klaviyo_sandbox.business.department import World
from recurly_klaviyo_sandbox.business.event_queue import EventQueue
from recurly_klaviyo_sandbox.business.ledger import Ledger
from recurly_klaviyo_sandbox.business.migration import Migration
from recurly_klaviyo_sandbox.business.parameters import DAY, Parameters
from recurly_klaviyo_sandbox.business.payments import Payments
from recurly_klaviyo_sandbox.business.people_ledger import expected_people, expected_reminders
from recurly_klaviyo_sandbox.business.period_bills import PeriodBills
from recurly_klaviyo_sandbox.business.refunds import Refunds
from recurly_klaviyo_sandbox.business.registry import Registry
from recurly_klaviyo_sandbox.business.sales import Sales

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recurly_klaviyo_sandbox.business.entities import Subscription
    from recurly_klaviyo_sandbox.business.ledger import ExpectedEvent
    from recurly_klaviyo_sandbox.business.people_ledger import ExpectedPerson


class Business:
    """A subscription merchant's life from `start` on, the same for the same seed.

    Within the first `days` days `accounts` customers sign up, and afterwards they keep coming at
    about the same pace. Advancing in one step or in many makes no difference.
    """

    def __init__(
        self,
        *,
        start: datetime,
        accounts: int = 400,
        days: float = 365,
        seed: int = 1,
        parameters: Parameters | None = None,
    ) -> None:
        parameters = parameters or Parameters()
        self.start = start.astimezone(timezone.utc)
        opened = int(start.timestamp())
        self.queue = EventQueue(opened, parameters.time_grain)
        self.registry = Registry(seed, self.queue)
        self.ledger = Ledger()
        self.catalog = Catalog(self.registry)
        world = World(seed, parameters, self.registry, self.queue, self.ledger, self.catalog)
        # Each department knows those above it. Only giving up a bill works upwards: it ends the
        # subscriptions.
        self.billing = Billing(world)
        self.refunds = Refunds(world, self.billing)
        self.cards = Cards(world)
        self.payments = Payments(world, self.billing, self.refunds, self.cards, self._expire)
        self.customers = Customers(world, self.billing, self.payments)
        bills = PeriodBills(world, self.billing, self.payments)
        self.contracts = Contracts(world, bills, self.cards, self.customers)
        self.migration = Migration(world, self.billing, self.payments, self.refunds)
        self.sales = Sales(
            world,
            opened,
            accounts,
            days * DAY,
            self.payments,
            self.cards,
            self.customers,
            self.contracts,
            self.migration,
        )
        if accounts:
            self.sales.expect_sign_up(0)

    def _expire(self, subscription: Subscription, reason: str) -> None:
        self.contracts.expire(subscription, reason)

    def run_until(self, now: datetime) -> None:
        """Live on until the last second before `now`."""
        self.queue.run_until(int(now.timestamp()) - 1)

    def people(self) -> dict[str, ExpectedPerson]:
        """What everybody's profile should say now, by the id of their oldest account."""
        return expected_people(self.registry.accounts())

    def reminders(self, now: datetime, lead_days: Sequence[int] = (3,)) -> dict[str, ExpectedEvent]:
        """The reminders that are due now, by unique id."""
        return expected_reminders(self.registry.accounts(), now, lead_days)
