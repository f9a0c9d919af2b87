"""A simulated subscription merchant: seeded, deterministic, of any size.

`Business` is the whole of it. Departments (`sales`, `contracts`, `billing`, `payments`, `refunds`,
`cards`, `customers`, `migration`) act on the `event_queue`, keep the entities of `entities.py` in
the `registry`, and note each business fact in the `ledger`. `people_ledger` judges by person.
"""

from recurly_klaviyo_sandbox.business.ledger import (
    DUNNING,
    LIFECYCLE,
    METRICS,
    ExpectedEvent,
    Ledger,
)
from recurly_klaviyo_sandbox.business.merchant import Business
from recurly_klaviyo_sandbox.business.parameters import RESTLESS, Parameters
from recurly_klaviyo_sandbox.business.people_ledger import REMINDERS, ExpectedPerson

__all__ = [
    "DUNNING",
    "LIFECYCLE",
    "METRICS",
    "REMINDERS",
    "RESTLESS",
    "Business",
    "ExpectedEvent",
    "ExpectedPerson",
    "Ledger",
    "Parameters",
]
