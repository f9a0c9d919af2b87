"""Stream maps, the SDK's setting to rename, compute and filter: what is wrong with one, and where.

The SDK's own exceptions name an expression at most; a person looks for the stream and the property
it was written for.
"""

from __future__ import annotations

import ast
import difflib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tap_recurly.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NULLS = (None, "__NULL__")
"""What removes a property, a stream, or with `__else__` all the others."""


class MappedStream(Protocol):
    """What a stream map refers to."""

    name: str
    primary_keys: ClassVar[tuple[str, ...]]

    @classmethod
    def record_schema(cls) -> dict[str, Any]:
        """JSON Schema of its records."""


def check_stream_maps(maps: Mapping[str, Any], streams: Iterable[type[MappedStream]]) -> None:
    """Refuse stream maps, by stream or by alias with `__source__`, that cannot be computed.

    Raises:
        ConfigurationError: Naming stream and property of the first mistake found.
    """
    by_name = {stream.name: stream for stream in streams}
    for name, definition in maps.items():
        if name == "__else__":
            _check(definition in NULLS, "'__else__'", "make it null or '__NULL__'")
        elif definition in NULLS:
            _matching(name, by_name)
        else:
            _check(isinstance(definition, dict), f"stream '{name}'", "make it an object or null")
            for stream in _matching(definition.get("__source__", name), by_name):
                _check_definition(definition, stream)


def place(maps: Mapping[str, Any], stream: str, expression: str | None) -> str:
    """Where in the stream maps of a stream an expression stands, in words."""
    found = next(
        (
            _named(name)
            for source, definition in maps.items()
            if isinstance(definition, dict)
            and fnmatchcase(stream, definition.get("__source__", source))
            for name, written in definition.items()
            if written == expression
        ),
        "a property",
    )
    return f"{found} of stream '{stream}'"


def _matching(
    pattern: Any, streams: Mapping[str, type[MappedStream]]
) -> Iterator[type[MappedStream]]:
    """The streams that a name or a pattern such as `*` stands for, at least one."""
    _check(isinstance(pattern, str), "'__source__'", "make it the name of a stream")
    found = [stream for name, stream in streams.items() if fnmatchcase(name, pattern)]
    if not found:
        (nearest,) = difflib.get_close_matches(pattern, streams, n=1, cutoff=0)
        raise ConfigurationError(
            f"The setting 'stream_maps' names a stream '{pattern}' that does not exist; did you "
            f"mean '{nearest}'? Correct or remove it."
        )
    return iter(found)


def _check_definition(definition: Mapping[str, Any], stream: type[MappedStream]) -> None:
    where = f"stream '{stream.name}'"
    for name, written in definition.items():
        if name == "__else__":
            _check(written in NULLS, f"'__else__' of {where}", "make it null or '__NULL__'")
        elif name == "__alias__":
            _check(_is_expression(written), f"'__alias__' of {where}", "make it a name")
        elif name not in {"__key_properties__", "__source__"} and written not in NULLS:
            advice = f"{written!r} is no expression, make it one"
            _check(_is_expression(written), f"{_named(name)} of {where}", advice)
    _check_keys(definition, stream)


def _check_keys(definition: Mapping[str, Any], stream: type[MappedStream]) -> None:
    where = f"stream '{stream.name}'"
    keys = definition.get("__key_properties__", [*stream.primary_keys]) or []
    are_names = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    _check(are_names, f"'__key_properties__' of {where}", "make it a list of properties or null")
    removed = {name for name, written in definition.items() if written in NULLS}
    own = () if "__else__" in definition else stream.record_schema()["properties"]
    known = {*own, *definition} - removed
    for key in keys:
        advice = (
            f"its key '{key}' is left out or unknown, keep it or name other keys in "
            f"'__key_properties__' (null for none)"
        )
        _check(key in known, where, advice)


def _named(name: str) -> str:
    """What an expression computes, in words."""
    return "the filter" if name == "__filter__" else f"property '{name}'"


def _is_expression(written: Any) -> bool:
    """Whether the SDK can parse it: one Python expression as a text."""
    try:
        statements = ast.parse(written).body if isinstance(written, str) else []
    except (SyntaxError, ValueError):
        return False
    return len(statements) == 1 and isinstance(statements[0], ast.Expr)


def _check(right: bool, where: str, advice: str) -> None:  # noqa: FBT001 (reads as a condition)
    if not right:
        raise ConfigurationError(f"The setting 'stream_maps' is wrong for {where}: {advice}.")
