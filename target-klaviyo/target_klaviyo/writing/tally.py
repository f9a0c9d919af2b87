"""What a run has done, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_klaviyo.errors import TooManyRejects
from target_klaviyo.wording import counted
from target_klaviyo.writing.rejects import replay

if TYPE_CHECKING:
    from pathlib import Path

REJECTS_TOLERATED_UNTIL = 100
"""Rows of a label seen before a share of rejects means anything."""


def counted_rows(count: int, label: str) -> str:
    """Rows under a label of the tally: `1 event`, `2 profiles`, `1 record of invoices`."""
    noun, of, stream = label.partition(" of ")
    return counted(count, noun.removesuffix("s")) + of + stream


@dataclass
class Tally:
    """Counts by label ("events", "profiles", "records of <stream>")."""

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

    def reject(self, label: str, rule: str) -> None:
        """Count a reject."""
        self.rejected[label] += 1
        self.rules[label, rule] += 1

    def check(self, rejects_path: Path) -> None:
        """Raise TooManyRejects when the share of rejects speaks of a systemic fault."""
        for label, rejected in self.rejected.items():
            seen = self.seen[label]
            if seen < REJECTS_TOLERATED_UNTIL or rejected * 100 <= self.max_reject_percent * seen:
                continue
            rule, count = self._commonest_rule(label)
            raise TooManyRejects(
                f"{rejected:,} of {seen:,} {label} were rejected, more than 'max_reject_percent' "
                f"({self.max_reject_percent:g} %) allows; the commonest reason ({count:,}) is: "
                f"{rule} All are in {rejects_path}: mend the cause, then `{replay(rejects_path)}`."
            )

    def _commonest_rule(self, label: str) -> tuple[str, int]:
        return max(
            ((rule, count) for (of, rule), count in self.rules.items() if of == label),
            key=lambda pair: pair[1],
        )
