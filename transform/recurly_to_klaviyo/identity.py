"""Whose row it is: a Recurly account as an identifier of Klaviyo's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurly_to_klaviyo.settings import Settings

    Record = Mapping[str, Any]

INVISIBLE = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Characters without width that copying an address brings along; `str.strip` leaves them."""


def identity(account: Any, settings: Settings) -> dict[str, str]:
    """The one Klaviyo identifier by which an account's events are addressed.

    The e-mail address; for an account without one its id as `external_id`. Never the code, which
    is often an address and cannot change (docs/recurly.md: Accounts), unless
    `identify_by: account_code` asks for it.

    Raises:
        ValueError: The record names no account, or one that cannot be told from others.
    """
    if not isinstance(account, dict) or not account:
        raise ValueError("The record has no account, so no profile can be found for it.")
    if settings.identify_by == "account_code":
        return {"external_id": _by_code(account, settings)}
    address = email_address(account)
    if address:
        return {"email": address}
    account_id = account.get("id")
    if isinstance(account_id, str) and account_id:
        return {"external_id": account_id}
    raise ValueError("The record's account has neither an e-mail address nor an id.")


def email_address(account: Record) -> str | None:
    """The account's address without what surrounds it; None when it has none.

    Raises:
        ValueError: The address was not read, or is no text. Taken for an account without address
            it would become a second person.
    """
    if "email" not in account:
        raise ValueError(
            "The record's account has no field 'email', so it is not known whose it is: select "
            "the e-mail address again in the tap's catalog."
        )
    address = account["email"]
    if address is None:
        return None
    if not isinstance(address, str):
        raise ValueError("The record's account has an e-mail address that is no text.")  # noqa: TRY004  (a reject)
    return _stripped(address) or None


def readable_address(account: Record) -> str | None:
    """The account's address where nothing depends on it; None when there is none to be read."""
    address = account.get("email")
    return _stripped(address) or None if isinstance(address, str) else None


def _stripped(text: str) -> str:
    if text.isascii():
        return text.strip()
    bare = text.strip().strip(INVISIBLE)
    return bare if bare == text else _stripped(bare)


def _by_code(account: Record, settings: Settings) -> str:
    code = account.get("code")
    if not isinstance(code, str) or not code:
        raise ValueError("The record's account has no code, by which identify_by is to know it.")
    return f"{settings.site}:{code}" if settings.site else code
