"""A simulated subscription merchant: seeded, deterministic, of any size.

`Business` is the whole of it. Departments (`sales`, `contracts`, `billing`, `payments`, `refunds`,
`cards`, `migration`) do the deeds on the `agenda`, keep the `books` in the entities of
`entities.py`, and note each business fact in the `ledger`.
"""

from recurly_klaviyo_sandbox.business.habits import Habits
from recurly_klaviyo_sandbox.business.ledger import METRICS, ExpectedEvent, ExpectedProfile, Ledger
from recurly_klaviyo_sandbox.business.merchant import Business

__all__ = ["METRICS", "Business", "ExpectedEvent", "ExpectedProfile", "Habits", "Ledger"]
