"""One Recurly site: its records, its options, and what it answers."""

from __future__ import annotations

import gzip
import re
import uuid
import zlib
from base64 import b64decode
from dataclasses import replace
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from recurly_klaviyo_sandbox.faults import FaultInjection
from recurly_klaviyo_sandbox.recurly import records
from recurly_klaviyo_sandbox.recurly.backdrop import Backdrop
from recurly_klaviyo_sandbox.recurly.documents import DOCUMENTS, Document
from recurly_klaviyo_sandbox.recurly.endpoints import (
    LISTINGS,
    PARENTS,
    SINGLES,
    Endpoint,
    Listing,
    endpoint_at,
)
from recurly_klaviyo_sandbox.recurly.errors import Refusal, bad_parameter, not_found
from recurly_klaviyo_sandbox.recurly.limiter import Limiter
from recurly_klaviyo_sandbox.recurly.moments import shown
from recurly_klaviyo_sandbox.recurly.options import Options
from recurly_klaviyo_sandbox.recurly.queries import read_query
from recurly_klaviyo_sandbox.recurly.store import Row, Store
from recurly_klaviyo_sandbox.recurly.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from starlette.types import Receive, Scope, Send

    from recurly_klaviyo_sandbox.business import Business
    from recurly_klaviyo_sandbox.business.entities import Entity
    from recurly_klaviyo_sandbox.clock import Clock

API_VERSION = "v2021-02-25"
MEDIA_TYPE = f"application/vnd.recurly.{API_VERSION}"
SANDBOX_KEY = "sandbox-recurly-key"
_PREFIX = re.compile(r"(code|uuid|number)-(.*)", re.DOTALL)
_GZIP_FROM_BYTES = 500


