"""Both services on localhost over one simulated merchant."""

from __future__ import annotations

from typing import Any

from recurly_klaviyo_sandbox.remote_control import RemoteControl
from recurly_klaviyo_sandbox.server import LocalServer, Service
from recurly_klaviyo_sandbox.simulation import BEHIND, Simulation

__all__ = ["BEHIND", "Sandbox"]


class Sandbox(Simulation, Service):
    """Recurly and Klaviyo, each on a port of its own: 0 is any free one.

    All other arguments are those of `Simulation`.
    """

    def __init__(self, *, recurly_port: int = 0, klaviyo_port: int = 0, **simulation: Any) -> None:
        super().__init__(**simulation)
        self._recurly_server = LocalServer(RemoteControl(self, self.recurly.app), port=recurly_port)
        try:
            self._klaviyo_server = LocalServer(self.klaviyo.app, port=klaviyo_port)
        except OSError:
            self._recurly_server.stop()
            raise

    @property
    def recurly_url(self) -> str:
        """The tap's `api_url`."""
        return self._recurly_server.url

    @property
    def klaviyo_url(self) -> str:
        """The target's `api_url`."""
        return self._klaviyo_server.url

    def start(self) -> None:
        """Serve from now on."""
        self._recurly_server.start()
        self._klaviyo_server.start()

    def stop(self) -> None:
        """Close both ports."""
        self._recurly_server.stop()
        self._klaviyo_server.stop()
