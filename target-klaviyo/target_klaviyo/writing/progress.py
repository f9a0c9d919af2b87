"""How far a run is: a line every few seconds, and not more (pure; the time is passed in)."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_klaviyo.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS_BETWEEN_LINES = 5.0
_MINUTE = 60.0


@dataclass(frozen=True)
class Pace:
    """Requests to an endpoint so far, and how many it allows a minute (infinite: no limit)."""

    requests: int
    budget: float


@dataclass(frozen=True)
class Standing:
    """How far a run is at one moment.

    Attributes:
        stored: rows that Klaviyo has acknowledged, by label.
        rejected: rows in the rejects file.
        jobs: import jobs that Klaviyo is still at.
        paces: by the name of each endpoint that has been used.
    """

    stored: Mapping[str, int]
    rejected: int
    jobs: int
    paces: Mapping[str, Pace]


class Progress:
    """Makes the lines.

    Args:
        began: when the run began, in seconds of a monotonic clock.

    Attributes:
        due: when the next line is.
    """

    def __init__(self, began: float) -> None:
        self.due = began + SECONDS_BETWEEN_LINES
        self._minute: deque[tuple[float, Mapping[str, Pace]]] = deque([(began, {})])

    def line(self, now: float, standing: Standing) -> str:
        """The line for this moment; the next is due in a while."""
        self.due = now + SECONDS_BETWEEN_LINES
        while len(self._minute) > 1 and self._minute[1][0] <= now - _MINUTE:
            self._minute.popleft()
        _, before = self._minute[0]
        self._minute.append((now, standing.paces))
        events = counted(standing.stored["events"], "event")
        profiles = counted(standing.stored["profiles"], "profile")
        parts = [f"{events} and {profiles} sent, {standing.rejected:,} rejected"]
        if standing.jobs:
            parts.append(f"{counted(standing.jobs, 'import job')} pending")
        if standing.paces:
            paces = (
                _said(name, pace, before.get(name, Pace(0, 0)))
                for name, pace in standing.paces.items()
            )
            parts.append("requests in the last minute: " + ", ".join(paces))
        return "; ".join(parts) + "."


def _said(name: str, pace: Pace, before: Pace) -> str:
    lately = pace.requests - before.requests
    of = "" if pace.budget == math.inf else f" of {pace.budget:,.0f}"
    return f"{lately:,}{of} ({name})"
