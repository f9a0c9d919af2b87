"""From a request's query string to what is asked of the store, every documented rule checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from recurly_klaviyo_sandbox.recurly.errors import bad_parameter
from recurly_klaviyo_sandbox.recurly.moments import to_micros
from recurly_klaviyo_sandbox.recurly.store import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurly_klaviyo_sandbox.recurly.endpoints import Filter, Listing

DEFAULT_LIMIT = 20
MAX_LIMIT = 200
MAX_IDS = 200


@dataclass(frozen=True)
class ListRequest:
    """One page that is asked for. `after` is the (sort value, id) of the last row already had."""

    query: Query
    limit: int
    after: tuple[int, str] | None
    by_ids: bool
    parameters: tuple[tuple[str, str], ...]

    def next_page(self, path: str, last_id: str, last_value: int) -> str:
        """The relative address of the next page: every original parameter plus the cursor.

        The cursor is a keyset, `<id>:<epoch seconds>`, so that ties in one second are safe.
        """
        kept = [(name, value) for name, value in self.parameters if name != "cursor"]
        cursor = f"{last_id}:{last_value / 1e6:.6f}"
        return f"{path}?{urlencode([('cursor', cursor), *kept])}"


def read_query(listing: Listing, query_string: str, known: Mapping[str, str | int]) -> ListRequest:
    """Check a query string against what the endpoint declares.

    `known` is what conditions may name beside what is given: the ids of the path's parents by path
    parameter, the present as Recurly shows times as `now`, and the option `email_any_case`.

    Raises:
        Refusal: 400, when a parameter is not declared for the endpoint, or its value not admitted.
    """
    parameters = tuple(parse_qsl(query_string, keep_blank_values=True))
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in listing.declared:
            raise bad_parameter(name, f"Invalid or unpermitted parameter: {name}")
        if name in given:
            raise bad_parameter(name, f"{name} was given more than once")
        given[name] = value
    conditions = [listing.condition]
    values: dict[str, str | int] = {**known}
    if "ids" in given:
        others = sorted(set(given) - {"ids"})
        if others:
            raise bad_parameter(others[0], f"ids cannot be combined with {others[0]}")
        conditions.append("id IN (SELECT value FROM json_each(:ids))")
        values["ids"] = _ids(given["ids"])
    for name, admitted in listing.filters.items():
        if name in given:
            conditions.append(_condition(name, given[name], admitted))
            values[f"value_{name}"] = given[name]
    sort = _choice(given, "sort", listing.sorts, next(iter(listing.sorts.values())))
    for name, comparison in (("begin_time", ">="), ("end_time", "<=")):
        if name in given:
            conditions.append(f"{sort} {comparison} :{name}")
            values[name] = _moment(name, given[name])
    descending = _choice(given, "order", {"asc": "", "desc": "descending"}, "descending")
    return ListRequest(
        Query(listing.resource, tuple(conditions), values, sort, bool(descending)),
        MAX_IDS if "ids" in given else _limit(given),
        _cursor(given["cursor"]) if "cursor" in given else None,
        "ids" in given,
        parameters,
    )


def _choice(given: Mapping[str, str], name: str, admitted: Mapping[str, str], default: str) -> str:
    if name not in given:
        return default
    if given[name] not in admitted:
        raise bad_parameter(name, f"{name} must be one of {', '.join(admitted)}")
    return admitted[given[name]]


def _condition(name: str, value: str, admitted: Filter) -> str:
    if isinstance(admitted, str):
        return admitted.replace(":value", f":value_{name}")
    if value not in admitted:
        raise bad_parameter(name, f"{name} must be one of {', '.join(admitted)}")
    return admitted[value]


def _ids(text: str) -> str:
    ids = text.split(",")
    if len(ids) > MAX_IDS:
        raise bad_parameter("ids", f"at most {MAX_IDS} ids can be given at once")
    return json.dumps(ids)


def _limit(given: Mapping[str, str]) -> int:
    text = given.get("limit", str(DEFAULT_LIMIT))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_LIMIT:
        raise bad_parameter("limit", f"limit must be between 1 and {MAX_LIMIT}")
    return int(text)


def _moment(name: str, text: str) -> int:
    try:
        return to_micros(text)
    except ValueError:
        raise bad_parameter(name, f"{name} must be an ISO 8601 time") from None


def _cursor(text: str) -> tuple[int, str]:
    record_id, _, seconds = text.rpartition(":")
    try:
        return round(float(seconds) * 1e6), record_id
    except (ValueError, OverflowError):
        raise bad_parameter("cursor", "cursor is invalid") from None
