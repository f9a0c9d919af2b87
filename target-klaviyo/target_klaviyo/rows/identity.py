"""Whose row it is: a profile's identifiers, and whether two rows concern one person."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any

from target_klaviyo.errors import RowRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTIFIER_KINDS = ("id", "email", "phone_number", "external_id")
"""In the order in which they decide: Klaviyo's own id, its primary identifier e-mail, and so on;
external_id comes last because it takes no part in Klaviyo's merging."""

MAX_EMAIL_CHARS = 100
MAX_EXTERNAL_ID_CHARS = 255

PHONE_DROPPED = "a phone_number that is not E.164 (like +15005550006) was left out"
SILENT_DOMAIN = (
    "an address at example.com or test.com was sent, but Klaviyo drops those without saying so"
)

Identifier = tuple[str, str]

Identity = tuple[Identifier, ...]
"""The identifiers a row carries, as (kind, value) in the order of IDENTIFIER_KINDS."""

_LOCAL_PART = r"[^\s@\"(),:;<>\[\]\\.\x00-\x1f\x7f]+"
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_EMAIL = re.compile(rf"{_LOCAL_PART}(?:\.{_LOCAL_PART})*@(?:{_LABEL}\.)+{_LABEL}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PHONE_PUNCTUATION = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")


class Relation(Enum):
    """What two identities say about each other."""

    SAME = "same"  # the first kind of identifier both carry has one value
    DIFFERENT = "different"  # it has two values
    UNKNOWN = "unknown"  # they have no kind in common: Klaviyo may know, we cannot


def relation(one: Identity, other: Identity) -> Relation:
    """Whether two rows concern one person: the first kind of identifier both carry decides."""
    others = dict(other)
    for kind, value in one:
        if kind in others:
            return Relation.SAME if others[kind] == value else Relation.DIFFERENT
    return Relation.UNKNOWN


def read_identifiers(profile: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The identifiers of a profile as Klaviyo wants them, and warnings about them.

    An empty or null identifier counts as absent, since many taps write absent columns so. A
    phone number that cannot be brought to E.164 is left out, because Klaviyo would do the same
    without a word.

    Raises:
        RowRejected: an identifier is malformed or too long, or none is left.
    """
    found: dict[str, str] = {}
    warnings: list[str] = []
    for kind in IDENTIFIER_KINDS:
        value = profile.get(kind)
        if value is None or value == "":
            continue
        text = _as_text(kind, value)
        if kind == "phone_number":
            number = e164(text)
            if number is None:
                warnings.append(PHONE_DROPPED)
                continue
            text = number
        elif kind == "email":
            text = _checked_email(text)
            if text.lower().endswith(("@example.com", "@test.com")):
                warnings.append(SILENT_DOMAIN)
        elif len(text) > MAX_EXTERNAL_ID_CHARS:
            raise RowRejected(f"The profile's {kind} is longer than 255 characters.")
        found[kind] = text
    if not found:
        raise RowRejected(
            "The profile has no identifier: it needs an email, phone_number (E.164), "
            "external_id or id."
        )
    return found, warnings


def identity_of(identifiers: Mapping[str, str]) -> Identity:
    """The identity that `read_identifiers` has found."""
    return tuple(
        comparable(kind, identifiers[kind]) for kind in IDENTIFIER_KINDS if kind in identifiers
    )


def comparable(kind: str, value: str) -> tuple[str, str]:
    """An identifier as it is compared: e-mail addresses in lower case."""
    return kind, value.lower() if kind == "email" else value


def e164(text: str) -> str | None:
    """A phone number in E.164 without punctuation, or None when it has no country code."""
    number = _PHONE_PUNCTUATION.sub("", text)
    if number.startswith("00"):
        number = "+" + number[2:]
    return number if _E164.fullmatch(number) else None


def _as_text(kind: str, value: object) -> str:
    if isinstance(value, str):
        text = value.strip()
        if text:
            return text
    elif isinstance(value, int) and not isinstance(value, bool) and kind != "email":
        return str(value)
    raise RowRejected(f"The profile's {kind} is not a text with something in it.")


def _checked_email(text: str) -> str:
    if len(text) > MAX_EMAIL_CHARS:
        raise RowRejected("The profile's email is longer than 100 characters.")
    if not _EMAIL.fullmatch(text):
        raise RowRejected("The profile's email is not an e-mail address.")
    return text
