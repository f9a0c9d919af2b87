"""Faults by name, for people at a terminal: what a service, its gateway or the network does.

A name is the status of an answer (`503`) or says what befalls the connection (`lost-reply`).
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

import msgspec

from recurly_klaviyo_sandbox.faults import Fault, FaultInjection, Trouble, rewriting
from recurly_klaviyo_sandbox.klaviyo.errors import Refusal as KlaviyoRefusal
from recurly_klaviyo_sandbox.recurly.errors import Refusal as RecurlyRefusal

Service: TypeAlias = Literal["recurly", "klaviyo"]

NAMES = {
    "200": "a portal's page of HTML, with the status of success",
    "204": "success and nothing more",
    "403": "a proxy's page of HTML instead of an answer",
    "407": "a proxy that wants to know who asks",
    "429": "too many requests, come back in a second",
    "500": "the service breaks before it acts",
    "502": "a gateway's page of HTML instead of an answer",
    "503": "the service is not available",
    "504": "a gateway gave up waiting",
    "524": "a proxy gave up waiting",
    "reset": "the connection breaks before the service acts",
    "lost-reply": "the service acts, then the connection breaks",
    "truncated": "half of the answer comes, then the connection breaks",
    "garbled": "the service acts, but its answer is not JSON",
    "circle": "a list's next page is its first",
    "empty-pages": "a list's page is empty and says that more will come",
    "short-read": "half of a list's page comes, and the word that it was all",
    "half-emoji": "a text has half a character in it",
    "bad-byte": "a text has a byte in it that is not UTF-8",
    "hang": "no answer for some seconds, then the connection breaks",
    "slow": "the right answer, some seconds late",
}
"""Every fault there is, in words."""

_OF_THE_CONNECTION = {
    "reset": Trouble.RESET_BEFORE,
    "lost-reply": Trouble.RESET_AFTER,
    "truncated": Trouble.TRUNCATE,
    "garbled": Trouble.REPLACE_BODY,
    "hang": Trouble.HANG,
    "slow": Trouble.SLOW,
}
_OF_THE_BODY = {
    "circle": rewriting.circle,
    "empty-pages": rewriting.empty_pages,
    "short-read": rewriting.short_read,
    "half-emoji": rewriting.half_emoji,
    "bad-byte": rewriting.bad_byte,
}
# The statuses that the services answer themselves; all others come from what stands before them.
_RECURLY_ERRORS = {
    429: "rate_limited",
    500: "internal_server_error",
    503: "service_not_available",
}
_KLAVIYO_ERRORS = {429: "throttled", 500: "error", 503: "service_unavailable"}


class FaultOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A fault somebody wants: what befalls which requests, as sent over HTTP."""

    service: Service
    name: str
    times: int | None = 1
    every: int = 1
    path: str = ""
    method: str = ""
    seconds: float = 5.0

    def fault(self) -> Fault:
        """The fault that does it.

        Raises:
            ValueError: With a sentence, when there is no such fault or it could strike nothing.
        """
        if self.name not in NAMES:
            raise ValueError(f"There is no fault '{self.name}': take one of {', '.join(NAMES)}.")
        if self.every < 1 or (self.times is not None and self.times < 1):
            raise ValueError("A fault strikes at least once: times and every are 1 or more.")
        try:
            re.compile(self.path)
        except re.error as reason:
            raise ValueError(f"'{self.path}' is no regular expression: {reason}.") from reason
        aim: dict[str, Any] = {
            "path": self.path,
            "method": self.method.upper(),
            "times": self.times,
            "every": self.every,
        }
        fault = _OF_THE_CONNECTION.get(self.name)
        if fault:
            return Fault(fault, seconds=self.seconds, body=b'{"data": [', **aim)
        if self.name in _OF_THE_BODY:
            return Fault(Trouble.REWRITE, rewrite=_OF_THE_BODY[self.name], **aim)
        status = int(self.name)
        headers, body = _answer(self.service, status)
        return Fault(Trouble.ANSWER, status=status, headers=headers, body=body, **aim)


class Faults:
    """What has been ordered to befall the services, whose networks these are."""

    def __init__(self, **networks: FaultInjection) -> None:
        self._networks = networks
        self._ordered: list[tuple[FaultOrder, Fault]] = []

    def add(self, order: FaultOrder) -> None:
        """From now on, let this befall requests to one of the services.

        Raises:
            ValueError: With a sentence, when the order makes no sense.
        """
        fault = order.fault()
        self._networks[order.service].faults.append(fault)
        self._ordered.append((order, fault))

    def clear(self) -> None:
        """End all that has been ordered."""
        for order, fault in self._ordered:
            self._networks[order.service].faults.remove(fault)
        self._ordered.clear()

    def left(self) -> list[FaultOrder]:
        """What may still befall requests; `times` says how often."""
        return [
            msgspec.structs.replace(order, times=fault.left)
            for order, fault in self._ordered
            if fault.left != 0
        ]


def _answer(service: Service, status: int) -> tuple[dict[str, str], bytes]:
    if status == 204:  # noqa: PLR2004  (HTTP)
        return {}, b""
    errors = _RECURLY_ERRORS if service == "recurly" else _KLAVIYO_ERRORS
    if status not in errors:
        page = f"<!doctype html><title>{status}</title><h1>{status}</h1>"
        headers = {"Content-Type": "text/html"}
        if status == 407:  # noqa: PLR2004  (HTTP)
            headers["Proxy-Authenticate"] = 'Basic realm="proxy"'
        return headers, page.encode()
    kind, message = errors[status], "A fault that was asked for."
    document: dict[str, Any]
    if service == "recurly":
        headers = {"Content-Type": "application/json; charset=utf-8"}
        document = RecurlyRefusal(status, kind, message).body
    else:
        headers = {"Content-Type": "application/vnd.api+json"}
        document = {"errors": KlaviyoRefusal.one(status, kind, message, message).errors}
    if status == 429:  # noqa: PLR2004  (HTTP)
        headers["Retry-After"] = "1"
    return headers, msgspec.json.encode(document)
