"""Whether a profile shows what a row says, what is left to write, and in which form (pure).

Fields are Klaviyo's attributes with `properties` and `location` among them; a null clears.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.rows.contract import WITH_FIELDS_WITHIN, without_nulls
from target_klaviyo.rows.values import serialise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_klaviyo.people.resolution import Person, Resolution
    from target_klaviyo.rows.contract import ProfileRow


def remaining_fields(row: ProfileRow, person: Person, resolution: Resolution) -> dict[str, Any]:
    """What the row says that the profile does not show yet.

    Address and anchor are as the resolution decides; what the row does not name stays as it is.
    """
    fields: dict[str, Any] = {}
    shown = flat(person.attributes)
    for name, wanted in flat(row.fields()).items():
        outer, _, inner = name.partition(".")
        if name in {"email", "external_id"} or alike(wanted, shown.get(name)):
            continue
        if outer in WITH_FIELDS_WITHIN and inner:
            fields.setdefault(outer, {})[inner] = wanted
        else:
            fields[name] = wanted
    sent = orjson.loads(row.attributes)
    if resolution.sets_anchor:
        fields["external_id"] = sent["external_id"]
    if resolution.sets_email:
        fields["email"] = sent["email"]
    return fields


def leaving_fields(row: ProfileRow, former: Person) -> dict[str, Any]:
    """What a profile loses when its person moves to another: the anchor, and what the row names.

    All else stays: somebody may still be reached by it.
    """
    shown = former.attributes.get("properties") or {}
    fields: dict[str, Any] = {"external_id": None}
    named = {*row.fields().get("properties", {})} & shown.keys()
    if named:
        fields["properties"] = dict.fromkeys(sorted(named))
    return fields


def import_of(row: ProfileRow, person_id: str, fields: Mapping[str, Any]) -> ProfileRow:
    """The row that imports these fields in bulk, by the profile's own id."""
    return replace(
        row,
        identity=(("id", person_id), *row.identity),
        profile_id=person_id,
        attributes=serialise(fields),
        parts=[],
    )


def import_anew(row: ProfileRow) -> ProfileRow:
    """The row that makes a profile: there is nothing yet that it could clear."""
    kept, _, _ = without_nulls(row.fields())
    return replace(row, attributes=serialise(kept), parts=[])


def update(person_id: str, fields: Mapping[str, Any]) -> bytes:
    """Body of PATCH /api/profiles/{id}, which clears what is null and leaves what is missing."""
    return orjson.dumps({"data": {"type": "profile", "id": person_id, "attributes": fields}})


def merge(source_id: str, destination_id: str) -> bytes:
    """Body of POST /api/profile-merge: one source into one destination."""
    source = {"type": "profile", "id": source_id}
    data = {
        "type": "profile-merge",
        "id": destination_id,
        "relationships": {"profiles": {"data": [source]}},
    }
    return orjson.dumps({"data": data})


def flat(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes with `properties.X` and `location.X` among them; lists stay lists."""
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in WITH_FIELDS_WITHIN and isinstance(value, dict):
            found |= {f"{name}.{inner}": of for inner, of in value.items()}
        else:
            found[name] = value
    return found


def alike(wanted: Any, there: Any) -> bool:
    """Whether two values are the same to Klaviyo: an absent one is a null, and so is an empty text.

    1 and 1.0 are alike, 1 and true are not.
    """
    if wanted is None or wanted == "":
        return there is None or there == ""
    return _equal(wanted, there)


def _equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, as far down as they go."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return bool(one == other)
