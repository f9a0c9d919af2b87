"""The account's data, as every endpoint sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

from recurly_klaviyo_sandbox.klaviyo.events import EventLog
from recurly_klaviyo_sandbox.klaviyo.jobs import ImportJobs
from recurly_klaviyo_sandbox.klaviyo.metrics import Metrics
from recurly_klaviyo_sandbox.klaviyo.profiles import ProfileBook

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.clock import Clock
    from recurly_klaviyo_sandbox.klaviyo.options import Options


class Merge(NamedTuple):
    """A merge of two profiles, by their ids, that is still to be done; `due` since 1970."""

    source: str
    destination: str
    due: float


class ProfileList(NamedTuple):
    """A named group that profiles join by import, without consent; `created` since 1970."""

    id: str
    name: str
    created: float


@dataclass
class State:
    """Everything stored, the clock it is stored by, and the options that rule it.

    Whoever looks at it from another thread than the server's holds `lock`.
    """

    clock: Clock
    options: Options
    lock: RLock = field(default_factory=RLock)
    profiles: ProfileBook = field(default_factory=ProfileBook)
    metrics: Metrics = field(default_factory=Metrics)
    events: EventLog = field(default_factory=EventLog)
    lists: dict[str, ProfileList] = field(default_factory=dict)
    jobs: ImportJobs = field(default_factory=ImportJobs)
    merges: list[Merge] = field(default_factory=list)

    def now(self) -> float:
        """The present in seconds since 1970."""
        return self.clock.now().timestamp()
