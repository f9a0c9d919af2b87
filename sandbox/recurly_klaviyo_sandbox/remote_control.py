"""Working the sandbox from another process: addresses of its own, beside Recurly's; both ends."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recurly_klaviyo_sandbox.named_faults import FaultOrder
from recurly_klaviyo_sandbox.server import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from recurly_klaviyo_sandbox.business import Ledger
    from recurly_klaviyo_sandbox.named_faults import Faults
    from recurly_klaviyo_sandbox.recurly import RecurlySite

PREFIX = "/_sandbox/"
FRESH = timedelta(days=3)
"""Events no older than this are live by the target's default; the others are history."""


class RemoteControl:
    """ASGI layer that takes the addresses below `/_sandbox/` and leaves all others to Recurly.

    No key is asked for. Every answer is JSON; a 400 or 404 carries a sentence under `error`.

    GET ledger      the merchant's present, and the number of expected events by metric
    POST advance    `{"days": 7}` or `{"seconds": 3600}` pass: the same, how much time passed and
                    is left, and what happened meanwhile
    GET fault       the faults there are at the moment
    POST fault      a `FaultOrder` as JSON: from now on there is this fault, too
    DELETE fault    all is well again
    """

    def __init__(self, site: RecurlySite, ledger: Ledger, faults: Faults) -> None:
        self._site = site
        self._ledger = ledger
        self._orders = faults
        self._routes: dict[tuple[str, str], Callable[[bytes], dict[str, Any]]] = {
            ("GET", "ledger"): lambda _: self._state(),
            ("POST", "advance"): self._advance,
            ("GET", "fault"): lambda _: self._faults(),
            ("POST", "fault"): self._add_fault,
            ("DELETE", "fault"): lambda _: self._clear_faults(),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await self._site.app(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        route = self._routes.get((request.method, request.url.path.removeprefix(PREFIX)))
        if route is None:
            known = ", ".join(f"{method} {PREFIX}{name}" for method, name in self._routes)
            return JSONResponse({"error": f"There are {known}."}, HTTPStatus.NOT_FOUND)
        body = await request.body()
        try:
            with self._site.store.lock:
                return JSONResponse(route(body))
        except ValueError as refusal:
            return JSONResponse({"error": str(refusal)}, HTTPStatus.BAD_REQUEST)

    # Time ----------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        return {"now": self._site.clock.now().isoformat(), "events": self._ledger.counts()}

    def _advance(self, body: bytes) -> dict[str, Any]:
        clock, ledger = self._site.clock, self._ledger
        step = _step(body)
        before, known = clock.behind, ledger.events(clock.now()).keys()
        self._site.advance(step)
        events = ledger.events(clock.now())
        new = [event for key, event in events.items() if key not in known]
        fresh_from = datetime.now(timezone.utc) - FRESH
        return {
            **self._state(),
            "passed_seconds": (before - clock.behind).total_seconds(),
            "left_seconds": clock.behind.total_seconds(),
            "new_events": dict(Counter(event.metric for event in new).most_common()),
            "fresh_events": sum(event.time >= fresh_from for event in new),
        }

    # Faults --------------------------------------------------------------------------------------

    def _faults(self) -> dict[str, Any]:
        return {"faults": [msgspec.to_builtins(order) for order in self._orders.left()]}

    def _add_fault(self, body: bytes) -> dict[str, Any]:
        try:
            order = msgspec.json.decode(body, type=FaultOrder)
        except msgspec.DecodeError as reason:
            raise ValueError(f"That is no fault to be made: {reason}.") from reason
        self._orders.add(order)
        return self._faults()

    def _clear_faults(self) -> dict[str, Any]:
        self._orders.clear()
        return self._faults()


def _step(body: bytes) -> timedelta:
    hint = 'Send {"days": number} or {"seconds": number}, not negative.'
    try:
        parts = {name: float(value) for name, value in json.loads(body).items()}
        step = timedelta(days=parts.pop("days", 0), seconds=parts.pop("seconds", 0))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise ValueError(hint) from None
    if parts or step < timedelta(0):
        raise ValueError(hint)
    return step


def call(port: int, method: str, name: str, body: object = None) -> dict[str, Any]:
    """Ask the sandbox whose Recurly listens on `port`, and return its answer.

    Raises:
        ConnectionError: With a sentence, when no sandbox answers there.
        ValueError: With the sandbox's own sentence, when it refuses.
    """
    connection = HTTPConnection(LOOPBACK, port, timeout=120)
    try:
        connection.request(method, PREFIX + name, None if body is None else json.dumps(body))
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, HTTPException, json.JSONDecodeError):
        status = None
    else:
        status = response.status
    finally:
        connection.close()
    if status == HTTPStatus.OK:
        return answer
    if status == HTTPStatus.BAD_REQUEST:
        raise ValueError(answer["error"])
    raise ConnectionError(
        f"No sandbox answers on port {port}: start it with `recurly-klaviyo-sandbox serve`, "
        "or say with --recurly-port where it is."
    )
