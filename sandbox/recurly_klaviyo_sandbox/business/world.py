"""What every department works with."""

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
