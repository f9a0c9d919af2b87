"""The transform's settings, checked once, with a sentence for each mistake."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

INVOICE_TYPES = ("charge", "legacy", "credit")
IDENTIFIERS = ("email", "account_code")


@dataclass(frozen=True)
class Settings:
    """How Recurly records become rows.

    Attributes:
        issued_invoice_types: Invoice types that count as Issued Invoice.
        ordered_product_origins: Invoice origins whose line items count as Ordered Product; None
            for all.
        names: Default name of a metric or profile property -> the name to use instead.
        identify_by: `email` (the account code only where there is no address) or `account_code`.
    """

    issued_invoice_types: frozenset[str] = frozenset({"charge", "legacy"})
    ordered_product_origins: frozenset[str] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    identify_by: str = "email"

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, known_names: Collection[str]) -> Settings:
        """Build the settings from `transform_config`; what is absent or null has its default.

        Raises:
            ValueError: A setting is unknown or has a value it cannot have; the message says which
                and what would do.
        """
        given = {name: value for name, value in config.items() if value is not None}
        for name in given:
            _must_be_one_of(f"Setting '{name}' of the transform is unknown", name, SETTINGS)
        if "issued_invoice_types" in given:
            given["issued_invoice_types"] = _texts("issued_invoice_types", given)
            for invoice_type in sorted(given["issued_invoice_types"]):
                _must_be_one_of(
                    f"'{invoice_type}' in issued_invoice_types is no invoice type",
                    invoice_type,
                    INVOICE_TYPES,
                )
        if "ordered_product_origins" in given:
            given["ordered_product_origins"] = _texts("ordered_product_origins", given)
        if "identify_by" in given:
            chosen = given["identify_by"]
            _must_be_one_of(f"identify_by cannot be '{chosen}'", chosen, IDENTIFIERS)
        if "names" in given:
            _check_names(given["names"], known_names)
        return cls(**given)

    def name(self, default: str) -> str:
        """The name a metric or profile property goes by in this merchant's Klaviyo account."""
        return self.names.get(default, default)


SETTINGS = tuple(Settings.__dataclass_fields__)


def _texts(name: str, given: Mapping[str, Any]) -> frozenset[str]:
    value = given[name]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return frozenset(value)
    raise ValueError(f'{name} must be a list of texts, such as ["charge"].')


def _check_names(names: Any, known_names: Collection[str]) -> None:
    if not isinstance(names, dict):
        raise ValueError(  # noqa: TRY004  (the transform contract: a wrong setting is a ValueError)
            'names must be an object: {"default name": "own name"}.'
        )
    for default, own in names.items():
        _must_be_one_of(f"names has '{default}', which nothing is called", default, known_names)
        if not isinstance(own, str) or not own.strip():
            raise ValueError(f"names gives '{default}' no usable name: write a text.")
    used = [names.get(default, default) for default in known_names]
    for name in used:
        if used.count(name) > 1:
            raise ValueError(f"names leads to '{name}' twice: give each its own name.")


def _must_be_one_of(complaint: str, value: Any, allowed: Collection[str]) -> None:
    if value in allowed:
        return
    near = difflib.get_close_matches(str(value), allowed, n=1)
    advice = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(allowed)}."
    raise ValueError(f"{complaint}: {advice}")
