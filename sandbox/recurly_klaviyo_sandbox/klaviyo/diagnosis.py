"""Names everything that is wrong in a body that does not fit its shape.

Only refused requests come here, so this walks slowly and completely: Klaviyo validates all or
nothing and names every problem with a JSON pointer (documented).
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec import Struct, inspect

from recurly_klaviyo_sandbox.klaviyo.errors import Problem, Refusal, escaped

T = TypeVar("T", bound=Struct)
_type = cache(inspect.type_info)

_KINDS: dict[type[inspect.Type], tuple[str, tuple[type, ...]]] = {
    inspect.StrType: ("a string", (str,)),
    inspect.BoolType: ("a boolean", (bool,)),
    inspect.IntType: ("an integer", (int,)),
    inspect.FloatType: ("a number", (int, float)),
    inspect.ListType: ("an array", (list,)),
    inspect.DictType: ("an object", (dict,)),
    inspect.StructType: ("an object", (dict,)),
    inspect.RawType: ("an object", (dict,)),
    inspect.NoneType: ("null", (type(None),)),
}


def parse(body: bytes) -> Any:
    """The JSON value in `body`; a Refusal when there is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as reason:
        raise Refusal.one(
            400, "parse_error", "Malformed request.", f"The body is not valid JSON: {reason}."
        ) from reason


def problems(document: Any, shape: type[Struct]) -> list[Problem]:
    """All deviations of `document` from `shape`."""
    found: list[Problem] = []
    _walk(document, _type(shape), "", "request", found)
    return found


def decode(body: bytes, shape: type[T]) -> T:
    """`body` as `shape`, or a Refusal that names every problem."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        found = problems(parse(body), shape)
        if not found:
            found = [Problem("/data", f"The body is not acceptable: {reason}.")]
        raise Refusal.invalid(found) from reason


def salvage(
    body: bytes, shape: type[Struct], way: tuple[str, ...], item: type[T]
) -> tuple[list[tuple[int, T]], list[Problem]]:
    """What a misshapen body still gives: its well-shaped items, and what is wrong beside them.

    `way` leads to the array of items; each comes with its index, so that the rules of content can
    be applied to it and all problems be named in one answer.
    """
    document = parse(body)
    found = problems(document, shape)
    start = f"/{'/'.join(way)}/"
    bad = {
        problem.pointer.removeprefix(start).partition("/")[0]
        for problem in found
        if problem.pointer.startswith(start)
    }
    for name in way:
        document = document.get(name) if isinstance(document, dict) else None
    items = [
        (index, msgspec.json.decode(orjson.dumps(value), type=item))
        for index, value in enumerate(document if isinstance(document, list) else [])
        if str(index) not in bad
    ]
    return items, found or [Problem("/data", "The body is not acceptable JSON.")]


def _walk(value: Any, kind: inspect.Type, path: str, resource: str, found: list[Problem]) -> None:
    if isinstance(kind, inspect.Metadata):
        if value is None and (kind.extra or {}).get("nullable"):
            return
        kind = kind.type
    options = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    fitting = next((option for option in options if _fits(value, option)), None)
    if fitting is None:
        expected = " or ".join(dict.fromkeys(_name(option) for option in options))
        found.append(Problem(path, f"Invalid value: send {expected}."))
    elif isinstance(fitting, inspect.StructType):
        _walk_object(value, fitting, path, resource, found)
    elif isinstance(fitting, inspect.ListType):
        for index, item in enumerate(value):
            _walk(item, fitting.item_type, f"{path}/{index}", resource, found)


def _walk_object(
    value: dict[str, Any], kind: inspect.StructType, path: str, resource: str, found: list[Problem]
) -> None:
    fields = {field.encode_name: field for field in kind.fields}
    if "type" in fields and isinstance(fields["type"].type, inspect.LiteralType):
        resource = str(fields["type"].type.values[0])
    for name, member in value.items():
        if name in fields:
            _walk(member, fields[name].type, f"{path}/{escaped(name)}", resource, found)
        else:
            detail = f"'{name}' is not a valid field for the resource '{resource}'."
            found.append(Problem(f"{path}/{escaped(name)}", detail))
    for name, field in fields.items():
        if field.required and name not in value:
            detail = f"'{name}' is a required field for the resource '{resource}'."
            found.append(Problem(f"{path}/{escaped(name)}", detail))


def _fits(value: Any, kind: inspect.Type) -> bool:
    """Whether a value is of a kind, looking at its outermost layer only."""
    if isinstance(kind, inspect.LiteralType):
        return value in kind.values
    if isinstance(value, bool):
        return isinstance(kind, inspect.BoolType)
    if isinstance(value, float) and isinstance(kind, inspect.IntType):
        return value.is_integer()
    return isinstance(value, _KINDS[type(kind)][1])


def _name(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(f"'{value}'" for value in kind.values)
    return _KINDS[type(kind)][0]
