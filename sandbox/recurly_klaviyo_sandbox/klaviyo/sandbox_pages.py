"""What the real API does not have: the activity feed, and numbers for other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from recurly_klaviyo_sandbox.klaviyo.feed import FeedPages

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from recurly_klaviyo_sandbox.klaviyo.state import State

SUMMARY = "/_sandbox/summary"


class SandboxPages:
    """Serves the sandbox's own pages and hands everything else to the API."""

    def __init__(self, api: ASGIApp, state: State, summary: Callable[[], dict[str, Any]]) -> None:
        self._api = api
        self._summary = summary
        self._feed = FeedPages(state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"]
        if path in {"/feed", "/feed.html"} or path.startswith("/feed/"):
            await self._feed(scope, receive, send)
        elif path == SUMMARY:
            body = orjson.dumps(self._summary(), option=orjson.OPT_INDENT_2)
            await Response(body, media_type="application/json")(scope, receive, send)
        else:
            await self._api(scope, receive, send)
