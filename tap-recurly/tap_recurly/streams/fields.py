"""Which fields of a record are written: those selected, none undeclared, no secrets.

Rows are JSON as it came, and most of them leave so. Only where a row may hold a secret or a field
that nobody has declared, or a catalog deselects fields, is a record built and taken apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.helpers._catalog import pop_deselected_record_properties

from tap_recurly.redaction import SECRET_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from singer_sdk.singerlib import MetadataMapping, SelectionMask

ADDITIONAL = "additional"
"""The field that holds the undeclared ones."""

_NESTED = (dict, list)


class FieldFilter:
    """What is written of the records of one stream: what `mask` selects and the SCHEMA declares.

    With `declared` None every field passes. Secrets are left out, however deep they stand. `tell`
    is called once for every set of undeclared fields, with their names.
    """

    def __init__(
        self,
        mask: SelectionMask,
        declared: Collection[str] | None,
        secrets: Iterable[str],
        tell: Callable[[Collection[str]], None],
    ) -> None:
        self._mask = mask
        self._declared = None if declared is None else frozenset(declared)
        self._heads = None if declared is None else _decoder_of_only(declared)
        self._secrets = frozenset(secrets)
        self._secret_keys = [b'"%s"' % name.encode() for name in self._secrets]
        # Where no name stands that all others hold one of, none does: most rows take two searches.
        names = self._secrets
        self._signs = [
            name.encode() for name in names if not any(each in name for each in names - {name})
        ]
        # Secrets are deselected as well, but a row that holds one shows it.
        self._deselects = any(
            not selected and breadcrumb[-1] not in self._secrets
            for breadcrumb, selected in mask.items()
            if breadcrumb
        )
        self._tell = tell
        self._told: set[frozenset[str]] = set()

    def line(self, row: bytes) -> bytes:
        """A row's JSON with what is to be written of it."""
        if self._passes(row):
            return row
        return msgspec.json.encode(self.record(msgspec.json.decode(row)))

    def _passes(self, row: bytes) -> bool:
        """Whether a row may be written as it came, which is quickly told."""
        if self._deselects or self._may_hold_secrets(row):
            return False
        try:
            if self._heads is not None:
                self._heads.decode(row)
        except msgspec.ValidationError:
            return False
        return True

    def _may_hold_secrets(self, row: bytes) -> bool:
        return any(sign in row for sign in self._signs) and any(
            key in row for key in self._secret_keys
        )

    def record(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record, changed in place, with what is to be written of it."""
        _remove_secrets(record, self._secrets)
        if self._declared is not None and (unknown := record.keys() - self._declared):
            self._set_apart(record, frozenset(unknown))
        if self._deselects:
            pop_deselected_record_properties(record, {}, self._mask)
        return record

    def _set_apart(self, record: dict[str, Any], unknown: frozenset[str]) -> None:
        taken = {name: record.pop(name) for name in sorted(unknown)}
        if ADDITIONAL in (self._declared or ()):
            record[ADDITIONAL] = taken
        if unknown not in self._told and self._mask.get(("properties", ADDITIONAL), True):
            self._told.add(unknown)
            self._tell(unknown)


def withhold(metadata: MetadataMapping, withheld: Collection[str]) -> None:
    """Deselect secrets in a catalog's metadata, whatever a pattern like `*` has selected.

    Those that are not withheld are fields like others, also in a catalog made before.
    """
    for breadcrumb, entry in metadata.items():
        if breadcrumb and breadcrumb[-1] in withheld:
            entry.selected, entry.selected_by_default = None, False
        elif breadcrumb and breadcrumb[-1] in SECRET_FIELDS:
            entry.selected_by_default = None


def _remove_secrets(value: Any, secrets: Collection[str]) -> None:
    """Remove them from an object or a list, however deep they stand."""
    if isinstance(value, dict):
        for name in secrets:
            value.pop(name, None)
        value = value.values()
    for each in value:
        if isinstance(each, _NESTED):
            _remove_secrets(each, secrets)


def _decoder_of_only(names: Collection[str]) -> msgspec.json.Decoder[Any]:
    """Reads objects that have no other fields than these, and none of their values."""
    fields = {f"field_{number}": name for number, name in enumerate(names)}
    members = [(field, msgspec.Raw, msgspec.Raw()) for field in fields]
    only = msgspec.defstruct("_Only", members, rename=fields, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(only)
