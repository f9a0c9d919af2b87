"""One simulated merchant, and both services over it on localhost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.business import Business, Parameters
from recurly_klaviyo_sandbox.clock import Clock
from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount
from recurly_klaviyo_sandbox.named_faults import Faults
from recurly_klaviyo_sandbox.recurly import RecurlySite
from recurly_klaviyo_sandbox.remote_control import RemoteControl
from recurly_klaviyo_sandbox.server import LocalServer, Service

if TYPE_CHECKING:
    from threading import RLock

    from recurly_klaviyo_sandbox.business import Ledger

BEHIND = timedelta(days=7)
"""How far the clock starts behind real time. The history is then too old for any e-mail, and the
week that can be advanced into ends with days that are young enough."""


class Sandbox(Service):
    """A merchant, their Recurly and their Klaviyo.

    Args:
        accounts: How many customers sign up within the merchant's first `days` days.
        days: How much history there is at the start.
        seed: The same seed lives the same life.
        behind: How far the clock starts behind real time: as much can be advanced.
        parameters: How the merchant's customers behave.
        klaviyo: Arguments of `KlaviyoAccount`.
        recurly_port: 0 for any free one.
        klaviyo_port: 0 for any free one.
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
        recurly_port: int = 0,
        klaviyo_port: int = 0,
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
        self.faults = Faults(recurly=self.recurly.network, klaviyo=self.klaviyo.network)
        control = RemoteControl(self.recurly, self.ledger, self.faults)
        self._recurly_server = LocalServer(control, port=recurly_port)
        try:
            self._klaviyo_server = LocalServer(self.klaviyo.app, port=klaviyo_port)
        except OSError:
            self._recurly_server.stop()
            raise

    @property
    def ledger(self) -> Ledger:
        """What the merchant knows to have happened."""
        return self.business.ledger

    @property
    def lock(self) -> RLock:
        """Guards the merchant's life: whoever looks at it from another thread holds this."""
        return self.recurly.store.lock

    @property
    def recurly_url(self) -> str:
        """The tap's `api_url`."""
        return self._recurly_server.url

    @property
    def klaviyo_url(self) -> str:
        """The target's `api_url`."""
        return self._klaviyo_server.url

    def advance(self, step: timedelta) -> None:
        """Let time pass, at most up to the real present: the clock moves, the business lives on."""
        self.recurly.advance(step)

    def start(self) -> None:
        """Serve from now on."""
        self._recurly_server.start()
        self._klaviyo_server.start()

    def stop(self) -> None:
        """Close both ports."""
        self._recurly_server.stop()
        self._klaviyo_server.stop()
