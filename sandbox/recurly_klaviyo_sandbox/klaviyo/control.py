"""What the real Klaviyo does not have: numbers for other processes, under /_sandbox/."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from .account import KlaviyoAccount

SUMMARY = "/_sandbox/summary"


class ControlPages:
    """Serves the sandbox's own pages and hands everything else to the API."""

    def __init__(self, account: KlaviyoAccount, api: ASGIApp) -> None:
        self._account = account
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["path"] == SUMMARY:
            body = orjson.dumps(self._account.summary(), option=orjson.OPT_INDENT_2)
            await Response(body, media_type="application/json")(scope, receive, send)
        else:
            await self._api(scope, receive, send)
