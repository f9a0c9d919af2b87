"""Rows as CSV files and SQL queries have them: flat columns become the nested row (pure).

`profile__email`, `profile.email` and `properties__Plan` are the row's `profile` and `properties`.
Such a source often has nothing but text: an empty one then means that there is no value, and the
numbers of the contract may come as text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from target_klaviyo.errors import RowRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROFILE_OBJECTS: dict[str, Any] = {"properties": {}, "location": {}}
EVENT_OBJECTS: dict[str, Any] = {"properties": {}, "profile": _PROFILE_OBJECTS}
"""Where a flat column may lead, object by object. What comes after `properties` is the property's
own name, whatever it holds."""
PROFILE_OBJECTS = _PROFILE_OBJECTS

_SEPARATOR = re.compile(r"__|\.")
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


def nested(row: Mapping[str, Any], objects: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with its flat columns in `objects`, as they name them; a nested row as it came.

    A row is flat when it has a flat column, or no object at all. Raises RowRejected when two
    columns give different values for one field.
    """
    names = "\n".join(map(str, row))
    paths = {}
    if "__" in names or "." in names:  # few rows come here: most are nested
        paths = {name: path for name in row if len(path := _path(name, objects)) > 1}
    if not paths and {dict, list}.intersection(map(type, row.values())):
        return row
    given = {name: value for name, value in row.items() if value != ""}
    # What is an object comes first, so that columns are added to it.
    found = {name: value for name, value in given.items() if name not in paths}
    for name, path in paths.items():
        if name in given:
            _put(found, path, given[name], name)
    for name, read in (("value", _number), ("was_true", _boolean)):
        if name in found and objects is EVENT_OBJECTS:
            found[name] = read(found[name])
    return found


def _path(name: Any, objects: Mapping[str, Any]) -> list[str]:
    first, *rest = _SEPARATOR.split(str(name), maxsplit=1)
    if not rest or not rest[0] or first not in objects:
        return [name]
    if first == "properties":
        return [first, rest[0]]
    return [first, *_path(rest[0], objects[first])]


def _put(found: dict[str, Any], path: list[str], value: Any, column: str) -> None:
    *outer, last = path
    within = found
    for name in outer:
        inner = within.get(name)
        if inner is not None and not isinstance(inner, dict):
            raise RowRejected(
                f"The column {column!r} belongs to {name!r}, which is a column of its own and no "
                "object; leave one of them out.",
                rule="A column belongs to one that is no object; leave one of them out.",
            )
        within[name] = dict(inner or {})
        within = within[name]
    if last in within and within[last] != value:
        raise RowRejected(
            f"The column {column!r} and another give different values for one field; leave one of "
            "them out.",
            rule="Two columns give different values for one field; leave one of them out.",
        )
    within[last] = value


def _number(value: Any) -> Any:
    text = value.strip() if isinstance(value, str) else ""
    return float(text) if _NUMBER.fullmatch(text) else value


def _boolean(value: Any) -> Any:
    return _BOOLEANS.get(value.strip().lower(), value) if isinstance(value, str) else value
