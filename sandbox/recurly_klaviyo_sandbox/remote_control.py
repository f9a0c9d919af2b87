"""Working the sandbox from another process: addresses of its own, beside Recurly's."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from recurly_klaviyo_sandbox.sandbox import Sandbox

PREFIX = "/_sandbox/"


class RemoteControl:
    """ASGI layer that takes the addresses below `/_sandbox/` and leaves all others to Recurly.

    `POST /_sandbox/advance {"days": 7}` lets time pass; `GET /_sandbox/ledger` answers with the
    present and the number of expected events by metric. No key is asked for.
    """

    def __init__(self, sandbox: Sandbox, recurly: ASGIApp) -> None:
        self._sandbox = sandbox
        self._recurly = recurly

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await self._recurly(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        deed = request.method, request.url.path.removeprefix(PREFIX)
        if deed == ("GET", "ledger"):
            return JSONResponse(self._state())
        if deed == ("POST", "advance"):
            step = _step(await request.body())
            if step is None:
                hint = 'Send {"days": number} or {"seconds": number}, not negative.'
                return JSONResponse({"error": hint}, 400)
            self._sandbox.advance(step)
            return JSONResponse(self._state())
        return JSONResponse({"error": "There are POST advance and GET ledger."}, 404)

    def _state(self) -> dict[str, object]:
        counts = self._sandbox.ledger.counts()
        return {"now": self._sandbox.clock.now().isoformat(), "events": counts}


def _step(body: bytes) -> timedelta | None:
    try:
        parts = {name: float(value) for name, value in json.loads(body).items()}
        step = timedelta(days=parts.pop("days", 0), seconds=parts.pop("seconds", 0))
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None
    return None if parts or step < timedelta(0) else step
