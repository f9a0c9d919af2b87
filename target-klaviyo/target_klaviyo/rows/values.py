"""What a JSON value in an event or a profile may be: Klaviyo's limits.

They are documented (docs/klaviyo.md: Events, Profiles).

Where a limit can be read in two ways (is 100 KB 100,000 or 102,400 bytes?), the local check takes
the wider reading: what Klaviyo then refuses still becomes a reject, but nothing it would have
stored is lost.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import orjson

from target_klaviyo.errors import RowRejected

MAX_STRING_BYTES = 100 * 1024
MAX_ARRAY_ITEMS = 4_000
MAX_DEPTH = 10
MAX_INTEGER = 2**63

_MAX_UTF8_BYTES_PER_CHAR = 4
_HARMLESS_CHARS = MAX_STRING_BYTES // _MAX_UTF8_BYTES_PER_CHAR

_ISO_8601 = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?:(:\d\d)(?:[.,]\d+)?)? ?(?:Z|([+-]\d\d):?(\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def check_properties(properties: dict[str, Any], where: str) -> None:
    """Raise RowRejected unless every value below `properties` is within Klaviyo's limits."""
    for name, value in properties.items():
        _check(value, 1, where, name)


def _check(value: Any, depth: int, where: str, name: str) -> None:  # noqa: C901, PLR0912  (one branch per JSON type)
    kind = type(value)
    if kind is str:
        if len(value) > _HARMLESS_CHARS and utf8_length(value) > MAX_STRING_BYTES:
            raise _broken(where, name, "holds a text larger than 100 KB")
    elif kind is int or kind is float:
        if not math.isfinite(value):
            raise _broken(where, name, "holds NaN or infinity, which JSON cannot express")
        if not _within_64_bits(value):
            raise _broken(where, name, "holds a number beyond 64-bit integers")
    elif kind in {dict, list, tuple}:
        if depth > MAX_DEPTH:
            raise _broken(where, name, "is nested deeper than 10 levels")
        if kind is dict:
            if not all(type(key) is str for key in value):
                raise _broken(where, name, "holds an object whose keys are not text")
            value = value.values()
        elif len(value) > MAX_ARRAY_ITEMS:
            raise _broken(where, name, "holds an array of more than 4,000 items")
        for inner in value:
            _check(inner, depth + 1, where, name)
    elif kind is Decimal:
        _check(float(value), depth, where, name)
    elif value is not None and kind is not bool and not isinstance(value, date):
        raise _broken(where, name, f"holds a {kind.__name__}, which JSON cannot express")


def _broken(where: str, name: str, rule: str) -> RowRejected:
    shown = name if len(name) <= 100 else name[:100] + "…"  # noqa: PLR2004  (enough to recognise it by)
    return RowRejected(f"{where} {shown!r} {rule}.", rule=f"{where} {rule}.")


def serialise(value: Any) -> bytes:
    """JSON as Klaviyo gets it.

    Raises:
        RowRejected: a text holds half of a surrogate pair, as bytes without UTF-8 are read.
    """
    try:
        # A copy, since orjson leaves each result in a buffer of 4 KB, and rows are kept.
        return memoryview(orjson.dumps(value, default=_plain)).tobytes()
    except TypeError as error:
        raise RowRejected(
            "A text in the row is not valid Unicode (half of a surrogate pair, or no UTF-8)."
        ) from error


def _plain(value: Any) -> Any:
    """Decimals from a transform or a stream map, as the numbers they are."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError


def utf8_length(text: str) -> int:
    """Bytes of `text` in UTF-8; half a surrogate pair counts as its three bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


def number(value: Any, what: str) -> float:
    """A finite number within the range of 64-bit integers, which is all that Klaviyo documents.

    Raises:
        RowRejected: it is something else; text is not guessed at.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise RowRejected(f"{what} is not a number.")
    plain = float(value) if isinstance(value, Decimal) else value
    if not math.isfinite(plain):
        raise RowRejected(f"{what} is not a finite number.")
    if not _within_64_bits(plain):
        raise RowRejected(f"{what} lies beyond 64-bit integers.")
    return plain


def _within_64_bits(value: float) -> bool:
    """Whether a number is within 64-bit integers, and was when it was read.

    An integer beyond them is read as a float, -2^63 - 1 as -2^63: no float counts as that one.
    """
    if isinstance(value, int):
        return -MAX_INTEGER <= value < MAX_INTEGER
    return -MAX_INTEGER < value < MAX_INTEGER


def instant(value: Any, what: str) -> tuple[datetime, str]:
    """An ISO 8601 time as (UTC datetime, text for Klaviyo); no zone means UTC.

    Text that already is RFC 3339 goes out as it came, anything else as UTC to the second, the
    precision Klaviyo keeps.

    Raises:
        RowRejected: it is not ISO 8601 (Klaviyo takes nothing else, no epoch numbers).
    """
    time = _parse(value)
    if time is None:
        raise RowRejected(f"{what} is not ISO 8601 (like 2026-01-31T12:00:00Z).")
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        return time, value
    return time, time.replace(microsecond=0).isoformat()


def _parse(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc)
    match = _ISO_8601.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    day, clock, seconds, zone_hours, zone_minutes = match.groups()
    zone = f"{zone_hours or '+00'}:{zone_minutes or '00'}"
    try:
        local = datetime.fromisoformat(f"{day}T{clock or '00:00'}{seconds or ':00'}{zone}")
        return local.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
