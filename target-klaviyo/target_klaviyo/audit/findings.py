"""What an audit finds, and its verdict (pure)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from target_klaviyo.text import counted, enumeration

if TYPE_CHECKING:
    from datetime import date, datetime

    from target_klaviyo.audit.days import Amount


class Difference(str, Enum):
    """How an event differs. The last four are explained: they need no mending, or allow none."""

    MISSING = "missing"  # should be there and is not
    UNEXPECTED = "unexpected"  # is there and should not be
    MOVED = "moved"  # is there, with another time
    ALTERED = "altered"  # is there, with another value or currency
    ELSEWHERE = "elsewhere"  # is there, under another profile
    DROPPED = "dropped"  # went to a domain whose events Klaviyo drops without a word
    REJECTED = "rejected"  # is in the rejects file, with its reason
    PENDING = "pending"  # so young that Klaviyo may not show it yet
    VANISHED = "vanished"  # is there, and the source no longer shows what it was made of


EXPLAINED = frozenset(
    {Difference.DROPPED, Difference.REJECTED, Difference.PENDING, Difference.VANISHED}
)
"""Kinds that leave an audit clean."""

WORDS = {each: each.value for each in Difference} | {
    Difference.ELSEWHERE: "under another profile",
    Difference.DROPPED: "dropped by Klaviyo without a word",
    Difference.REJECTED: "in the rejects file",
    Difference.PENDING: "too young to be visible",
    Difference.VANISHED: "no longer shown by the source",
}
"""Each after a number of events, as sentences have it."""

_KEPT = (Difference.UNEXPECTED, Difference.MOVED, Difference.ALTERED)
"""What no sending mends."""


@dataclass(frozen=True)
class Finding:
    """One event that differs; times in seconds since 1970.

    Attributes:
        who: an identifier of its person, as expected; empty when it is not.
        found_who: one of the profile it is stored under; empty when it is not there.
    """

    difference: Difference
    metric: str
    unique_id: str
    who: str
    found_who: str
    time: int | None
    found_time: int | None
    value: float | None
    found_value: float | None
    currency: str | None
    found_currency: str | None
    reason: str


@dataclass
class Day:
    """A day of the Klaviyo account, in numbers.

    Attributes:
        expected: what should be there.
        found: what is there.
        absent: how many of the expected are not there for a known reason.
        vanished: how many of the found are there for a known reason.
        missing: how many of the expected are not there, or not where they should be.
        surplus: how many of the found should not be there.
        differs: whether anything is wrong.
    """

    day: date
    expected: Amount
    found: Amount
    absent: int = 0
    vanished: int = 0
    missing: int = 0
    surplus: int = 0
    differs: bool = False

    @property
    def in_place(self) -> int:
        """Events that are there and should be."""
        return self.found.count - self.surplus - self.vanished


class SourceDay(NamedTuple):
    """A day of the source's zone."""

    expected: int
    found: int


@dataclass
class MetricResult:
    """A metric compared.

    Attributes:
        id: Klaviyo's id of it; None while no event of it has ever come.
        days: all days of the period.
        source_days: day of the source's zone -> counts; empty without a zone.
        counts: findings by difference.
        findings: the first of each difference, for the report.
        expected_sums: sum of the expected values by currency; nothing without values.
        found_sums: the same of the found values.
        followed: events stored under an earlier time than the source tells by now, rightly.
        formerly_true: events that are there, rightly, because an earlier read found them true.
        without_unique_id: found events that do not show it.
        without_value: found events that do not show their value, which is then not compared.
    """

    name: str
    id: str | None
    days: list[Day]
    source_days: dict[date, SourceDay]
    counts: Counter[Difference]
    findings: list[Finding]
    expected_sums: dict[str, float]
    found_sums: dict[str, float]
    followed: int
    formerly_true: int
    without_unique_id: int
    without_value: int

    @property
    def expected(self) -> int:
        """Events that should be there."""
        return sum(day.expected.count for day in self.days)

    @property
    def found(self) -> int:
        """Events that are there."""
        return sum(day.found.count for day in self.days)

    @property
    def agrees(self) -> bool:
        """Whether nothing is wrong that is not explained."""
        return self.counts.keys() <= EXPLAINED


FORMER_ADDRESS = "a profile under a former address"


@dataclass(frozen=True)
class ProfileDifference:
    """A property of a profile that is not as it should be; None is absent.

    Attributes:
        name: of the property or attribute; empty when the whole profile is missing, and
            `FORMER_ADDRESS` when a second one is the same person's.
        reason: why, where known; such a difference is explained.
    """

    who: str
    name: str
    expected: Any
    found: Any
    reason: str = ""


