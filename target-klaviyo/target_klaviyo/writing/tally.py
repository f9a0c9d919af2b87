"""What a run has done, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from target_klaviyo.errors import TooManyRejects

REJECTS_TOLERATED_UNTIL = 100
"""Rows of a kind seen before a share of rejects means anything."""


@dataclass
class Tally:
    """Counts by kind ("events", "profiles", "records of <stream>")."""

    max_reject_percent: float
    seen: Counter[str] = field(default_factory=Counter)
    stored: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    resent: int = 0
    slowed_down: int = 0
    jobs: int = 0
    backfilled: int = 0

    def reject(self, kind: str, rule: str) -> None:
        """Count a reject."""
        self.rejected[kind] += 1
        self.rules[kind, rule] += 1

    def check(self, rejects_path: str) -> None:
        """Raise TooManyRejects when the share of rejects speaks of a systemic fault."""
        for kind, rejected in self.rejected.items():
            seen = self.seen[kind]
            if seen < REJECTS_TOLERATED_UNTIL or rejected * 100 <= self.max_reject_percent * seen:
                continue
            rule, count = self._commonest_rule(kind)
            raise TooManyRejects(
                f"{rejected:,} of {seen:,} {kind} were rejected, more than max_reject_percent "
                f"({self.max_reject_percent:g} %) allows; the commonest reason ({count:,}) is: "
                f"{rule} All are in {rejects_path}; mend the cause and replay that file."
            )

    def _commonest_rule(self, kind: str) -> tuple[str, int]:
        return max(
            ((rule, count) for (of, rule), count in self.rules.items() if of == kind),
            key=lambda pair: pair[1],
        )
