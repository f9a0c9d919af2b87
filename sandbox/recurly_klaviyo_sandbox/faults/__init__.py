"""What networks, gateways and services do to a client, on demand.

`injection` is the layer that strikes requests, `rewriting` what alters an answer on its way.
"""

from recurly_klaviyo_sandbox.faults.injection import (
    Fault,
    FaultInjection,
    Trouble,
    reset_connection,
)

__all__ = ["Fault", "FaultInjection", "Trouble", "reset_connection"]
