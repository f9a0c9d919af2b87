"""Query parameters of GET requests: what an endpoint allows, and reading it.

Documented: unknown parameters are refused; pages follow `links.next`, an absolute URL with an
opaque cursor; `fields[...]` thins the attributes, `include` adds related resources.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode

import msgspec
import orjson

from recurly_klaviyo_sandbox.klaviyo import filters
from recurly_klaviyo_sandbox.klaviyo.errors import Refusal
from recurly_klaviyo_sandbox.klaviyo.fields import UNLISTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurly_klaviyo_sandbox.klaviyo.filters import Condition


_Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class Allowed(NamedTuple):
    """What a request to an endpoint may hold.

    `fields` maps a resource type to its fields, `filters` a field to its operators.
    """

    resource: str
    fields: Mapping[str, frozenset[str]] = {}
    filters: Mapping[str, frozenset[str]] = {}
    sorts: tuple[str, ...] = ()
    include: frozenset[str] = frozenset()
    additional: frozenset[str] = frozenset()
    page_size: int | None = None
    page_size_limit: int | None = None
    paged: bool = False
    body_bytes: int = 5_000_000  # documented: 5 MB; assumed: the smaller megabyte


class Query(NamedTuple):
    """A query string, read and checked."""

    conditions: tuple[Condition, ...] = ()
    sort: str = ""
    include: frozenset[str] = frozenset()
    fields: Mapping[str, frozenset[str]] = {}
    additional: frozenset[str] = frozenset()
    page_size: int = 0
    cursor: tuple[int, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def descending(self) -> bool:
        """Whether the sort runs downwards."""
        return self.sort.startswith("-")

    def start(self, length: int) -> tuple[int, ...]:
        """Where the page starts, in so many numbers; nothing for the first page.

        Raises:
            Refusal: 400 when the cursor is another endpoint's.
        """
        if self.cursor and len(self.cursor) != length:
            raise _invalid_cursor()
        return self.cursor


def read(parameters: list[tuple[str, str]], allowed: Allowed) -> Query:
    """Check and read the parameters of a request.

    Raises:
        Refusal: 400, naming the parameter.
    """
    given = dict(parameters)
    for name in given:
        if name not in _allowed_names(allowed):
            # Reported wording, with the underscore: "'page_size' is not a valid field ...".
            shown = name.replace("[", "_").rstrip("]")
            raise Refusal.parameter(
                name, f"'{shown}' is not a valid field for the resource '{allowed.resource}'."
            )
    fields = {
        resource: _subset(given[f"fields[{resource}]"], known, f"fields[{resource}]")
        for resource, known in allowed.fields.items()
        if f"fields[{resource}]" in given
    }
    sort = given.get("sort", "")
    if sort and sort.removeprefix("-") not in allowed.sorts:
        raise Refusal.parameter("sort", f"'{sort}' is not a sort this endpoint has.")
    additional = f"additional-fields[{allowed.resource}]"
    return Query(
        tuple(_conditions(given.get("filter", ""), allowed)),
        sort,
        _subset(given.get("include", ""), allowed.include, "include"),
        fields,
        _subset(given.get(additional, ""), allowed.additional, additional),
        _page_size(given.get("page[size]"), allowed),
        _cursor(given["page[cursor]"]) if "page[cursor]" in given else (),
        tuple(parameters),
    )


def _allowed_names(allowed: Allowed) -> set[str]:
    taken = {
        "filter": allowed.filters,
        "sort": allowed.sorts,
        "include": allowed.include,
        f"additional-fields[{allowed.resource}]": allowed.additional,
        "page[cursor]": allowed.paged,
        "page[size]": allowed.page_size_limit,
    }
    fields = {f"fields[{resource}]" for resource in allowed.fields}
    return fields | {name for name, there in taken.items() if there}


def _subset(text: str, known: frozenset[str], parameter: str) -> frozenset[str]:
    wanted = frozenset(part.strip() for part in text.split(",") if part.strip())
    for name in sorted(wanted - known):
        root = name.partition(".")[0]
        if root in UNLISTED & known:
            continue
        raise Refusal.parameter(parameter, f"'{name}' is not a valid value for '{parameter}'.")
    return wanted


def _conditions(text: str, allowed: Allowed) -> list[Condition]:
    if not text:
        return []
    conditions = filters.parse(text)
    for condition in conditions:
        if condition.operator not in allowed.filters.get(condition.field, ()):
            raise Refusal.parameter(
                "filter",
                f"Invalid filter provided. '{condition.operator}' is not a filter on"
                f" '{condition.field}' here.",
            )
    return conditions


def _page_size(text: str | None, allowed: Allowed) -> int:
    if text is None:
        return allowed.page_size or 0
    limit = allowed.page_size_limit or 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= limit:
        raise Refusal.parameter("page[size]", f"Page size must be between 1 and {limit}.")
    return int(text)


def _cursor(text: str) -> tuple[int, ...]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=tuple[_Natural, ...])
    except (msgspec.DecodeError, ValueError) as reason:
        raise _invalid_cursor() from reason


def _invalid_cursor() -> Refusal:
    return Refusal.parameter("page[cursor]", "Invalid cursor provided.")


def cursor(position: tuple[int, ...]) -> str:
    """An opaque page cursor that says where the next page starts."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode()


def query_string(parameters: tuple[tuple[str, str], ...]) -> str:
    """Parameters as the part of a URL after `?`, with its mark."""
    return f"?{urlencode(parameters, safe='/', quote_via=quote)}" if parameters else ""


def thin(attributes: dict[str, Any], wanted: frozenset[str] | None) -> dict[str, Any]:
    """Attributes cut down to the sparse fieldset; `location.city` keeps only that part."""
    if wanted is None:
        return attributes
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in wanted:
            kept[name] = value
        elif isinstance(value, dict):
            dotted = (each.partition(".") for each in wanted)
            parts = thin(value, frozenset(below for root, _, below in dotted if root == name))
            if parts:
                kept[name] = parts
    return kept
