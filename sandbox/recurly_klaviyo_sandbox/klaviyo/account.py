"""The Klaviyo account: its API as an ASGI application, and a view of it for tests."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from recurly_klaviyo_sandbox.faults import FaultInjection
from recurly_klaviyo_sandbox.klaviyo import background, endpoints
from recurly_klaviyo_sandbox.klaviyo.events import StoredEvent
from recurly_klaviyo_sandbox.klaviyo.feed import feed_routes, render_feed
from recurly_klaviyo_sandbox.klaviyo.http import Http
from recurly_klaviyo_sandbox.klaviyo.limits import RateLimiter
from recurly_klaviyo_sandbox.klaviyo.metrics import API, RECURLY
from recurly_klaviyo_sandbox.klaviyo.options import Options
from recurly_klaviyo_sandbox.klaviyo.profiles import Identifiers
from recurly_klaviyo_sandbox.klaviyo.state import ProfileList, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.requests import Request

    from recurly_klaviyo_sandbox.clock import Clock
    from recurly_klaviyo_sandbox.klaviyo.events import Flow
    from recurly_klaviyo_sandbox.klaviyo.jobs import ImportJob
    from recurly_klaviyo_sandbox.klaviyo.profiles import Profile

DEFAULT_KEY = "sandbox-klaviyo-key"


class SeenEvent(NamedTuple):
    """An event as a test wants to see it; `time` and `received` in seconds since 1970."""

    id: str
    metric: str
    integration: str
    email: str | None
    profile_id: str
    unique_id: str | None
    time: int
    value: float | None
    value_currency: str | None
    backfill: bool
    received: float
    properties: dict[str, Any]


class KlaviyoAccount:
    """One account of the sandbox's Klaviyo.

    `app` is the complete application: the activity feed, the sandbox's own pages, and the API
    behind fault injection, which is also there as `network`. Keyword arguments beside the clock,
    the key and `real_time` (seconds since 1970, by which limits are counted) are the fields of
    `Options`, which can also be changed later through `options`. `lock` guards `state`. What
    `http.before_each_request` is set to happens between a client's requests.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        api_key: str = DEFAULT_KEY,
        real_time: Callable[[], float] = time.time,
        **options: Any,
    ) -> None:
        self.api_key = api_key
        self.options = replace(Options(), **options)
        self.state = State(clock, self.options)
        self._keys = {api_key: endpoints.SCOPES}
        self.lock = self.state.lock
        limiter = RateLimiter(real_time, self.options)
        self.http = Http(self.state, self._keys, limiter)
        self.network = FaultInjection(self.http)
        # What the real API does not have, and then the API.
        pages = [Route("/_sandbox/summary", self._show_summary), *feed_routes(self.state)]
        self.app = Router(pages, default=self.network)

    def add_key(self, key: str, scopes: Iterable[str]) -> None:
        """A further private key that may do less."""
        self._keys[key] = frozenset(scopes)

    def revoke_key(self, key: str) -> None:
        """From now on this key gets 401."""
        self._keys.pop(key, None)

    def events(self, metric: str | None = None, *, integration: str = API) -> list[SeenEvent]:
        """All stored events of an integration in order of arrival, visible to clients or not."""
        with self.lock:
            seen = [self._seen(event) for event in self.state.events.select(tail="ORDER BY number")]
        return [
            event
            for event in seen
            if event.integration == integration and metric in {None, event.metric}
        ]

    def _seen(self, event: StoredEvent) -> SeenEvent:
        metric = self.state.metrics.number(event.metric)
        profile = self.state.profiles.number(event.profile)
        return SeenEvent(
            event.id,
            metric.name,
            metric.integration,
            profile.email,
            profile.id,
            event.key if isinstance(event.key, str) else None,
            event.time,
            event.value,
            event.currency,
            bool(event.backfill),
            event.received,
            orjson.loads(event.properties),
        )

    def metric_counts(self, *, integration: str = API) -> dict[str, int]:
        """Number of stored events by metric name, most first."""
        with self.lock:
            counts = self.state.events.counts()
            named = {
                metric.name: counts.get(metric.number, 0)
                for metric in self.state.metrics
                if metric.integration == integration
            }
        return dict(sorted(named.items(), key=lambda pair: (-pair[1], pair[0])))

    def profiles(self) -> list[Profile]:
        """All profiles; import jobs still open are brought to their end first."""
        with self.lock:
            background.settle(self.state, everything=True)
            return list(self.state.profiles)

    def profile(self, email: str) -> Profile | None:
        """The profile with that address; import jobs still open are ended first."""
        with self.lock:
            background.settle(self.state, everything=True)
            return self.state.profiles.holder("email", email)

    def _known(self, email: str) -> Profile:
        profile = self.profile(email)
        if profile is None:
            raise KeyError(email)
        return profile

    @property
    def jobs(self) -> list[ImportJob]:
        """All import jobs, expired ones too."""
        with self.lock:
            return list(self.state.jobs.sent)

    @property
    def flows_triggered(self) -> list[Flow]:
        """What the events stored without `backfill` have started, in order."""
        with self.lock:
            return self.state.events.flows()

    def cancel_jobs(self, count: int = 1) -> None:
        """The next `count` import jobs end as cancelled, with nothing imported."""
        with self.lock:
            self.state.jobs.cancel_next = count

    def refuse_imports(self, reasons: Mapping[str, str]) -> None:
        """Rows of these e-mail addresses fail in import jobs, with these reasons."""
        with self.lock:
            lowered = {email.lower(): reason for email, reason in reasons.items()}
            self.state.jobs.refusals.update(lowered)

    def delete_events(self, unique_ids: Iterable[str]) -> int:
        """Forget these events as if they had never come; return how many there were."""
        wanted = set(unique_ids)
        with self.lock:
            numbers = [event.number for event in self.state.events.select() if event.key in wanted]
            return self.state.events.delete(numbers)

    def add_list(self, name: str) -> ProfileList:
        """A new list; names need not differ (assumed)."""
        with self.lock:
            identifier = f"L{len(self.state.lists) + 1:05d}"
            made = self.state.lists[identifier] = ProfileList(identifier, name, self.state.now())
            return made

    def add_profile(self, email: str, external_id: str | None = None) -> Profile:
        """The profile with that address, made behind every client's back as a form makes it."""
        with self.lock:
            identifiers = Identifiers(email, external_id=external_id)
            profile = self.state.profiles.find(identifiers)
            profile = profile or self.state.profiles.create(self.state.now())
            self.state.profiles.identify(profile, identifiers)
            return profile

    def delete_profile(self, email: str) -> None:
        """Let a person be forgotten with all events, as an erasure asked for by them does."""
        profile = self._known(email)
        with self.lock:
            self.state.profiles.remove(profile)
            self.state.events.delete(
                event.number for event in self.state.events.select("profile = ?", [profile.number])
            )

    def alter_profile(self, email: str, **properties: Any) -> None:
        """Overwrite custom properties behind every client's back; None removes one."""
        profile = self._known(email)
        with self.lock:
            for name, value in properties.items():
                if value is None:
                    profile.properties.pop(name, None)
                else:
                    profile.properties[name] = value

    def seed_native_metric(
        self, name: str, times: Iterable[float], *, email: str = "native@shop.test"
    ) -> None:
        """Events of the native Recurly integration, under a metric of the same name.

        Documented: such a metric is another one than the API's, whatever its name.
        """
        with self.lock:
            now = self.state.now()
            metric = self.state.metrics.ensure(name, RECURLY, now)
            profile = self.add_profile(email)
            self.state.events.add(
                [
                    StoredEvent(
                        metric=metric.number,
                        profile=profile.number,
                        key=f"native-{name}-{index}",
                        time=int(moment),
                        value=None,
                        currency=None,
                        backfill=True,
                        received=now,
                        properties=b"{}",
                    )
                    for index, moment in enumerate(times)
                ]
            )

    def feed(self) -> str:
        """The activity feed as one HTML page that needs nothing else."""
        return render_feed(self.state)

    def summary(self) -> dict[str, Any]:
        """Numbers for other processes, as served at /_sandbox/summary."""
        profiles = self.profiles()
        with self.lock:
            return {
                "metrics": self.metric_counts(),
                "native_metrics": self.metric_counts(integration=RECURLY),
                "events": sum(self.metric_counts().values()),
                "profiles": len(profiles),
                "flows_triggered": self.state.events.flow_count(),
                "jobs": len(self.state.jobs.sent),
            }

    async def _show_summary(self, _: Request) -> Response:
        return JSONResponse(self.summary())
