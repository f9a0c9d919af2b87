"""How this merchant and its customers behave: the knobs of the simulation."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY = 86_400
HOUR = 3_600


@dataclass(frozen=True)
class Parameters:
    """Odds and options. Rates are per subscription and month unless they say otherwise."""

    cancels: float = 0.030
    terminates: float = 0.004
    pauses: float = 0.010
    changes_plan: float = 0.018
    changes_quantity: float = 0.006
    buys_items: float = 0.030
    subscribes_again: float = 0.006
    replaces_card: float = 0.012
    edits_account: float = 0.010
    closes_account: float = 0.004
    gets_credit: float = 0.004

    declines: float = 0.07  # of first attempts to charge a reliable customer's card
    shares_email: float = 0.03  # of sign-ups: another account with the same address exists already
    largest_purchase: int = 40  # lines of the largest one-time purchases
    changes_email: float = 0.0  # new addresses, and now and then another customer's
    adds_email: float = 0.0  # of sign-ups without an address: one comes late
    closes_superfluous: float = 0.0  # of accounts that share an address: one is closed, weeks later
    pays_with_new_card: float = 0.0  # of charges to a card: another is typed in, for this payment
    redacts_after: float | None = None  # days from closing to emptied cards, then names, addresses
    time_grain: int = 1  # everything happens at multiples of so many seconds: same-second clusters
    # What kinds of customers sign up, and how often each.
    personas: dict[str, float] = field(
        default_factory=lambda: {
            "card": 62,
            "wallet": 8,
            "bank": 11,
            "invoiced": 6,
            "shopper": 4,
            "child": 3,
            "migrated": 4,
            "lead": 2,
        }
    )


RESTLESS = Parameters(
    changes_email=0.03,
    adds_email=0.5,
    shares_email=0.08,
    closes_superfluous=0.5,
    pays_with_new_card=0.03,
    closes_account=0.01,
    redacts_after=60,
)
"""Customers who keep changing who they are."""
