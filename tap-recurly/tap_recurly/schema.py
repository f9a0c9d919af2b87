"""JSON Schemas from the resource classes of Recurly's official client.

Each class of `recurly.resources` names its attributes and their types. No response of the API
declares a field as required or never null, so all are nullable and only the key must be there.
New fields pass through: additional properties are allowed everywhere.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Optional

from recurly import resources

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Schema = dict[str, Any]

Attributes = dict[str, Optional["Attributes"]]
"""Some attributes of an object, by name, each with some of its own, or None for all of it."""

SCALARS: dict[Any, Schema] = {
    str: {"type": ["string", "null"]},
    int: {"type": ["integer", "null"]},
    float: {"type": ["number", "null"]},
    bool: {"type": ["boolean", "null"]},
    dict: {"type": ["object", "null"], "additionalProperties": True},
    list: {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
    dt: {"type": ["string", "null"], "format": "date-time"},
}

UNNAMED_RESOURCES = {"unique_coupon_code": "UniqueCouponCode"}
"""Attributes that the client calls any object, and what Recurly's own description says they are."""


def resource_schema(
    resource: str, *, keys: Sequence[str] = ("id",), extra: Mapping[str, Schema] | None = None
) -> Schema:
    """The schema of a stream of one class in `recurly.resources`, such as `Account`.

    Its keys are texts, required and never null; extra are what the stream adds to the resource.
    """
    schema = _object(resource, within=())
    required = {key: {"type": ["string"]} for key in keys}
    return {
        "type": "object",
        "properties": {**schema["properties"], **(extra or {}), **required},
        "required": [*required],
        "additionalProperties": True,
    }


def array_of(resource: str, attributes: Attributes) -> Schema:
    """The schema of an array of a resource, of the named attributes only."""
    return {"type": ["array", "null"], "items": _only(_object(resource, within=()), attributes)}


def _only(schema: Schema, attributes: Attributes | None) -> Schema:
    if attributes is None:
        return schema
    own = schema["properties"]
    return {
        **schema,
        "properties": {name: _only(own[name], within) for name, within in attributes.items()},
    }


def without_in_arrays(schema: Schema, names: Collection[str], *, in_array: bool = False) -> Schema:
    """The schema without these properties inside of arrays, where no catalog can deselect them."""
    inner = {
        name: without_in_arrays(each, names, in_array=in_array)
        for name, each in schema.get("properties", {}).items()
        if not in_array or name not in names
    }
    made = {**schema, "properties": inner} if "properties" in schema else {**schema}
    if "items" in schema:
        made["items"] = without_in_arrays(schema["items"], names, in_array=True)
    return made


def _object(resource: str, within: tuple[str, ...]) -> Schema:
    """A resource's schema; where it comes up inside itself again, any object will do."""
    if resource in within:
        return SCALARS[dict]
    attributes = getattr(resources, resource).schema
    return {
        "type": ["object", "null"],
        "properties": {
            name: _attribute(UNNAMED_RESOURCES.get(name, kind), (*within, resource))
            for name, kind in attributes.items()
        },
        "additionalProperties": True,
    }


def _attribute(kind: Any, within: tuple[str, ...]) -> Schema:
    if isinstance(kind, str):
        return _object(kind, within)
    if isinstance(kind, list):
        return {"type": ["array", "null"], "items": _object(kind[0], within)}
    return SCALARS[kind]
