"""What a run has done, in numbers: counted, told while it runs, and at its end."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from target_klaviyo.errors import TooManyRejects
from target_klaviyo.rows.contract import REJECTED_BY_MAPPER
from target_klaviyo.singer.router import InputStats
from target_klaviyo.text import aligned, counted, were
from target_klaviyo.writing.rejects import replay

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from pathlib import Path

REJECTS_TOLERATED_UNTIL = 100
"""Rows of a label seen before a share of rejects means anything."""

MIN_ALL_REJECTED = 10
"""Rows of a label that, all rejected, speak of a systemic fault though others are good: fewer may
be one bad customer's, in each of many small runs."""


def counted_rows(count: int, label: str) -> str:
    """Rows under a label of `RunStats`: `1 event`, `2 profiles`, `1 record of invoices`."""
    noun, of, stream = label.partition(" of ")
    return counted(count, noun.removesuffix("s")) + of + stream


@dataclass
class RunStats:
    """Counts by label ("events", "profiles", "records of <stream>").

    Attributes:
        people: what became of the people Klaviyo was asked about, by the words for it.
        input: what reading has met.
        formerly_true: events read that are true no longer, and so for audits alone.
        records: that were taken, each of which may give several rows or none.
        refused: rejects that are Klaviyo's; all others were unfit to be sent.
        halved: a request was refused as a whole, and its rows sent again in halves.
        rejected_records: those of them in the rejects file.
        rejects_kept: the rejects file is written, as it is at the end unless it cannot be.
        pending_jobs: import jobs that Klaviyo is still at.
    """

    max_reject_percent: float
    rejects_path: Path
    input: InputStats = field(default_factory=InputStats)
    formerly_true: int = 0
    records: int = 0
    rejected_records: int = 0
    rejects_kept: bool = False
    seen: Counter[str] = field(default_factory=Counter)
    stored: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    requests: int = 0
    resent: int = 0
    halved: bool = False
    rate_limited: int = 0
    jobs: int = 0
    pending_jobs: int = 0
    people: Counter[str] = field(default_factory=Counter)
    backfilled: int = 0

    @property
    def said_sent(self) -> str:
        """What Klaviyo has taken; a profile that was as it should be is stored, but not sent."""
        profiles = self.stored["profiles"] - self.people["unchanged"]
        return f"{counted(self.stored['events'], 'event')} and {counted(profiles, 'profile')}"

    def count_reject(self, label: str, rule: str) -> None:
        """Count a reject."""
        self.rejected[label] += 1
        self.rules[label, rule] += 1

    def check_reject_share(self) -> None:
        """Raise TooManyRejects when the share of rejects speaks of a systemic fault."""
        for label, rejected in self.rejected.items():
            # A mapper tells only of what it rejects: what it let pass is all the rest.
            seen = self.seen.total() if label == REJECTED_BY_MAPPER else self.seen[label]
            if seen < REJECTS_TOLERATED_UNTIL or rejected * 100 <= self.max_reject_percent * seen:
                continue
            raise TooManyRejects(
                f"{rejected:,} of {seen:,} {label} were rejected, more than 'max_reject_percent' "
                f"({self.max_reject_percent:g} %) allows; {self._commonest_rule({label})} All are "
                f"in {self.rejects_path}: mend the cause, then `{replay(self.rejects_path)}`."
            )

    @property
    def may_move_on(self) -> bool:
        """Whether a STATE may be printed: not while all that was read may turn out useless."""
        if self.stored:
            return self._useless_label is None
        return not self.rejected_records and (self.input.recognised or not self.input.ignored)

    @property
    def _useless_label(self) -> str | None:
        """A label of many rows, not one of which has passed."""
        for label, rejected in self.rejected.items():
            rows = label in {"events", "profiles"}
            passed = self.stored[label] if rows else self.seen[label] - rejected
            if rejected >= MIN_ALL_REJECTED and not passed and label != REJECTED_BY_MAPPER:
                return label
        return None

    def check_all_rejected(self) -> None:
        """Raise TooManyRejects when a run, now at its end, or a kind of its rows was of no use."""
        if not self.records:
            return
        label = self._useless_label
        if not self.stored and self.rejected_records >= self.records:
            labels, what = set(self.rejected), f"{counted(self.records, 'record')} recognised"
        elif label is not None:
            labels, what = {label}, counted_rows(self.rejected[label], label)
        else:
            return
        refused = sum(self.refused[each] for each in labels)
        unfit = sum(self.rejected[each] for each in labels) - refused
        remedy = "mend what the reasons say"
        if not unfit:
            how = "Klaviyo refused all"
        elif refused:
            how = f"{unfit:,} {were(unfit)} unfit to be sent, and Klaviyo refused {refused:,}"
        else:
            how = "all were unfit to be sent"
            remedy = (
                "mend the source, or what makes rows of it ('event_streams', 'profile_streams', "
                "'stream_maps', 'transform')"
            )
        raise TooManyRejects(
            f"Nothing was stored of {what}: {how}; {self._commonest_rule(labels)} They are in "
            f"{self.rejects_path}: {remedy}, then `{replay(self.rejects_path)}`."
        )

    def _commonest_rule(self, labels: Container[str]) -> str:
        rule, count = max(
            ((rule, count) for (of, rule), count in self.rules.items() if of in labels),
            key=lambda pair: pair[1],
        )
        return f"the commonest reason ({count:,}) is: {rule}"


