"""Recurly's error answers."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):  # noqa: N818  (a refusal is what the service means to say)
    """An answer that is not the data asked for: HTTP status, error type and message."""

    def __init__(self, status: int, kind: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = {}
        self.body = {"error": {"type": kind, "message": message, "params": [], **extra}}


def bad_parameter(name: str, message: str) -> Refusal:
    """A query parameter that is undeclared or out of bounds."""
    return Refusal(400, "bad_request", message, params=[{"param": name}])


def not_found(what: str) -> Refusal:
    """Nothing lives at that address."""
    return Refusal(404, "not_found", f"Couldn't find {what}")
