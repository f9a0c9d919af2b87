r"""The filter grammar of GET requests and aggregates.

Documented: strings stand in double quotes, with `"` and `\` escaped; conditions are joined by
`and(...)` or by commas; lists stand in brackets. As in
`and(equals(metric_id,"AbC123"),less-than(datetime,2026-01-01))`.
"""

from __future__ import annotations

import re
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


class _Tokens:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        place = 0
        text = text.strip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise _invalid(f"Unexpected character at position {place}.")
            self._tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            place = match.end()

    def peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def next(self) -> tuple[str, str]:
        token = self.peek()
        self._at += 1
        return token

    def expect(self, mark: str) -> None:
        kind, text = self.next()
        if (kind, text) != ("mark", mark):
            raise _invalid(f"Expected '{mark}' and found '{text or 'the end'}'.")


def parse(text: str) -> list[Condition]:
    """The conditions of a filter, all of which must hold.

    Raises:
        Refusal: 400 when the text is not a filter.
    """
    tokens = _Tokens(text)
    conditions = _conditions(tokens)
    if tokens.peek()[0] != "end":
        raise _invalid(f"Unexpected '{tokens.peek()[1]}'.")
    return conditions


def _conditions(tokens: _Tokens) -> list[Condition]:
    found = _condition(tokens)
    while tokens.peek() == ("mark", ","):
        tokens.next()
        found += _condition(tokens)
    return found


def _condition(tokens: _Tokens) -> list[Condition]:
    kind, operator = tokens.next()
    if kind != "word":
        raise _invalid(f"Expected an operator and found '{operator or 'the end'}'.")
    tokens.expect("(")
    if operator == "and":
        inner = _conditions(tokens)
        tokens.expect(")")
        return inner
    kind, field = tokens.next()
    if kind != "word":
        raise _invalid(f"Expected a field and found '{field or 'the end'}'.")
    values: tuple[Scalar, ...] = ()
    if operator != "has":
        tokens.expect(",")
        values = _values(tokens)
    tokens.expect(")")
    return [Condition(operator, field, values)]


def _values(tokens: _Tokens) -> tuple[Scalar, ...]:
    if tokens.peek() != ("mark", "["):
        return (_scalar(tokens),)
    tokens.next()
    found = [_scalar(tokens)]
    while tokens.peek() == ("mark", ","):
        tokens.next()
        found.append(_scalar(tokens))
    tokens.expect("]")
    return tuple(found)


def _scalar(tokens: _Tokens) -> Scalar:
    kind, text = tokens.next()
    if kind == "string":
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    if kind != "word":
        raise _invalid(f"Expected a value and found '{text or 'the end'}'.")
    if text in _WORDS:
        return _WORDS[text]
    return float(text) if _NUMBER.fullmatch(text) else text


def _invalid(detail: str) -> Refusal:
    return Refusal.parameter("filter", f"Invalid filter provided. {detail}")
