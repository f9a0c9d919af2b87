"""The process that serves the sandbox to the measured programs, worked through its stdin.

It prints its address as a line of JSON and then answers each line of JSON with one: `latency` in
seconds and Klaviyo's `limits` can be set; the answer reports what was asked of it since the last
one. It ends when its stdin does, so it never outlives the benchmark.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from bench.endless import EndlessInvoices
from recurly_klaviyo_sandbox.business import Business
from recurly_klaviyo_sandbox.clock import Clock
from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount
from recurly_klaviyo_sandbox.recurly import RecurlySite
from recurly_klaviyo_sandbox.server import LocalServer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from recurly_klaviyo_sandbox.faults import FaultInjection

UNLIMITED = 1_000_000
TOO_MANY = 429


class Meter:
    """ASGI layer that notes when each request came and how it was answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: list[tuple[float, str, int]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        came = time.time()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers.append((came, scope["method"], message["status"]))
            await send(message)

        await self._app(scope, receive, noting)

    def take(self) -> dict[str, Any]:
        """What happened since the last call: counts, and when (epoch seconds) what passed came."""
        answers, self._answers = self._answers, []
        return {
            "requests": len(answers),
            "posted": sum(method == "POST" for _, method, _ in answers),
            "refused": sum(status == TOO_MANY for _, _, status in answers),
            "moments": sorted(came for came, _, status in answers if status < 400),  # noqa: PLR2004  (HTTP)
        }


class PeerDialects:
    """ASGI layer for programs that speak to older or more lenient servers than the sandbox.

    singer-io's tap speaks Recurly's API v2018-08-09, which names the site in the path; drt puts a
    slash behind Klaviyo's paths. Rows and their shape stay today's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            path = scope["path"].replace("//", "/").rstrip("/")
            if path.startswith("/sites/subdomain-"):
                path = "/" + path.split("/", 3)[3]
            headers = [(name, _today(name, value)) for name, value in scope["headers"]]
            scope = {**scope, "path": path, "raw_path": path.encode(), "headers": headers}
        await self._app(scope, receive, send)


def _today(name: bytes, value: bytes) -> bytes:
    return value.replace(b"v2018-08-09", b"v2021-02-25") if name == b"accept" else value


def recurly(*, accounts: int, days: int, behind_days: int) -> tuple[FaultInjection, Any]:
    """A merchant's site whose request budget never binds."""
    clock = Clock(behind=timedelta(days=behind_days))
    now = clock.now()
    business = Business(start=now - timedelta(days=days), accounts=accounts, days=days, seed=1)
    business.run_until(now)
    return RecurlySite(clock, business, per_minute=UNLIMITED).network, None


def invoices(*, rows: int, per_minute: int = UNLIMITED) -> tuple[FaultInjection, Any]:
    """One list of any length."""
    return EndlessInvoices(rows, per_minute=per_minute).network, None


def klaviyo() -> tuple[FaultInjection, KlaviyoAccount]:
    """An empty account."""
    account = KlaviyoAccount(clock=Clock())
    return account.network, account


def main() -> None:
    """Serve until stdin ends."""
    options = json.loads(sys.argv[1])
    make: Any = {"recurly": recurly, "invoices": invoices, "klaviyo": klaviyo}[options.pop("kind")]
    network, account = make(**options)
    meter = Meter(PeerDialects(network))
    with LocalServer(meter) as server:
        _say({"url": server.url, "started": datetime.now(timezone.utc).isoformat()})
        for line in sys.stdin:
            settings = json.loads(line)
            network.latency = settings.get("latency", network.latency)
            report = meter.take()
            if account is not None:
                account.options.limits = settings.get("limits", account.options.limits)
                report["stored"] = account.summary()
            _say(report)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