class Asked(NamedTuple):
    """What a request says; its path and query are still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    base_url: str


class Answer(NamedTuple):
    """Status, body and headers."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class RecurlySite:
    """The site as an ASGI application: `app`, which is also there as `network`, to inject faults.

    Without a business its records are put by hand. `options` are the fields of `Options`.
    """

    def __init__(
        self,
        clock: Clock,
        business: Business | None = None,
        *,
        api_key: str = SANDBOX_KEY,
        **options: Any,
    ) -> None:
        self.clock = clock
        self.business = business
        self.api_key = api_key
        self.options = Options(**options)
        self.store = Store(clock, self.options, self._render)
        self.limiter = Limiter(clock, self.options.per_minute)
        self.app = self.network = FaultInjection(self._serve)
        self._put_site()
        if business:
            Backdrop(self.store, business).put()
        self.absorb()

    def absorb(self) -> None:
        """Bring the records up to what the business has done."""
        if self.business is None:
            return
        with self.store.lock:
            for resource, entities in self.business.registry.take_changes().items():
                register = self.business.registry.entities[resource]
                kept = [entity for key, entity in entities.items() if key in register]
                for key in entities.keys() - register.keys():
                    self.store.delete(resource, key)
                if self.options.commit_lag:
                    for entity in kept:
                        row, visible_at = self._late_row(entity)
                        self.store.write_late(resource, row, visible_at)
                else:
                    self.store.write(resource, map(self._row, kept))
            self.store.commit_late()

    def advance(self, step: timedelta) -> None:
        """Move the clock, and live on."""
        with self.store.lock:
            now = self.clock.advance(step)
            if self.business:
                self.business.run_until(now)
            self.absorb()

    # Answers -----------------------------------------------------------------------------------

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        path = scope["raw_path"].decode("ascii").partition("?")[0]
        query = scope["query_string"].decode("latin-1")  # request.url would decode the path's "?"
        answer = self.answer(request.method, path, query, request.headers, str(request.base_url))
        response = Response(answer.body, answer.status, headers=dict(answer.headers))
        await response(scope, receive, send)

    def answer(
        self,
        method: str,
        path: str,
        query_string: str,
        headers: Mapping[str, str],
        base_url: str = "",
    ) -> Answer:
        """Answer one request, which may be the first to notice that time has passed."""
        with self.store.lock:
            if self.options.advance_per_request:
                self.advance(self.options.advance_per_request)
            if self.options.before_each_request:
                self.options.before_each_request()
            self.store.commit_late()
            asked = Asked(method, path, query_string, headers, base_url.rstrip("/"))
            try:
                answer = self._answer(asked)
            except Refusal as refusal:
                answer = Answer(refusal.status, orjson.dumps(refusal.body), refusal.headers)
            return self._finish(asked, answer)

    def _answer(self, asked: Asked) -> Answer:
        self._authenticate(asked.headers.get("authorization", ""))
        self._limit(asked.method)
        _negotiate(asked.headers.get("accept", ""))
        if asked.method not in {"GET", "HEAD"}:
            raise Refusal(405, "bad_request", "This sandbox can only be read")
        endpoint, scope = self._route(asked.path)
        if endpoint.path in self.options.missing_features:
            raise Refusal(422, "missing_feature", "Your site does not have this feature enabled")
        if endpoint.path in self.options.forbidden:
            raise Refusal(403, "invalid_permissions", "The API key lacks permission for this")
        if isinstance(endpoint, Listing):
            return self._list(endpoint, scope, asked)
        if asked.query:
            name = asked.query.partition("=")[0]
            raise bad_parameter(name, f"Invalid or unpermitted parameter: {name}")
        if isinstance(endpoint, Document):
            return Answer(200, orjson.dumps(endpoint.make(self.store, scope, self.clock.now())))
        body = self.store.get(endpoint.resource, "id", list(scope.values())[-1])
        if body is None:
            raise not_found(endpoint.resource)
        return Answer(200, body)

    def _authenticate(self, authorization: str) -> None:
        kind, _, credentials = authorization.partition(" ")
        try:
            key = b64decode(credentials, validate=True).decode().partition(":")[0]
        except ValueError:
            key = ""
        if kind.lower() != "basic" or not key:
            raise Refusal(401, "unauthorized", "An API key is required")
        if key != self.api_key:
            status = self.options.wrong_key_status
            kind = "unauthorized" if status == 401 else "invalid_api_key"  # noqa: PLR2004  (HTTP)
            raise Refusal(status, kind, "The API key is not valid")

    def _limit(self, method: str) -> None:
        self.limiter.per_minute = self.options.per_minute
        counts = method == "GET" or self.options.mode == "sandbox"
        counts = counts or (method == "HEAD" and self.options.head_counts)
        if not self.limiter.admit(counts=counts):
            refusal = Refusal(429, "rate_limited", "You have made too many API requests")
            if self.options.retry_after:
                refusal.headers["Retry-After"] = str(self.limiter.seconds_until_capacity())
            raise refusal

    def _route(self, path: str) -> tuple[Endpoint, dict[str, str]]:
        endpoint, parameters = endpoint_at(path, (*LISTINGS, *SINGLES, *DOCUMENTS))
        named = {name: unquote(text) for name, text in parameters.items()}
        return endpoint, {
            name: self._resolve(PARENTS[name], text) if name in PARENTS else text
            for name, text in named.items()
        }

    def _resolve(self, resource: str, text: str) -> str:
        """The id a path parameter means: an id, or a code, uuid or number with its prefix."""
        prefixed = _PREFIX.fullmatch(text)
        code = TABLES[resource].code
        named = prefixed and prefixed[1] == code  # each resource knows one prefix (documented)
        column, value = (code, prefixed[2]) if prefixed and named else ("id", text)
        found = self.store.find(resource, column, value)
        if found is None:
            raise not_found(f"{TABLES[resource].object_name or resource} with {column} = {value}")
        return found

    def _list(self, listing: Listing, scope: Mapping[str, str], asked: Asked) -> Answer:
        now = shown(int(self.clock.now().timestamp())) or ""
        known: dict[str, str | int] = {
            **scope,
            "now": now,
            "email_any_case": self.options.email_any_case,
        }
        request = read_query(listing, asked.query, known)
        if asked.method == "HEAD":
            return Answer(200, b"", {"Recurly-Total-Records": str(self.store.count(request.query))})
        rows = self.store.page(request.query, request.limit + 1, request.after)
        has_more = len(rows) > request.limit and not request.by_ids
        rows = rows[: request.limit]
        following = b"null"
        if has_more:
            last_id, last_value, _ = rows[-1]
            prefix = asked.base_url if self.options.absolute_next else ""
            following = orjson.dumps(prefix + request.next_page(asked.path, last_id, last_value))
        body = b'{"object":"list","has_more":%s,"next":%s,"data":[%s]}' % (
            b"true" if has_more else b"false",
            following,
            b",".join(body for _, _, body in rows),
        )
        return Answer(200, body)

    def _finish(self, asked: Asked, answer: Answer) -> Answer:
        """Add what every answer carries, and compress it."""
        body = answer.body
        headers = {
            "Date": format_datetime(self.clock.now(), usegmt=True),
            "Content-Type": "application/json; charset=utf-8",
            "Recurly-Version": f"recurly.{API_VERSION}",
            "X-Request-Id": uuid.uuid4().hex[:16],
            "ETag": f'W/"{zlib.crc32(body):08x}{len(body):x}"',
        }
        ok = answer.status < 400  # noqa: PLR2004  (HTTP)
        if ok or self.options.errors_carry_limits:
            headers |= self.limiter.headers()
        if self.options.deprecated:
            headers |= {"Recurly-Deprecated": "TRUE", "Recurly-Sunset-Date": "2030-01-01"}
        accepts_gzip = "gzip" in asked.headers.get("accept-encoding", "")
        if self.options.compress and accepts_gzip and len(body) > _GZIP_FROM_BYTES:
            body = gzip.compress(body, 1)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        body = b"" if asked.method == "HEAD" else body
        return Answer(answer.status, body, {**headers, **answer.headers})

    # Records -----------------------------------------------------------------------------------

    def _render(self, resource: str, record_id: str, embedded_line_items: int) -> bytes:
        if self.business is None:
            raise KeyError(record_id)
        entity = self.business.registry.entities[resource][record_id]
        return orjson.dumps(records.record(entity, embedded_line_items))

    def _record(self, entity: Entity) -> dict[str, Any]:
        return records.record(entity, self.options.embedded_line_items)

    def _row(self, entity: Entity) -> Row:
        fraction = zlib.crc32(entity.id.encode()) % 1_000_000 if self.options.sub_second else 0
        return Row(
            entity.id,
            entity.created * 1_000_000 + fraction,
            entity.updated * 1_000_000 + fraction,
            TABLES[entity.resource].keys(self._record(entity)),
        )

    def _late_row(self, entity: Entity) -> tuple[Row, int]:
        """A row as it is now, and when its commit is seen: 0 to `commit_lag` later."""
        row = replace(self._row(entity), body=orjson.dumps(self._record(entity)))
        share = zlib.crc32(f"{entity.id}{entity.updated}".encode()) % 1000 / 1000
        lag = int(self.options.commit_lag.total_seconds() * 1e6 * share)
        return row, row.updated + lag

    def _put_site(self) -> None:
        self.store.put(
            "sites",
            {
                "id": "sandboxsite1",
                "subdomain": "sandbox-merchant",
                "public_api_key": "ewr1-sandbox",
                "mode": self.options.mode,
                "address": {"city": "Portland", "region": "OR", "country": "US"},
                "settings": {
                    "billing_address_requirement": "full",
                    "accepted_currencies": ["USD", "EUR", "GBP"],
                    "default_currency": "USD",
                },
                "features": ["credit_memos", "manual_invoicing"],
                "deleted_at": None,
                "_state": "active",
            },
        )


def _negotiate(accept: str) -> None:
    if accept.partition(";")[0].strip() != MEDIA_TYPE:
        raise Refusal(
            406,
            "invalid_api_version",
            f"The API version asked for is not supported: {accept!r}",
            acceptable_accept_headers=[MEDIA_TYPE],
        )
