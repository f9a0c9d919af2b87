r"""The filter grammar of GET requests.

Documented: strings stand in double quotes, with `"` and `\` escaped; conditions are joined by
`and(...)` or by commas; lists stand in brackets. As in
`and(equals(metric_id,"AbC123"),less-than(datetime,2026-01-01))`.
"""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple, TypeAlias

from recurly_klaviyo_sandbox.klaviyo.errors import Refusal

Scalar: TypeAlias = str | float | bool | None

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<mark>[(),\[\]])
      | (?P<word>[^\s(),\[\]"']+)
    )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None}


class Condition(NamedTuple):
    """One comparison; `values` holds several for `any` and for lists, none for `has`."""

    operator: str
    field: str
    values: tuple[Scalar, ...]

    @property
    def value(self) -> Scalar:
        """The only value."""
        return self.values[0]

    @property
    def text(self) -> str:
        """The only value, as text."""
        return str(self.values[0])


_Tokens: TypeAlias = deque[tuple[str, str]]  # kind and text; a mark's kind is the mark itself


def parse(text: str) -> list[Condition]:
    """The conditions of a filter, all of which must hold.

    Raises:
        Refusal: 400 when the text is not a filter.
    """
    tokens = _tokens(text.strip())
    conditions = _conditions(tokens)
    _take(tokens, "end")
    return conditions


def _tokens(text: str) -> _Tokens:
    found: _Tokens = deque()
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _invalid(f"Unexpected character at position {place}.")
        kind, token = str(match.lastgroup), match[str(match.lastgroup)]
        found.append((token if kind == "mark" else kind, token))
        place = match.end()
    found.append(("end", "the end"))
    return found


def _take(tokens: _Tokens, kind: str) -> str:
    """The text of the next token, which is to be of that kind."""
    found, text = tokens[0]
    if found != kind:
        raise _invalid(f"Expected '{kind}' and found '{text}'.")
    tokens.popleft()
    return text


def _conditions(tokens: _Tokens) -> list[Condition]:
    found = _condition(tokens)
    while tokens[0][0] == ",":
        tokens.popleft()
        found += _condition(tokens)
    return found


def _condition(tokens: _Tokens) -> list[Condition]:
    operator = _take(tokens, "word")
    _take(tokens, "(")
    if operator == "and":
        found = _conditions(tokens)
    else:
        field = _take(tokens, "word")
        values: tuple[Scalar, ...] = ()
        if operator != "has":
            _take(tokens, ",")
            values = _values(tokens)
        found = [Condition(operator, field, values)]
    _take(tokens, ")")
    return found


def _values(tokens: _Tokens) -> tuple[Scalar, ...]:
    if tokens[0][0] != "[":
        return (_scalar(tokens),)
    found: list[Scalar] = []
    while not found or tokens[0][0] == ",":
        tokens.popleft()  # the bracket or a comma
        found.append(_scalar(tokens))
    _take(tokens, "]")
    return tuple(found)


def _scalar(tokens: _Tokens) -> Scalar:
    if tokens[0][0] == "string":
        return re.sub(r"\\(.)", r"\1", tokens.popleft()[1][1:-1], flags=re.DOTALL)
    text = _take(tokens, "word")
    if text in _WORDS:
        return _WORDS[text]
    return float(text) if _NUMBER.fullmatch(text) else text


def _invalid(detail: str) -> Refusal:
    return Refusal.parameter("filter", f"Invalid filter provided. {detail}")
