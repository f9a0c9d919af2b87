"""A simulated subscription merchant: seeded, deterministic, of any size.

`Business` is the whole of it. Departments (`sales`, `contracts`, `billing`, `payments`, `refunds`,
`cards`, `migration`) do the events on the `queue`, keep the `registry` in the entities of
`entities.py`, and note each business fact in the `ledger`.
"""

from recurly_klaviyo_sandbox.business.ledger import METRICS, ExpectedEvent, ExpectedProfile, Ledger
from recurly_klaviyo_sandbox.business.merchant import Business
from recurly_klaviyo_sandbox.business.parameters import Parameters

__all__ = ["METRICS", "Business", "ExpectedEvent", "ExpectedProfile", "Ledger", "Parameters"]
