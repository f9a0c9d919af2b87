"""Comparing profiles, property by property (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.audit.findings import ProfileDifference
from target_klaviyo.rows.identity import IDENTIFIER_KINDS, comparable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from target_klaviyo.rows.contract import ProfileRow

SILENT = "Klaviyo keeps no profiles for addresses at example.com and test.com"


def lookup(row: ProfileRow) -> tuple[str, str]:
    """(kind, value) of the identifier to look a profile up by, as Klaviyo's filters want it."""
    return row.identity[0]


def spellings(row: ProfileRow) -> set[tuple[str, str]]:
    """The same, an address also as it came: whether filters mind its case is not documented."""
    kind, value = lookup(row)
    as_it_came = orjson.loads(row.attributes).get(kind)
    return {(kind, value), (kind, as_it_came if isinstance(as_it_came, str) else value)}


def batches(
    lookups: Iterable[tuple[str, str]], max_values: int, max_chars: int
) -> Iterator[tuple[str, list[str]]]:
    """Lookups gathered by kind into (kind, values) that one question can hold."""
    of_kind: dict[str, list[str]] = {}
    for kind, value in lookups:
        of_kind.setdefault(kind, []).append(value)
    for kind, values in of_kind.items():
        batch: list[str] = []
        size = 0
        for value in dict.fromkeys(values):
            if batch and (len(batch) >= max_values or size + len(value) > max_chars):
                yield kind, batch
                batch, size = [], 0
            batch.append(value)
            size += len(value) + 3
        if batch:
            yield kind, batch


def index(found: Iterable[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Profiles as Klaviyo shows them, by each of their identifiers; external ids may be shared."""
    indexed: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for profile in found:
        for kind in IDENTIFIER_KINDS:
            value = profile.get(kind)
            if isinstance(value, str) and value:
                indexed.setdefault(comparable(kind, value), []).append(profile)
    return indexed


def differences(
    row: ProfileRow, found: Sequence[dict[str, Any]], *, silent: bool, rejected: str | None
) -> list[ProfileDifference]:
    """What differs between a profile as it should be and as it is.

    Args:
        row: as it should be.
        found: the profiles under its identifier; of several the one that fits best counts.
        silent: its address is at a domain that Klaviyo drops without a word.
        rejected: the reason it stands in the rejects file with, if it does.
    """
    who = row.identity[0][1]
    reason = rejected or ""
    if not found:
        return [ProfileDifference(who, "", "a profile", None, reason or (SILENT if silent else ""))]
    compared = [list(_properties(who, row, profile, reason)) for profile in found]
    return min(compared, key=len)


def _properties(
    who: str, row: ProfileRow, found: dict[str, Any], reason: str
) -> Iterator[ProfileDifference]:
    wanted = _flat(orjson.loads(row.attributes))
    for name in row.cleared_properties:
        wanted[f"properties.{name}"] = None
    for name in row.cleared_attributes:
        wanted[name] = None
    there = _flat(found)
    for name, value in sorted(wanted.items()):
        if name == "email":
            continue  # found by it, or beside another identifier a matter of Klaviyo's merging
        if not _alike(value, there.get(name)):
            shown = name.removeprefix("properties.")
            yield ProfileDifference(who, shown, value, there.get(name), reason)


def _flat(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes with `properties.X` and `location.X` beside them; lists stay lists."""
    flat: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in {"properties", "location"} and isinstance(value, dict):
            flat.update({f"{name}.{inner}": of for inner, of in value.items()})
        else:
            flat[name] = value
    return flat


def _alike(wanted: Any, there: Any) -> bool:
    """Whether two values are the same to Klaviyo; an absent one is a null, and so is ''."""
    if wanted is None or wanted == "":
        return there is None or there == ""
    if isinstance(wanted, bool) or isinstance(there, bool):
        return wanted is there
    return bool(wanted == there)
