"""What an audit finds, and its verdict (pure)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from target_klaviyo.text import counted, enumeration

if TYPE_CHECKING:
    from datetime import date, datetime

    from target_klaviyo.audit.timezones import Amount


class Difference(str, Enum):
    """How an event differs. The last three are explained: they need no mending, or allow none."""

    MISSING = "missing"  # should be there and is not
    UNEXPECTED = "unexpected"  # is there and should not be
    MOVED = "moved"  # is there, but under another day
    ALTERED = "altered"  # is there, with another value
    DROPPED = "dropped"  # went to a domain whose events Klaviyo drops without a word
    REJECTED = "rejected"  # is in the rejects file, with its reason
    PENDING = "pending"  # so young that Klaviyo may not show it yet


EXPLAINED = frozenset({Difference.DROPPED, Difference.REJECTED, Difference.PENDING})
"""Kinds that leave an audit clean."""

_KEPT = (Difference.UNEXPECTED, Difference.MOVED, Difference.ALTERED)
"""What no sending mends."""


@dataclass(frozen=True)
class Finding:
    """One event that differs; times in seconds since 1970.

    Attributes:
        key: what it was matched by: the property `audit_key`, empty without one.
        who: an identifier of its profile.
    """

    difference: Difference
    metric: str
    key: str
    unique_id: str
    who: str
    time: int | None
    found_time: int | None
    value: float | None
    found_value: float | None
    currency: str | None
    reason: str


@dataclass
class Day:
    """A day of the Klaviyo account, in numbers.

    Attributes:
        explained: how many of the expected ones are absent for a known reason.
        differs: whether it was read event by event and something was found.
        note: why its numbers differ although its events agree, or cannot be compared.
    """

    day: date
    expected: Amount
    found: Amount
    explained: int = 0
    differs: bool = False
    note: str = ""


class SourceDay(NamedTuple):
    """A day of the source's zone; `explained` ones of the expected are absent for a reason."""

    expected: int
    found: int
    explained: int = 0


@dataclass
class MetricResult:
    """A metric compared.

    Attributes:
        id: Klaviyo's id of it; None while no event of it has ever come.
        days: all days of the period.
        source_days: day of the source's zone -> counts; empty without a zone.
        counts: findings by difference.
        findings: the first of each difference, for the report.
        unexplained: days whose sum differs although nothing about single events can be said.
        sums: sum of the expected values by currency; nothing without values.
        comparable: whether those are all in the account's currency. Klaviyo's sum is one over
            all currencies, which it may convert, so beside others it means nothing.
        followed: events stored under an earlier time than the source tells by now, rightly.
    """

    name: str
    id: str | None
    days: list[Day]
    source_days: dict[date, SourceDay] = field(default_factory=dict)
    counts: Counter[Difference] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    unexplained: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    comparable: bool = True
    followed: int = 0

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
        return not self.unexplained and not any(
            count for difference, count in self.counts.items() if difference not in EXPLAINED
        )


@dataclass(frozen=True)
class ProfileDifference:
    """A property of a profile that is not as it should be; None is absent.

    Attributes:
        name: of the property or attribute; empty when the whole profile is missing.
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
            advice.append(f"run it again in mode 'repair', which sends {enumeration(which)} again")
        elif events or profiles:
            advice.append(
                "Klaviyo does not show all that was sent again: audit once more in an hour, and if "
                "nothing has changed by then, ask Klaviyo's support about one of the events"
            )
        kept = [each for each in _KEPT if counts[each]]
        if kept:
            names = enumeration(each.value for each in kept)
            advice.append(
                f"{names} events cannot be repaired, because Klaviyo keeps the first event it gets "
                "under a unique_id and deletes none"
            )
        if any(metric.unexplained for metric in self.metrics):
            advice.append(
                "days with another sum cannot be repaired, because Klaviyo does not show which "
                "event it is: look at their values in Klaviyo"
            )
        return advice

    def _wrong(self) -> list[str]:
        counts = self.counts
        found = [
            f"{counted(counts[difference], 'event')} {difference.value}"
            for difference in Difference
            if difference not in EXPLAINED and counts[difference]
        ]
        unexplained = sum(metric.unexplained for metric in self.metrics)
        if unexplained:
            found.append(f"{counted(unexplained, 'day')} with another sum")
        if self.profiles.differing:
            found.append(f"{counted(self.profiles.differing, 'profile')} altered")
        return found

    def _explained(self) -> list[str]:
        counts = self.counts
        words = {
            Difference.DROPPED: "dropped by Klaviyo without a word",
            Difference.REJECTED: "in the rejects file",
            Difference.PENDING: "too young to be visible",
        }
        found = [
            f"{counted(counts[difference], 'event')} {said}"
            for difference, said in words.items()
            if counts[difference]
        ]
        if self.profiles.explained:
            found.append(
                counted(self.profiles.explained, "profile") + " that Klaviyo does not keep"
            )
        refused = sum(each.count for each in self.rejections)
        if refused:
            found.append(counted(refused, "row") + " that cannot be sent at all")
        return found