@dataclass
class ProfilesResult:
    """The profiles compared: `checked` of `expected`."""

    expected: int = 0
    checked: int = 0
    differences: list[ProfileDifference] = field(default_factory=list)

    @property
    def differing(self) -> int:
        """Profiles with a difference that nothing explains."""
        return len({each.who for each in self.differences if not each.reason})

    @property
    def explained(self) -> int:
        """Profiles whose difference has a known reason."""
        return len({each.who for each in self.differences if each.reason})


@dataclass(frozen=True)
class ZoneVerdict:
    """What time zones have to do with it.

    Attributes:
        account: the zone in which Klaviyo's account counts its days.
        source: the zone in which the source's reports count theirs, if it was told.
        differing_days: days for which what Klaviyo holds counts differently in the two zones, all
            metrics together.
        is_cause: whether days differ for no other reason than the zones.
        suggested: the zone whose days would agree, when those of the account do not.
        sentences: all that in words.
    """

    account: str
    source: str | None
    differing_days: int
    is_cause: bool
    suggested: str | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Rejection:
    """Rows, or records, that never came to be sent, by rule; `label` as in the summary."""

    label: str
    rule: str
    count: int


@dataclass(frozen=True)
class Repair:
    """What a repair has sent again."""

    events: int
    profiles: int
    before: dict[str, int]


@dataclass
class AuditResult:
    """Everything an audit has to say; the period is in days of the account's zone."""

    account: str
    currency: str
    first: date
    last: date
    made_at: datetime
    zones: ZoneVerdict
    metrics: list[MetricResult]
    profiles: ProfilesResult
    rejections: list[Rejection]
    other_metrics: list[str]
    settle_minutes: float
    requests: int = 0
    repair: Repair | None = None

    @property
    def counts(self) -> Counter[Difference]:
        """Findings of all metrics by difference."""
        return sum((metric.counts for metric in self.metrics), Counter())

    @property
    def agrees(self) -> bool:
        """Whether all agrees but for what is explained."""
        return all(metric.agrees for metric in self.metrics) and not self.profiles.differing

    def sentence(self) -> str:
        """The verdict in one sentence, without its full stop."""
        expected = sum(metric.expected for metric in self.metrics)
        explained = enumeration(self._explained())
        if self.agrees:
            known = f", but for {explained}" if explained else ""
            if self.zones.is_cause:
                known += (
                    f"; that daily counts differ is due to the time zones, {self.zones.source} "
                    f"and {self.zones.account}"
                )
            return (
                f"Klaviyo agrees with the source: {counted(expected, 'event')} and "
                f"{counted(self.profiles.checked, 'profile')} compared{known}"
            )
        known = f"; explained are {explained}" if explained else ""
        return f"Klaviyo differs from the source: {enumeration(self._wrong())}{known}"

    def advice(self) -> list[str]:
        """What to do about it, in clauses."""
        advice = []
        counts = self.counts
        events, profiles = counts[Difference.MISSING], self.profiles.differing
        if (events or profiles) and self.repair is None:
            which = [counted(events, "missing event")] if events else []
            which += [counted(profiles, "differing profile")] if profiles else []
            advice.append(f"run it again in mode 'repair', which sends {enumeration(which)}")
        elif events or profiles:
            advice.append(
                "Klaviyo does not show all that was sent again: audit once more in an hour, and if "
                "nothing has changed by then, ask Klaviyo's support about one of the events"
            )
        if counts[Difference.ELSEWHERE]:
            advice.append(
                "events under another profile stay there: where both profiles are one person's, "
                "merge them in Klaviyo"
            )
        kept = [each for each in _KEPT if counts[each]]
        if kept:
            names = enumeration(each.value for each in kept)
            advice.append(
                f"{names} events cannot be repaired, because Klaviyo keeps the first event it gets "
                "under a unique_id and deletes none"
            )
        return advice

    def _wrong(self) -> list[str]:
        found = [
            f"{counted(self.counts[each], 'event')} {WORDS[each]}"
            for each in Difference
            if each not in EXPLAINED and self.counts[each]
        ]
        if self.profiles.differing:
            found.append(f"{counted(self.profiles.differing, 'profile')} altered")
        return found

    def _explained(self) -> list[str]:
        found = [
            f"{counted(self.counts[each], 'event')} {WORDS[each]}"
            for each in Difference
            if each in EXPLAINED and self.counts[each]
        ]
        if self.profiles.explained:
            differs = "differs" if self.profiles.explained == 1 else "differ"
            profiles = counted(self.profiles.explained, "profile")
            found.append(f"{profiles} that {differs} for a known reason")
        refused = sum(each.count for each in self.rejections)
        if refused:
            found.append(counted(refused, "row") + " that cannot be sent at all")
        return found
