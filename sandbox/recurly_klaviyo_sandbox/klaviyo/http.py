"""The HTTP side: who may do what, how often, and in which form.

The order of checks is assumed: path and method, key, revision, rate limit, scopes (recorded: a 403
carries the RateLimit headers), content type, size, query, body.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from recurly_klaviyo_sandbox.klaviyo import background, endpoints, query, revisions
from recurly_klaviyo_sandbox.klaviyo.calls import Call
from recurly_klaviyo_sandbox.klaviyo.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from recurly_klaviyo_sandbox.klaviyo.endpoints import Endpoint
    from recurly_klaviyo_sandbox.klaviyo.limits import RateLimiter
    from recurly_klaviyo_sandbox.klaviyo.state import State

JSON_API = "application/vnd.api+json"
_PREFIX = "Klaviyo-API-Key "
_CHALLENGE = {"WWW-Authenticate": "Bearer, Klaviyo-API-Key"}  # recorded
_OPT_OUT = "x-klaviyo-revision-fall-forward-opt-out"
_BODY_METHODS = frozenset({"POST", "PATCH"})


class Http:
    """ASGI application of the API: checks a request, calls its handler, writes the answer.

    `keys` maps private keys to their scopes. `before_each_request` is called with method and path:
    what happens in the account between two requests of a client.
    """

    def __init__(
        self,
        state: State,
        keys: dict[str, frozenset[str]],
        limiter: RateLimiter,
    ) -> None:
        self._state = state
        self._keys = keys
        self._limiter = limiter
        self.before_each_request: Callable[[str, str], None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
        body = await Request(scope, receive).body()
        if self.before_each_request is not None:
            self.before_each_request(scope["method"], scope["path"])
        extra: dict[str, str] = {}
        try:
            with self._state.lock:
                status, document = self._answer(scope, headers, body, extra)
        except Refusal as refusal:
            status, document = refusal.status, {"errors": refusal.errors}
            # Recorded: a 429 carries Retry-After and none of the RateLimit headers.
            extra.update(refusal.headers)
        if document is not None and status != 429:  # noqa: PLR2004  (recorded: a 429 has no type)
            extra["Content-Type"] = JSON_API
        content = b"" if document is None else orjson.dumps(document)
        await Response(content, status, extra)(scope, receive, send)

    def _answer(
        self, scope: Scope, headers: dict[str, bytes], body: bytes, extra: dict[str, str]
    ) -> tuple[int, dict[str, Any] | None]:
        path = unquote(scope["raw_path"].decode("latin-1").partition("?")[0])
        options = self._state.options
        if len(scope["raw_path"]) + len(scope["query_string"]) > options.longest_url:
            raise Refusal.one(414, "uri_too_long", "URI too long.", "The address is too long.")
        endpoint, named = _route(scope["method"], path)
        scopes = self._authenticate(headers.get("authorization", b"").decode("latin-1"))
        revision = revisions.check(
            headers.get("revision", b"").decode("latin-1"),
            self._state.clock.now(),
            fall_forward=options.fall_forward and headers.get(_OPT_OUT) != b"1",
        )
        self._pace(endpoint, extra)
        _authorize(scopes, endpoint)
        if endpoint.method in _BODY_METHODS:
            body = self._readable(headers, body, endpoint.allowed.body_bytes)
        parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        base = f"{scope['scheme']}://{headers.get('host', b'127.0.0.1').decode('latin-1')}"
        asked = query.read(parameters, endpoint.allowed)
        call = Call(named, asked, body, base, f"{base}{path}", revision)
        background.settle(self._state)
        answer = endpoint.handler(self._state, call)
        return answer.status, answer.document

    def _authenticate(self, header: str) -> frozenset[str]:
        """The scopes of the key; recorded: 401 without a valid one."""
        known = header.startswith(_PREFIX)
        scopes = self._keys.get(header.removeprefix(_PREFIX)) if known else None
        if scopes is not None:
            return scopes
        title = detail = "Incorrect authentication credentials."
        if not header:
            title = "Authentication credentials were not provided."
            detail = "Missing or invalid private key."
        elif not known:
            raise Refusal.one(401, "authentication_failed", title, detail)
        raise Refusal.one(401, "not_authenticated", title, detail, headers=_CHALLENGE)

    def _pace(self, endpoint: Endpoint, extra: dict[str, str]) -> None:
        if not self._state.options.limits:
            return
        wait, headers = self._limiter.admit(endpoint.name, endpoint.budget)
        if wait is not None:
            raise Refusal.one(
                429,
                "throttled",
                "Request was throttled.",
                f"Request was throttled. Expected available in {wait} seconds.",
                pointer="/data",
                headers={"Retry-After": str(wait)},
            )
        extra.update(headers)

    def _readable(self, headers: dict[str, bytes], body: bytes, limit: int) -> bytes:
        """The body, unpacked; 415 for other forms than JSON:API and 413 when it is too large."""
        options = self._state.options
        kind = headers.get("content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if kind != JSON_API and not (kind == "application/json" and options.accept_plain_json):
            raise _unsupported(f"Unsupported media type '{kind}' in request.")
        coding = headers.get("content-encoding", b"identity").decode("latin-1").lower()
        if coding == "gzip" and options.accept_gzip:
            # Documented: sizes count decompressed.
            body = _unpack(body, limit)
        elif coding != "identity":
            raise _unsupported(f"Unsupported content encoding '{coding}' in request.")
        if not body.isascii():
            _check_text(body)  # what is kept as raw JSON is not looked at again
        if len(body) > limit:
            raise Refusal.one(
                413,
                "payload_too_large",
                "Payload too large.",
                f"The request has more than the {limit:,} bytes it may have.",
            )
        return body


def _route(method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
    """Documented: 404 for other paths, also with a trailing slash; 405 for other methods."""
    methods, named = endpoints.find(path)
    if not methods:
        raise Refusal.one(404, "not_found", "Not found.", "The path is not one of this API.")
    endpoint = methods.get(method)
    if endpoint is None:
        raise Refusal.one(
            405,
            "method_not_allowed",
            "Method not allowed.",
            f'Method "{method}" not allowed.',
            headers={"Allow": ", ".join(sorted(methods))},
        )
    return endpoint, named


def _authorize(scopes: frozenset[str], endpoint: Endpoint) -> None:
    """Documented: 403 when the key lacks a scope."""
    missing = [scope for scope in endpoint.scopes if scope not in scopes]
    if missing:
        raise Refusal.one(
            403,
            "permission_denied",
            "You do not have permission to perform this action.",
            f"The API key lacks the scopes {', '.join(missing)}.",
            pointer="/data",
        )


def _unsupported(detail: str) -> Refusal:
    return Refusal.one(415, "unsupported_media_type", "Unsupported media type.", detail)


def _unpack(body: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(body, limit + 1)
    except zlib.error as reason:
        raise _malformed("The body is not gzip.") from reason


def _check_text(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as reason:
        raise _malformed(f"The body is not UTF-8: {reason.reason}.") from reason


def _malformed(detail: str) -> Refusal:
    return Refusal.one(400, "parse_error", "Malformed request.", detail)
