"""Drawing lots."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

Outcome = TypeVar("Outcome")


def pick(rng: Random, odds: Mapping[Outcome, float]) -> Outcome:
    """One of the outcomes, each as likely as its share of the sum of all odds."""
    return rng.choices(list(odds), list(odds.values()))[0]
