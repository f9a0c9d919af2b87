"""What every department is and works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.catalog import Catalog
    from recurly_klaviyo_sandbox.business.event_queue import EventQueue
    from recurly_klaviyo_sandbox.business.ledger import Ledger
    from recurly_klaviyo_sandbox.business.parameters import Parameters
    from recurly_klaviyo_sandbox.business.registry import Registry


@dataclass(frozen=True)
class World:
    """A merchant's time, entities, goods and independent record, and how its customers behave."""

    seed: int
    parameters: Parameters
    registry: Registry
    queue: EventQueue
    ledger: Ledger
    catalog: Catalog


@dataclass(eq=False)
class Department:
    """A part of the business; its fields are the world, and the departments it works with."""

    world: World

    def __post_init__(self) -> None:
        self._parameters = self.world.parameters
        self._registry = self.world.registry
        self._queue = self.world.queue
        self._ledger = self.world.ledger
        self._catalog = self.world.catalog
