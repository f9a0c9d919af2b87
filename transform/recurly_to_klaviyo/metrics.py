"""How a metric is declared: its name, where it is read from, and the rule that finds its events.

The rules stand in `events/`, one room per source. Each is a pure function of a record as it is
now: a record read late yields the same events as one followed from birth, and reading it again
yields them again with the same unique ids, which Klaviyo stores once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from recurly_to_klaviyo.settings import Settings

    Rule = Callable[[Any, "Context"], Iterator["Occurrence"]]

NATIVE = "native"
LIFECYCLE = "lifecycle"
DUNNING = "dunning"
REMINDERS = "reminders"
SNAPSHOTS = "account_snapshots"
"""The stream of accounts as they are now, with their subscriptions."""

METRIC_GROUPS = (NATIVE, LIFECYCLE, DUNNING, REMINDERS)

CLOCK_SKEW = timedelta(minutes=5)
"""How far Recurly's clock may be ahead of ours before a time counts as lying in the future."""


class Occurrence(NamedTuple):
    """Something that happened, before it is known whose profile it belongs to.

    Attributes:
        unique_id: Stable, and another for every occurrence.
        time: When; None when the record does not say.
        value: How much, in `currency`.
        recurly_id: The id of what it happened to.
        earliest: The earliest time an earlier read may have given, where the time moves as the
            record changes.
        latest: The latest, likewise.
        was_true: It is not so now, but an earlier read may have found it so.
    """

    unique_id: str
    time: datetime | None
    recurly_id: Any
    properties: Mapping[str, Any]
    value: float | None = None
    currency: Any = None
    earliest: datetime | None = None
    latest: datetime | None = None
    was_true: bool = False


class Context(NamedTuple):
    """What a rule may know beside the record: the settings and the present."""

    settings: Settings
    now: datetime

    def has_come(self, time: datetime | None) -> bool:
        """Whether a time is given and does not lie ahead."""
        return time is not None and time <= self.now + CLOCK_SKEW


@dataclass(frozen=True)
class Metric:
    """A metric, the stream it is read from, and the rule that finds it in a record.

    Attributes:
        vanishes: Recurly stops showing what its events were read from, so that a later read finds
            no sign of them.
    """

    name: str
    stream: str
    group: str
    vanishes: bool
    find: Rule

    @property
    def meaning(self) -> str:
        """What counts, in one sentence: the first paragraph of the rule's docstring."""
        return _one_line((self.find.__doc__ or "").split("\n\n", maxsplit=1)[0])

    @property
    def time(self) -> str:
        """When an event of it is dated, from the rule's docstring."""
        return self._told("Time")

    @property
    def unique_id(self) -> str:
        """What its unique ids look like, from the rule's docstring; words in capitals vary."""
        return self._told("Id")

    def _told(self, label: str) -> str:
        found = re.search(
            rf"^ *{label}: (.*?)(?=\n *\n|\n *[A-Z]\w+: |\Z)", self._doc, re.MULTILINE | re.DOTALL
        )
        return _one_line(found[1]) if found else ""

    @property
    def _doc(self) -> str:
        return self.find.__doc__ or ""


DECLARED: list[Metric] = []
"""Every metric, in the order in which the rooms of `events/` were imported."""


def event(
    name: str, *, stream: str, group: str = NATIVE, vanishes: bool = False
) -> Callable[[Rule], Rule]:
    """Declare the decorated function as the rule of metric `name` over records of `stream`.

    Its docstring says what counts, then `Time:` and `Id:`; the documents' tables are made of it.
    """

    def declare(find: Rule) -> Rule:
        DECLARED.append(Metric(name, stream, group, vanishes, find))
        return find

    return declare


def _one_line(text: str) -> str:
    return " ".join(text.split())