MAX_REASONS_TOLD = 5
SECONDS_BETWEEN_LINES = 5.0
_MINUTE = 60.0


class RequestRate(NamedTuple):
    """Requests to an endpoint so far, and how many it allows a minute (infinite: no limit)."""

    requests: int
    budget: float


class Progress:
    """Makes the lines that say how far a run is.

    Attributes:
        due: when the next line is, in seconds of a monotonic clock.
    """

    def __init__(self, began: float) -> None:
        self.due = began + SECONDS_BETWEEN_LINES
        self._minute: deque[tuple[float, Mapping[str, RequestRate]]] = deque([(began, {})])

    def line(self, now: float, stats: RunStats, request_rates: Mapping[str, RequestRate]) -> str:
        """The line for now; the next is due in a while. `request_rates` are by endpoint."""
        self.due = now + SECONDS_BETWEEN_LINES
        while len(self._minute) > 1 and self._minute[1][0] <= now - _MINUTE:
            self._minute.popleft()
        _, before = self._minute[0]
        self._minute.append((now, request_rates))
        parts = [f"{stats.said_sent} sent, {stats.rejected.total():,} rejected"]
        if stats.people["unchanged"]:
            parts.append(f"{counted(stats.people['unchanged'], 'profile')} needed no change")
        if stats.pending_jobs:
            parts.append(f"{counted(stats.pending_jobs, 'import job')} pending")
        lately = []
        for name, (requests, budget) in request_rates.items():
            of = "" if budget == math.inf else f" of {budget:,.0f}"
            earlier = before[name].requests if name in before else 0
            lately.append(f"{requests - earlier:,}{of} ({name})")
        if lately:
            parts.append("requests in the last minute: " + ", ".join(lately))
        return "; ".join(parts) + "."


_HEADINGS = ("", "read", "stored", "merged", "rejected")


def summary(stats: RunStats) -> Iterator[str]:
    """A table by kind of row, then sentences; no customer's data."""
    yield from aligned([_HEADINGS, *_rows(stats)])
    requests = f"{counted(stats.requests, 'request')} and {counted(stats.jobs, 'import job')}"
    yield f"Klaviyo took {stats.said_sent} in {requests}{_history(stats.backfilled)}."
    if stats.formerly_true:
        events = counted(stats.formerly_true, "event")
        yield f"{events} {were(stats.formerly_true)} not sent, being no longer true at the source."
    yield from _people(stats.people)
    if stats.resent:
        yield f"{counted(stats.resent, 'request')} {were(stats.resent)} sent again after failing."
    if stats.rate_limited:
        yield f"Klaviyo asked {counted(stats.rate_limited, 'time')} to slow down."
    if stats.input.ignored:
        ignored = stats.input.ignored.total()
        yield (
            f"{counted(ignored, 'record')} of other streams {were(ignored)} left out: "
            f"{stats.input.ignored_streams}."
        )
    for warning, count in sorted(stats.input.warnings.items()):
        yield f"{counted(count, 'time')} {warning}."
    told = stats.rules.most_common(MAX_REASONS_TOLD)
    for (label, rule), count in sorted(told):
        yield f"{counted_rows(count, label)} rejected: {rule}"
    if not stats.rejects_kept:
        return
    if more := len(stats.rules) - len(told):
        yield f"{counted(more, 'reason')} more, of fewer rejects each, stand in the rejects file."
    if stats.rules:
        path = stats.rejects_path
        yield f"The rejects are in {path}; replay them with `{replay(path)}`."


def _history(events: int) -> str:
    are = "is history and triggers" if events == 1 else "are history and trigger"
    return f"; {events:,} of the events {are} no flows" if events else ""


def _people(people: Counter[str]) -> Iterator[str]:
    """What became of the people that Klaviyo was asked about."""
    if not people["looked up"]:
        return
    yield f"{_persons(people['looked up'])} looked up; {people['unchanged']:,} needed no change."
    if people["readdressed"]:
        yield f"{counted(people['readdressed'], 'profile')} got the person's new e-mail address."
    if people["moved"]:
        yield (
            f"{_persons(people['moved'])} moved to the profile at the new "
            "e-mail address, and what was theirs at the former one was cleared."
        )
    if people["merged"]:
        profiles = counted(people["merged"], "profile")
        yield f"{profiles} {were(people['merged'])} merged into another of the person."
    if people["foreign"]:
        keep = "keeps an external_id" if people["foreign"] == 1 else "keep external_ids"
        yield (
            f"{counted(people['foreign'], 'profile')} {keep} that another system gave: a changed "
            "e-mail address will not be noticed there."
        )


def _persons(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _rows(stats: RunStats) -> Iterator[tuple[str, ...]]:
    raw = sorted(stats.rejected.keys() - {"events", "profiles"})
    for label in ("events", "profiles"):
        counters = (stats.seen, stats.stored, stats.duplicates, stats.rejected)
        yield (label, *(f"{counter[label]:,}" for counter in counters))
    for label in raw:  # for a transform: the tap has told how many of the others there were
        yield label, f"{stats.seen[label]:,}", "", "", f"{stats.rejected[label]:,}"
