"""What others have written, made fit to stand inside a sentence of ours (pure)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_SHOWN = 200
"""Characters of a foreign text that an error or a log shows."""

MAX_SCANNED = 50 * MAX_SHOWN
"""What lies beyond cannot be shown, whatever is left out before it."""

SECRET_FIELDS = frozenset(
    {
        "gateway_token",
        "hosted_login_token",
        "routing_number",
        "routing_number_bank",
        "three_d_secure_action_token_id",
        "token",
    }
)
"""Fields that let whoever has them act as a customer or charge one (docs/recurly.md: Secrets in
records), by the names that Recurly's resources give them."""

E_MAIL_ADDRESS = re.compile(r"[^\s@<>()\[\]{}\"',;:=/?&]{1,64}(?:@|%40)[^\s@<>()\[\]{}\"',;:/?&]+")
"""Rather too much than too little: customers' addresses stay out of logs."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """A foreign text on one line, cut, without the secrets and without e-mail addresses."""
    shown = text[:MAX_SCANNED]
    for secret in filter(None, secrets):
        shown = shown.replace(secret, "(secret)")
    shown = E_MAIL_ADDRESS.sub("(e-mail address)", shown)
    printable = "".join(mark if mark.isprintable() else " " for mark in shown)
    shown = " ".join(printable.split())
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN].rstrip()}..."
