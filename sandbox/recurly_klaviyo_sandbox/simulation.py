"""One simulated merchant and both services over it, without a network."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec import structs

from recurly_klaviyo_sandbox.business import Business, Parameters
from recurly_klaviyo_sandbox.clock import Clock
from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount
from recurly_klaviyo_sandbox.recurly import RecurlySite

if TYPE_CHECKING:
    from threading import RLock

    from recurly_klaviyo_sandbox.business import Ledger
    from recurly_klaviyo_sandbox.faults import Fault, FaultInjection
    from recurly_klaviyo_sandbox.faults.named import FaultOrder

BEHIND = timedelta(days=7)
"""How far the clock starts behind real time. The history is then too old for any e-mail, and the
week that can be advanced into ends with days that are young enough."""


class Simulation:
    """A merchant, their Recurly and their Klaviyo.

    Args:
        accounts: How many customers sign up within the merchant's first `days` days.
        days: How much history there is at the start.
        seed: The same seed lives the same life.
        behind: How far the clock starts behind real time: as much can be advanced.
        parameters: How the merchant's customers behave.
        klaviyo: Arguments of `KlaviyoAccount`.
        **recurly: Arguments of `RecurlySite`, its options among them.
    """

    def __init__(  # noqa: PLR0913  (all have defaults)
        self,
        *,
        accounts: int = 400,
        days: float = 365,
        seed: int = 1,
        behind: timedelta = BEHIND,
        parameters: Parameters | None = None,
        klaviyo: dict[str, Any] | None = None,
        **recurly: Any,
    ) -> None:
        self.clock = Clock(behind=behind)
        now = self.clock.now()
        self.business = Business(
            start=now - timedelta(days=days),
            accounts=accounts,
            days=days,
            seed=seed,
            parameters=parameters,
        )
        self.business.run_until(now)
        self.recurly = RecurlySite(self.clock, self.business, **recurly)
        # Klaviyo lives in the real present: its jobs, limits and receipts know no merchant's time.
        self.klaviyo = KlaviyoAccount(clock=Clock(), **(klaviyo or {}))
        self._faults: list[tuple[FaultOrder, Fault]] = []

    @property
    def ledger(self) -> Ledger:
        """What the merchant knows to have happened."""
        return self.business.ledger

    @property
    def lock(self) -> RLock:
        """Guards the merchant's life: whoever looks at it from another thread holds this."""
        return self.recurly.store.lock

    def advance(self, step: timedelta) -> None:
        """Let time pass, at most up to the real present: the clock moves, the business lives on."""
        self.recurly.advance(step)

    def add_fault(self, order: FaultOrder) -> None:
        """From now on, let this befall requests to one of the services.

        Raises:
            ValueError: With a sentence, when the order makes no sense.
        """
        fault = order.fault()
        self._network(order).faults.append(fault)
        self._faults.append((order, fault))

    def clear_faults(self) -> None:
        """End all that `add_fault` began."""
        for order, fault in self._faults:
            self._network(order).faults.remove(fault)
        self._faults.clear()

    def faults(self) -> list[FaultOrder]:
        """What may still befall requests; `times` says how often."""
        return [
            structs.replace(order, times=fault.left)
            for order, fault in self._faults
            if fault.left != 0
        ]

    def _network(self, order: FaultOrder) -> FaultInjection:
        half = self.recurly if order.service == "recurly" else self.klaviyo
        return half.network
