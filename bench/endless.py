"""A list of invoices of any length, served for almost nothing.

It imitates what Recurly documents of one list endpoint: HEAD counts, `begin_time` and `end_time`
(both inclusive) on `updated_at`, a keyset cursor in a relative `next`, gzip, and the rate limit.
The bodies are a few of the simulated merchant's invoices over and over, each row with an id and an
`updated_at` of its own, spread evenly over a year.
"""

from __future__ import annotations

import gzip
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import orjson

from recurly_klaviyo_sandbox.business import Business
from recurly_klaviyo_sandbox.clock import Clock
from recurly_klaviyo_sandbox.faults import FaultInjection
from recurly_klaviyo_sandbox.recurly import RecurlySite
from recurly_klaviyo_sandbox.recurly.limiter import Limiter
from recurly_klaviyo_sandbox.recurly.store import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

PATH = "/invoices"
TYPICAL_BYTES = 3_000
BODIES = 50
YEAR = 365 * 86_400
_ID, _UPDATED = "<id>", "<updated_at>"


class EndlessInvoices:
    """`rows` invoices at `/invoices`, behind `network`."""

    def __init__(self, rows: int, *, per_minute: int) -> None:
        self._rows = rows
        self._clock = Clock()
        self._limiter = Limiter(self._clock, per_minute)
        self._begin = int(self._clock.now().timestamp()) - YEAR - 3600
        self._bodies = [_split(invoice) for invoice in _typical_invoices()]
        self.network = FaultInjection(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        while (await receive()).get("more_body"):
            pass
        query = dict(parse_qsl(scope["query_string"].decode()))
        headers = dict(scope["headers"])
        status, body, extra = self._answer(scope["method"], scope["path"], query)
        extra |= {"Date": format_datetime(self._clock.now(), usegmt=True)}
        extra |= self._limiter.headers()
        if body and b"gzip" in headers.get(b"accept-encoding", b""):
            body = gzip.compress(body, 1)
            extra["Content-Encoding"] = "gzip"
        extra["Content-Length"] = str(len(body))
        lines = [(name.lower().encode(), value.encode()) for name, value in extra.items()]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body})

    def _answer(
        self, method: str, path: str, query: Mapping[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        if path != PATH:
            return 404, _error("not_found", f"Only {PATH} is here"), {}
        if (query.get("sort"), query.get("order")) != ("updated_at", "asc"):
            return 400, _error("bad_request", "Only sort=updated_at&order=asc is known here"), {}
        if not self._limiter.admit():
            wait = {"Retry-After": str(self._limiter.seconds_until_capacity())}
            return 429, _error("rate_limited", "You have made too many API requests"), wait
        every = range(self._rows)
        first, last = 0, self._rows
        if "begin_time" in query:
            first = bisect_left(every, _epoch(query["begin_time"]), key=self._second)
        if "end_time" in query:
            last = bisect_right(every, _epoch(query["end_time"]), key=self._second)
        if method == "HEAD":
            return 200, b"", {"Recurly-Total-Records": str(max(last - first, 0))}
        if "cursor" in query:
            first = int(query["cursor"].partition(":")[0], 16) + 1
        return (
            200,
            self._page(range(first, min(first + int(query.get("limit", "20")), last)), last, query),
            {},
        )

    def _page(self, numbers: range, last: int, query: Mapping[str, str]) -> bytes:
        following = b"null"
        has_more = bool(numbers) and numbers[-1] + 1 < last
        if has_more:
            cursor = f"{_id(numbers[-1])}:{self._second(numbers[-1])}.0"
            following = orjson.dumps(f"{PATH}?{urlencode({**query, 'cursor': cursor})}")
        return b'{"object":"list","has_more":%s,"next":%s,"data":[%s]}' % (
            b"true" if has_more else b"false",
            following,
            b",".join(map(self._body, numbers)),
        )

    def _body(self, number: int) -> bytes:
        before, between, after = self._bodies[number % BODIES]
        moment = datetime.fromtimestamp(self._second(number), timezone.utc)
        shown = moment.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        return b"".join((before, _id(number).encode(), between, shown, after))

    def _second(self, number: int) -> int:
        return self._begin + number * YEAR // self._rows


def _typical_invoices() -> list[dict[str, object]]:
    """The merchant's invoices that come nearest to three kilobytes."""
    clock = Clock(behind=timedelta(days=1))
    start = clock.now() - timedelta(days=365)
    business = Business(start=start, accounts=300, days=365, seed=1)
    business.run_until(clock.now())
    store = RecurlySite(clock, business).store
    every = store.page(Query("invoices", (), {}, "updated_at", descending=False), 1_000_000)
    bodies = sorted((body for _, _, body in every), key=lambda body: abs(len(body) - TYPICAL_BYTES))
    return [orjson.loads(body) for body in bodies[:BODIES]]


def _split(invoice: dict[str, object]) -> tuple[bytes, bytes, bytes]:
    """A body in three parts, between which id and updated_at go."""
    body = orjson.dumps({**invoice, "id": _ID, "updated_at": _UPDATED})
    before, rest = body.split(_ID.encode(), 1)
    between, after = rest.split(_UPDATED.encode(), 1)
    return before, between, after


def _id(number: int) -> str:
    """An id that gives its row's number back."""
    return f"{number:012x}"


def _epoch(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def _error(kind: str, message: str) -> bytes:
    return orjson.dumps({"error": {"type": kind, "message": message}})
