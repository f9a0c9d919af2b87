"""The whole business, and the passing of its time."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.agenda import Agenda
from recurly_klaviyo_sandbox.business.billing import Billing
from recurly_klaviyo_sandbox.business.books import Books
from recurly_klaviyo_sandbox.business.cards import Cards
from recurly_klaviyo_sandbox.business.catalogue import Catalogue
from recurly_klaviyo_sandbox.business.contracts import Contracts
from recurly_klaviyo_sandbox.business.habits import DAY, Habits
from recurly_klaviyo_sandbox.business.ledger import Ledger
from recurly_klaviyo_sandbox.business.migration import Migration
from recurly_klaviyo_sandbox.business.payments import Payments
from recurly_klaviyo_sandbox.business.refunds import Refunds
from recurly_klaviyo_sandbox.business.sales import Sales

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurly_klaviyo_sandbox.business.entities import Entity

_GROWTH = 0.85
"""Sign-ups thin out or, below one, come faster as time goes by."""


class Business:
    """A subscription merchant's life from `start` on, the same for the same seed.

    Args:
        start: When the merchant opens.
        accounts: How many customers sign up within the first `days` days; afterwards they keep
            coming at about the same pace.
        days: See `accounts`.
        seed: What all chance is drawn from. Advancing in one step or in many makes no difference.
        habits: Odds and switches.
    """

    def __init__(
        self,
        *,
        start: datetime,
        accounts: int = 400,
        days: float = 365,
        seed: int = 1,
        habits: Habits | None = None,
    ) -> None:
        self.seed = seed
        self.habits = habits or Habits()
        self.start = start.astimezone(timezone.utc)
        self._opened = int(start.timestamp())
        self._accounts = accounts
        self._span = days * DAY
        self.books = Books(seed)
        self.agenda = Agenda(self._opened, self.habits.time_grain)
        self.ledger = Ledger(self.books)
        self.catalogue = Catalogue(self.books, self._opened)
        self.billing = Billing(self)
        self.payments = Payments(self)
        self.refunds = Refunds(self)
        self.cards = Cards(self)
        self.contracts = Contracts(self)
        self.sales = Sales(self)
        self.migration = Migration(self)
        self._day: tuple[int, date] = (0, self.start.date())
        if accounts:
            self.expect_sign_up(0)

    def run_until(self, now: datetime) -> None:
        """Live on until the last second before `now`."""
        self.agenda.run_until(int(now.timestamp()) - 1)

    def today(self) -> date:
        """The date it is in the simulation, in UTC."""
        number = self.agenda.now // DAY
        if self._day[0] != number:
            self._day = (
                number,
                (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(number)).date(),
            )
        return self._day[1]

    def expect_sign_up(self, number: int) -> None:
        """Enter the arrival of customer `number` into the agenda."""
        patience = Random(f"{self.seed}:arrival:{number}").random()
        share = ((number + patience) / self._accounts) ** _GROWTH
        self.agenda.at(self._opened + share * self._span, self.sales.sign_up, number)

    def take_changes(self) -> Mapping[str, Mapping[str, Entity]]:
        """What has changed since the last call, by resource and id."""
        return self.books.take_changes()
