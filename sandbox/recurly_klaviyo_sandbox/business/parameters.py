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

    changes_email: float = 0.0
    """Off: an event already sent keeps its old address, which makes comparison ambiguous."""

    declines: float = 0.07
    """Of first attempts to charge a reliable customer's card."""

    shares_email: float = 0.03
    """Of sign-ups: another account with the same address exists already."""

    placeholder_emails: float = 0.0
    """Of sign-ups: an address at example.com, for which Klaviyo drops everything silently."""

    silent_card_changes: bool = True
    """New and updated cards leave account.updated_at alone, as Recurly's webhook docs suggest."""

    largest_purchase: int = 40
    """Lines of the largest one-time purchases."""

    time_grain: int = 1
    """Everything happens at multiples of so many seconds: same-second clusters."""

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
    """What kinds of customers sign up, and how often each."""
