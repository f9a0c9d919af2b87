"""Rules for single values that no schema can say: addresses, phones, times, sizes."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from recurly_klaviyo_sandbox.klaviyo.errors import Problem, escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

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
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # of ids
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
_LONG_NUMBER = re.compile(rb"\d{19}")


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


def property_problems(raw: bytes, *, count: int | None = PROPERTIES) -> list[Problem]:
    """What is wrong with properties, given as JSON; pointers are relative to them.

    `count` is how many there may be, None without limit.
    """
    try:
        properties = orjson.loads(raw)
        if _LONG_NUMBER.search(raw):
            properties = json.loads(raw)  # reads integers of any length
    except ValueError as reason:
        return [Problem("", f"The properties are not valid JSON: {reason}.")]
    found = list(_walk(properties, 1, ""))
    if count is not None and len(properties) > count:
        found.append(Problem("", f"An event has at most {count} properties."))
    return found


def _walk(value: Any, depth: int, path: str) -> Iterator[Problem]:
    if isinstance(value, str) and len(value.encode()) > STRING_BYTES:
        yield Problem(path, "A string has at most 100 KB.")
    elif isinstance(value, int) and not -INTEGER <= value < INTEGER:
        yield Problem("", "An integer leaves the 64 bits it may have.")
    elif isinstance(value, (dict, list)) and depth > DEPTH:
        yield Problem(path, f"Properties nest at most {DEPTH} levels deep.")
    elif isinstance(value, list):
        if len(value) > ARRAY_ITEMS:
            yield Problem(path, f"An array has at most {ARRAY_ITEMS:,} items.")
        for index, item in enumerate(value):
            yield from _walk(item, depth + 1, f"{path}/{index}")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _walk(item, depth + 1, f"{path}/{escaped(name)}")
