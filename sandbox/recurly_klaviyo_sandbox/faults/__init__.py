"""What networks, gateways and services do to a client, on demand.

`injection` is the layer that strikes requests; `named` has the faults that people ask for by name.
"""

from recurly_klaviyo_sandbox.faults.injection import Fault, FaultInjection, Trouble

__all__ = ["Fault", "FaultInjection", "Trouble"]
