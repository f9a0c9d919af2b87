"""Klaviyo's refusals: JSON:API error objects, and the exception that carries them.

Refusal                 one answer with status and errors
one()                 ... of one error
not_found()           404
invalid()             400 with all problems found in a body
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

INVALID = "Invalid input."
_GUIDES = "https://developers.klaviyo.com/en/docs/"


class Problem(NamedTuple):
    """One thing wrong in a request body: where (a JSON pointer) and what."""

    pointer: str
    detail: str

    def below(self, base: str) -> Problem:
        """The same, with its pointer continuing another one."""
        return Problem(base + self.pointer, self.detail)


def escaped(name: str) -> str:
    """A member's name inside a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


class Refusal(Exception):  # noqa: N818  (what Klaviyo does, not what went wrong in here)
    """An answer with a status of 400 or more and a list of error objects."""

    def __init__(
        self, status: int, errors: list[dict[str, Any]], headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{status}: {errors[0]['detail']}")
        self.status = status
        self.errors = errors
        self.headers = headers or {}

    @classmethod
    def one(  # noqa: PLR0913  (an error object has that many members)
        cls,
        status: int,
        code: str,
        title: str,
        detail: str,
        *,
        pointer: str = "/data/",
        parameter: str | None = None,
        meta: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Refusal:
        """A refusal with a single error."""
        source = {"parameter": parameter} if parameter else {"pointer": pointer}
        return cls(status, [_error(status, code, title, detail, source, meta)], headers)

    @classmethod
    def not_found(cls, kind: str, identifier: str) -> Refusal:
        """404 for a resource that is not there."""
        detail = f"A {kind} with id {identifier} does not exist."
        return cls.one(404, "not_found", "Not found.", detail)

    @classmethod
    def parameter(cls, name: str, detail: str) -> Refusal:
        """400 for a query parameter."""
        return cls.one(400, "invalid", INVALID, detail, parameter=name)

    @classmethod
    def invalid(cls, problems: list[Problem], *, bulk: bool = False) -> Refusal:
        """400 for a body, naming every problem with its pointer (documented).

        Recorded: the errors of a bulk request have no `links`.
        """
        errors = [
            _error(400, "invalid", INVALID, problem.detail, {"pointer": problem.pointer})
            for problem in problems
        ]
        for error in errors if bulk else ():
            del error["links"]
        return cls(400, errors)


def _error(  # noqa: PLR0913, PLR0917  (the members of the object)
    status: int,
    code: str,
    title: str,
    detail: str,
    source: dict[str, str],
    meta: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An error object (recorded): `links` and `meta` are there but for 401 and 404."""
    error: dict[str, Any] = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{status} {code} {detail} {source}")),
        "status": status,
        "code": code,
        "title": title,
        "detail": detail,
        "source": source,
    }
    if status not in {401, 404}:
        error |= {"links": {}, "meta": meta or {}}
    if status == 429:  # noqa: PLR2004  (HTTP)
        error["links"] = {"type": f"{_GUIDES}rate_limits_and_error_handling"}
    return error
