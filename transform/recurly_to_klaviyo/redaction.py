"""What a rejected record must not carry on: secrets that the tap was told to select."""

from __future__ import annotations

import re
from typing import Any

SECRETS = frozenset(
    {"hosted_login_token", "gateway_token", "routing_number", "routing_number_bank", "token"}
)
"""Whoever has one can act as the customer or the merchant (docs/recurly.md: Secrets in records)."""

_SECRET_MEMBER = re.compile(rf'"({"|".join(sorted(SECRETS))})"\s*:\s*"(?:[^"\\]|\\.)*"')


def without_secrets(value: Any) -> Any:
    """The same without the members that are secrets, however deep they lie."""
    if isinstance(value, dict):
        return {
            name: without_secrets(inner) for name, inner in value.items() if name not in SECRETS
        }
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    return value


def text_without_secrets(line: str) -> str:
    """The same for a line of JSON that cannot be parsed."""
    return _SECRET_MEMBER.sub(r'"\1":null', line)
