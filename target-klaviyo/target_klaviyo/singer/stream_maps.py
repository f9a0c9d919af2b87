"""Mistakes in the setting `stream_maps`, told by stream and property (pure).

A map's expressions are the user's own: one that cannot be read ends the run before any row, one
that fails on a record concerns that record.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from target_klaviyo.errors import RowRejected, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FILTER = "__filter__"


def unreadable_map(stream: str, stream_maps: object, error: Exception) -> SettingsError:
    """Why the map of a stream cannot be used; the SDK does not say where in it."""
    for name, expression in _expressions(stream, stream_maps):
        mistake = _mistake(expression)
        if mistake is not None:
            return SettingsError(
                f"The setting 'stream_maps' has an expression that cannot be read, for the "
                f"property '{name}' of the stream '{stream}': {expression} ({mistake}); correct it."
            )
    return SettingsError(
        f"The setting 'stream_maps' has a map for the stream '{stream}' that cannot be used: "
        f"{str(error).rstrip('.')}; correct it."
    )


def failure(stream: str, stream_maps: object, error: Exception) -> RowRejected:
    """Why a record is rejected that the map of its stream fails on."""
    said = str(error).rstrip(".")
    where = f"The stream map of '{stream}' fails"
    for name, expression in _expressions(stream, stream_maps):
        if said.endswith(expression):  # the SDK quotes the expression, and nothing of the record
            cause = error.__cause__ or error
            return RowRejected(
                f"{where} at the property '{name}': {cause}.", rule=f"{where} at '{name}': {cause}."
            )
    return RowRejected(
        f"{where} on this record ({type(error).__name__}: {said}).",
        rule=f"{where} ({type(error).__name__}).",
    )


def _mistake(expression: str) -> str | None:
    try:
        ast.parse(expression, mode="eval")
    except SyntaxError as error:
        return error.msg
    return None


def _expressions(stream: str, stream_maps: object) -> Iterator[tuple[str, str]]:
    """(property, expression) of a stream's map, its filter among them."""
    maps: Mapping[str, Any] = stream_maps if isinstance(stream_maps, dict) else {}
    of_stream = maps.get(stream)
    for name, expression in of_stream.items() if isinstance(of_stream, dict) else ():
        if isinstance(expression, str) and (name == _FILTER or not name.startswith("__")):
            yield name, expression
