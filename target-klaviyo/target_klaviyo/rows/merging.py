"""Several profile rows of one person as one, so that Klaviyo's order cannot matter (pure)."""

from __future__ import annotations

from typing import Any

import orjson

from target_klaviyo.rows.contract import MAX_PROFILE_BYTES, ProfileRow, bytes_to_clear
from target_klaviyo.rows.identity import IDENTIFIER_KINDS
from target_klaviyo.rows.values import serialise


def merge_profiles(earlier: ProfileRow, later: ProfileRow) -> ProfileRow | None:
    """Two rows of one identity as one; per field the later one wins, a clearing included.

    Returns None when together they would be too large for one profile.
    """
    attributes = updated(orjson.loads(earlier.attributes), orjson.loads(later.attributes))
    properties = attributes.get("properties", {})
    for name in later.cleared_properties:
        properties.pop(name, None)
    for name in later.cleared_attributes:
        _forget(attributes, name)
    serialised = serialise(attributes)
    cleared = frozenset((earlier.cleared_properties | later.cleared_properties) - properties.keys())
    if len(serialised) + bytes_to_clear(cleared) > MAX_PROFILE_BYTES:
        return None
    identifiers = {**dict(earlier.identity), **dict(later.identity)}
    cleared_attributes = earlier.cleared_attributes | later.cleared_attributes
    return ProfileRow(
        later.origin,
        tuple((kind, identifiers[kind]) for kind in IDENTIFIER_KINDS if kind in identifiers),
        later.profile_id or earlier.profile_id,
        serialised,
        cleared,
        frozenset(name for name in cleared_attributes if not _holds(attributes, name)),
        [],
        epoch=earlier.epoch,
        also_known_as=tuple(dict.fromkeys((*earlier.also_known_as, *later.also_known_as))),
        parts=[*(earlier.parts or [earlier]), *(later.parts or [later])],
    )


def updated(attributes: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Attributes with later ones over them, property by property and place by place."""
    both = {**attributes, **later}
    for name in ("properties", "location"):
        if name in attributes and name in later:
            both[name] = {**attributes[name], **later[name]}
    return both


def _forget(attributes: dict[str, Any], name: str) -> None:
    outer, _, inner = name.partition(".")
    if inner:
        attributes.get(outer, {}).pop(inner, None)
    else:
        attributes.pop(outer, None)


def _holds(attributes: dict[str, Any], name: str) -> bool:
    outer, _, inner = name.partition(".")
    return inner in attributes.get(outer, {}) if inner else outer in attributes
