"""Injected trouble: what networks, gateways and services do to a client, on demand.

A `Fault` says which requests it strikes, how many, and what befalls them. Both services wrap
their application in `FaultInjection` as the outermost layer, so that a fault looks to the client
exactly like the real thing: a reset is a TCP reset, a truncated body breaks its Content-Length.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Trouble(str, Enum):
    """What befalls a struck request."""

    ANSWER = "answer"  # the service never sees it; `status`, `body` and `headers` come back
    RESET_BEFORE = "reset_before"  # the connection is reset, the service never sees it
    RESET_AFTER = "reset_after"  # the service commits, then the connection is reset: reply lost
    TRUNCATE = "truncate"  # half of the body comes, then the connection is reset
    REPLACE_BODY = "replace_body"  # the service commits, but `body` comes back with its status
    REWRITE = "rewrite"  # the service commits, and `rewrite` makes another body of its answer's
    HANG = "hang"  # no answer for `seconds`, then a reset
    SLOW = "slow"  # a right answer, `seconds` late


@dataclass
class Fault:
    """Trouble for the requests whose method and path match.

    `path` is a regular expression searched in the path with its query string. The first `after`
    matching requests pass unharmed; of those that follow, each `every`th is struck, `times` times
    in all (None: for ever). `rewrite` takes the path with its query string, and the body.
    """

    trouble: Trouble
    path: str = ""
    method: str = ""
    after: int = 0
    times: int | None = 1
    every: int = 1
    status: int = 500
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    rewrite: Callable[[str, bytes], bytes] | None = None
    seen: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    @property
    def left(self) -> int | None:
        """How many requests it will still strike; None for ever."""
        return None if self.times is None else self.times - self.struck

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request, counted here, is one of the unlucky ones."""
        if (self.method and self.method != method) or not re.search(self.path, path):
            return False
        self.seen += 1
        beyond = self.seen - self.after
        if beyond <= 0 or beyond % self.every or self.left == 0:
            return False
        self.struck += 1
        return True


class FaultInjection:
    """ASGI layer that strikes requests with the faults in `faults` and counts all it lets in.

    `answered` counts requests by (method, path without query, status) as their answers begin;
    status 0 is an answer that did not come whole.
    `latency` seconds are added to every answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.faults: list[Fault] = []
        self.latency: float = 0.0
        self.answered: Counter[tuple[str, str, int]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, struck or not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        query = scope["query_string"].decode("latin-1")
        address = f"{path}?{query}" if query else path
        fault = self._fault_for(scope["method"], address)
        reply = _Reply(send, lambda status: self._count(scope["method"], path, status))
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault is None:
            await self._app(scope, receive, reply.forward)
        else:
            await self._strike(fault, address, scope, receive, reply)

    def _count(self, method: str, path: str, status: int) -> None:
        with self._lock:
            self.answered[method, path, status] += 1

    def _fault_for(self, method: str, path: str) -> Fault | None:
        with self._lock:
            struck = [fault for fault in self.faults if fault.strikes(method, path)]
        return struck[0] if struck else None

    async def _strike(
        self, fault: Fault, address: str, scope: Scope, receive: Receive, reply: _Reply
    ) -> None:
        if fault.trouble is Trouble.SLOW:
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, reply.forward)
        elif fault.trouble is Trouble.ANSWER:
            await Request(scope, receive).body()  # to its end, as a server reads before it answers
            answer = Response(fault.body, fault.status, fault.headers)
            await answer(scope, receive, reply.forward)
        elif fault.trouble is Trouble.RESET_BEFORE:
            reply.reset()
        elif fault.trouble is Trouble.HANG:
            await asyncio.sleep(fault.seconds)
            reply.reset()
        else:
            await self._app(scope, receive, reply.hold)
            if fault.trouble is Trouble.REPLACE_BODY:
                answer = Response(fault.body, reply.held_status, fault.headers)
                await answer(scope, receive, reply.forward)
            elif fault.trouble is Trouble.REWRITE and fault.rewrite:
                answer = reply.rewritten(partial(fault.rewrite, address))
                await answer(scope, receive, reply.forward)
            elif fault.trouble is Trouble.TRUNCATE:
                await reply.send_half()
                reply.reset()
            else:
                reply.reset()


class _Reply:
    """One answer on its way out: forwarded, held back, cut short or never sent."""

    def __init__(self, send: Send, count: Callable[[int], None]) -> None:
        self._send = send
        self._count = count
        self._held: list[Message] = []

    async def forward(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._count(message["status"])
        await self._send(message)

    async def hold(self, message: Message) -> None:
        self._held.append(message)

    @property
    def held_status(self) -> int:
        return int(self._held[0]["status"])

    def rewritten(self, change: Callable[[bytes], bytes]) -> Response:
        headers = {name.decode(): value.decode() for name, value in self._held[0]["headers"]}
        body = self._held_body()
        if headers.pop("content-encoding", "") == "gzip":
            body = gzip.decompress(body)
        headers.pop("content-length", None)
        return Response(change(body), self.held_status, headers)

    def _held_body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self._held[1:])

    async def send_half(self) -> None:
        body = self._held_body()
        await self._send(self._held[0])
        half = body[: len(body) // 2]
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(0.01)  # lets the half leave before the reset discards what is unsent

    def reset(self) -> None:
        self._count(0)
        reset_connection(self._send)


def reset_connection(send: Send) -> None:
    """Reset the connection on which `send` would answer."""
    # uvicorn's `send` is a method of the request cycle, which owns the TCP transport. No ASGI
    # message expresses a reset, and a reset is what clients must survive.
    cycle: Any = getattr(send, "__self__")  # noqa: B009  (the protocol does not declare it)
    cycle.transport.abort()
