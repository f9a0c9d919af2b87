"""What a handler is given and what it gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.klaviyo.query import Query


class Call(NamedTuple):
    """A request that passed the http: authenticated, allowed, within limits, well addressed.

    `base` is the scheme and host the client used; `path` holds what the path names.
    """

    path: dict[str, str]
    query: Query
    body: bytes
    base: str
    url: str
    revision: str


class Answer(NamedTuple):
    """A status and the document that comes with it, if any."""

    status: int
    document: dict[str, Any] | None = None
