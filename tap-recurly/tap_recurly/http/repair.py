"""JSON whose texts hold what is no character, made readable (pure).

Half an emoji or a byte that is not UTF-8, in one field of one row, would keep a whole page from
being read, now and at every later run. What cannot be a character becomes U+FFFD, Unicode's own
sign for that; all else stays as it came.
"""

from __future__ import annotations

import re

STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
ESCAPE = re.compile(
    rb"\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}"
    rb"|(?P<half>\\u[Dd][89A-Fa-f][0-9A-Fa-f]{2})"
    rb"|\\.",
    re.DOTALL,
)
"""A whole pair of surrogates, half of one, or any other escape, each consumed as one."""

CONTROL = re.compile(rb"[\x00-\x1f]")
"""What JSON wants escaped inside a text; unescaped it is still a character."""


def repaired(body: bytes) -> bytes:
    """The same JSON with U+FFFD for lone surrogates and for bytes that are not UTF-8."""
    return STRING.sub(_repaired_string, body.decode(errors="replace").encode())


def _repaired_string(string: re.Match[bytes]) -> bytes:
    text = ESCAPE.sub(lambda escape: rb"\ufffd" if escape["half"] else escape[0], string[0])
    return CONTROL.sub(lambda mark: rb"\u%04x" % mark[0][0], text)
