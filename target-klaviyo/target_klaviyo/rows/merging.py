"""Several profile rows of one person as one, so that Klaviyo's order cannot matter (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_klaviyo.rows.contract import (
    MAX_PROFILE_BYTES,
    WITH_FIELDS_WITHIN,
    ProfileRow,
    bytes_to_clear,
    without_nulls,
)
from target_klaviyo.rows.identity import identity_of
from target_klaviyo.rows.values import serialise

if TYPE_CHECKING:
    from collections.abc import Mapping


def merge_profiles(earlier: ProfileRow, later: ProfileRow) -> ProfileRow | None:
    """Two rows of one identity as one; per field the later one wins, a null as any other value.

    Returns None when together they would be too large for one profile.
    """
    fields = updated(earlier.fields(), later.fields())
    attributes, cleared_properties, cleared_attributes = without_nulls(fields)
    serialised = serialise(attributes)
    if len(serialised) + bytes_to_clear(cleared_properties) > MAX_PROFILE_BYTES:
        return None
    return ProfileRow(
        later.origin,
        identity_of({**dict(earlier.identity), **dict(later.identity)}),
        later.profile_id or earlier.profile_id,
        serialised,
        cleared_properties,
        cleared_attributes,
        [],
        epoch=earlier.epoch,
        also_known_as=(later if "external_id" in dict(later.identity) else earlier).also_known_as,
        parts=[*(earlier.parts or [earlier]), *(later.parts or [later])],
    )


def updated(fields: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with later ones over them, property by property and place by place."""
    both = {**fields, **later}
    for name in WITH_FIELDS_WITHIN & fields.keys() & later.keys():
        both[name] = {**fields[name], **later[name]}
    return both
