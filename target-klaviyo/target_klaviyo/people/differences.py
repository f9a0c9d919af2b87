"""Whether a profile shows what a row says (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NESTED = frozenset({"properties", "location"})


def flat(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes with `properties.X` and `location.X` among them; lists stay lists."""
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in NESTED and isinstance(value, dict):
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
