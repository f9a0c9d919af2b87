"""What a profile row clears: its size, and written out as the nulls it came from (pure)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.rows.contract import CLEARED_LOCATION
from target_klaviyo.rows.values import serialise

if TYPE_CHECKING:
    from target_klaviyo.rows.contract import ProfileRow


@lru_cache(maxsize=1024)
def bytes_to_clear(names: frozenset[str]) -> int:
    """Bytes that the names of properties to clear take in a profile: each as JSON, and a comma.

    Raises:
        RowRejected: a name has no UTF-8.
    """
    return sum(len(serialise(name)) + 1 for name in names)


def attributes_with_nulls(row: ProfileRow) -> dict[str, Any]:
    """What the row sets, and a null for all that it clears; a whole location is one null."""
    attributes: dict[str, Any] = orjson.loads(row.attributes)
    for name in row.cleared_properties:
        attributes.setdefault("properties", {})[name] = None
    for name in row.cleared_attributes:
        outer, _, inner = name.partition(".")
        if inner:
            attributes.setdefault(outer, {})[inner] = None
        else:
            attributes[outer] = None
    if row.cleared_attributes >= CLEARED_LOCATION:
        attributes["location"] = None
    return attributes
