"""The sandbox's one clock, shared by the merchant's life and both APIs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


class Clock:
    """A clock that runs at real speed behind real time, and can be advanced.

    The merchant's history ends at this clock's "now". Starting it some days in the past leaves
    room for `advance`, so that what is read next is new to Recurly and yet never in the real
    future, where a product would rightly cap or refuse it. As much as it is `behind` real time
    can still be advanced.
    """

    def __init__(self, *, behind: timedelta = timedelta(0)) -> None:
        self.behind = behind

    def now(self) -> datetime:
        """The sandbox's present, in UTC."""
        return datetime.now(timezone.utc) - self.behind

    def advance(self, step: timedelta) -> datetime:
        """Move the present forward by `step`, at most up to the real present; return it."""
        self.behind = max(self.behind - step, timedelta(0))
        return self.now()


class StoppedClock(Clock):
    """A clock that stands still at `start` and moves only by `advance`, for exact tests."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._now = start.astimezone(timezone.utc)

    def now(self) -> datetime:
        """The instant the clock was last moved to, in UTC."""
        return self._now

    def advance(self, step: timedelta) -> datetime:
        """Move the present forward by `step`; return it."""
        self._now += step
        return self._now
