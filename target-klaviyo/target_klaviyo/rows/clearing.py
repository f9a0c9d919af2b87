"""What a profile row clears, written out as the nulls it came from (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.rows.contract import CLEARED_LOCATION

if TYPE_CHECKING:
    from target_klaviyo.rows.contract import ProfileRow


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
