"""Rules for single values that no schema can say: addresses, phones, times, sizes.

Every function is pure. The quick ones run for each of 30,000 events a second, so they prove
innocence cheaply and look closer only where guilt is possible.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

EMAIL_LENGTH = 100  # documented
EXTERNAL_ID_LENGTH = 255  # documented
UNIQUE_ID_LENGTH = 255  # documented
METRIC_NAME_LENGTH = 127  # documented: below 128 characters
STRING_BYTES = 100_000  # documented: 100 KB; assumed: the smaller kilobyte
PROPERTIES = 400  # documented, per event; assumed: counted at the top
ARRAY_ITEMS = 4_000  # documented
DEPTH = 10  # documented; assumed: the properties object is the first level
INTEGER = 2**63  # documented: 64-bit integers

EARLIEST = datetime(1990, 1, 1, tzinfo=timezone.utc)  # documented
LATEST_AHEAD = timedelta(days=366)  # documented: one year at most
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

EMAIL_DETAIL = "Invalid email address"  # recorded
PHONE_DETAIL = "Invalid phone number format (Example of a valid format: +12345678901)."

_EMAIL = re.compile(
    r"(?!\.)[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\U0010ffff]{1,64}(?<!\.)"
    r"@(?:[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\-\u0080-\U0010ffff]{0,61}"
    r"[A-Za-z0-9\u0080-\U0010ffff])?\.)+[A-Za-z\u0080-\U0010ffff]"
    r"[A-Za-z0-9\-\u0080-\U0010ffff]{1,62}"
)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?"
    r"(Z|z|[+-]\d\d(?::?\d\d)?)?)?"
)
# Digits or an exponent long enough to leave 64 bits, or half of a character.
_SUSPICIOUS = re.compile(rb"\d{19}|\d[eE][+-]?\d{3}|\\u[dD][89a-fA-F]")


class Flaw(NamedTuple):
    """Something wrong inside properties: where below them, and what."""

    path: str
    detail: str


def is_email(text: str) -> bool:
    """Whether an address is one Klaviyo takes (documented length; assumed: the usual form)."""
    return len(text) <= EMAIL_LENGTH and ".." not in text and _EMAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    """Whether a phone number is E.164 (documented)."""
    return _PHONE.fullmatch(text) is not None


@lru_cache(maxsize=65_536)  # events of one run share their seconds and their days
def epoch_second(text: str) -> int | None:
    """Seconds since 1970 of an ISO 8601 time, truncated (documented); None if it is none.

    Assumed: without an offset it is UTC, and a date alone is its midnight.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    day, minute, second, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}+00:00")
    except ValueError:
        return None
    moment -= _offset(offset)
    return int((moment - EPOCH).total_seconds())


def _offset(text: str | None) -> timedelta:
    if text in (None, "Z", "z"):
        return timedelta(0)
    digits = str(text)[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if str(text)[0] == "-" else size


def to_iso(epoch: float) -> str:
    """A moment as Klaviyo writes it: ISO 8601 with offset, and microseconds if there are any."""
    return (EPOCH + timedelta(seconds=epoch)).isoformat()


def flaws(raw: bytes, *, count: int | None = PROPERTIES) -> list[Flaw]:
    """What is wrong with properties, given as JSON; empty for nearly all.

    `count` is how many properties there may be, None without limit.
    """
    return [] if surely_sound(raw) else examine(raw, count=count)


def surely_sound(raw: bytes) -> bool:
    """Whether properties keep all limits for sure, told without parsing them.

    A property takes at least five bytes, an item two, a level one bracket: JSON that is small
    and shallow cannot offend. Anything else is examined.
    """
    return (
        len(raw) < PROPERTIES * 5
        and raw.count(b"{") + raw.count(b"[") <= DEPTH
        and _SUSPICIOUS.search(raw) is None
    )


def examine(raw: bytes, *, count: int | None = PROPERTIES) -> list[Flaw]:
    """The same as `flaws`, by parsing and walking through everything."""
    found: list[Flaw] = []
    try:
        properties = orjson.loads(raw)
    except orjson.JSONDecodeError as reason:
        return [Flaw("", f"The properties are not valid JSON: {reason}.")]
    if count is not None and len(properties) > count:
        found.append(Flaw("", f"An event has at most {count} properties."))
    _walk(properties, 1, "", found)
    found.extend(
        Flaw("", "An integer leaves the 64 bits it may have.")
        for digits in re.findall(rb"(?<![\d.\"\w])-?\d{19,}(?![\d.eE\"])", raw)
        if not -INTEGER <= int(digits) < INTEGER and not _quoted(raw, digits)
    )
    return found


def _quoted(raw: bytes, digits: bytes) -> bool:
    """Whether that run of digits occurs only inside strings."""
    return digits not in re.sub(rb'"(?:[^"\\]|\\.)*"', b'""', raw)


def _walk(value: Any, depth: int, path: str, found: list[Flaw]) -> None:
    if isinstance(value, str):
        # A character is at most four bytes: short ones need no encoding to be counted.
        if len(value) * 4 > STRING_BYTES and len(value.encode()) > STRING_BYTES:
            found.append(Flaw(path, "A string has at most 100 KB."))
    elif isinstance(value, (dict, list)):
        if depth > DEPTH:
            found.append(Flaw(path, f"Properties nest at most {DEPTH} levels deep."))
            return
        if isinstance(value, list):
            if len(value) > ARRAY_ITEMS:
                found.append(Flaw(path, f"An array has at most {ARRAY_ITEMS:,} items."))
            for index, item in enumerate(value):
                _walk(item, depth + 1, f"{path}/{index}", found)
        else:
            for name, item in value.items():
                escaped = name.replace("~", "~0").replace("/", "~1")
                _walk(item, depth + 1, f"{path}/{escaped}", found)
