"""A person: the accounts that share an e-mail address, as one of their snapshots tells of them.

A snapshot carries, as `same_email`, what matters of the other accounts with its address. All that
follows from a person is the same whichever of the accounts the snapshot is of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurly_to_klaviyo.fields import subscriptions_of
from recurly_to_klaviyo.subscription import is_held

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Record = Mapping[str, Any]

SAME_EMAIL = "same_email"

CLOSED_STATES = frozenset({"inactive", "closed"})
"""A closed account is `inactive` in the API, `closed` everywhere else at Recurly
(docs/recurly.md: Accounts)."""


class Person:
    """All accounts of one person.

    Args:
        snapshot: The account that was touched.
        alone: The account counts as a person of its own, whoever shares its address.

    Attributes:
        snapshot: The account that was touched.
        accounts: It and the others, oldest first.
        leading: The account whose code and card count.
        knows_others: Whether the snapshot tells of other accounts at all.
    """

    def __init__(self, snapshot: Record, *, alone: bool = False) -> None:
        self.snapshot = snapshot
        others = snapshot.get(SAME_EMAIL)
        self.knows_others = alone or (
            isinstance(others, list) and all(isinstance(other, dict) for other in others)
        )
        if alone or not self.knows_others or not others:
            self.accounts = [snapshot]
        else:
            self.accounts = sorted([snapshot, *others], key=_age)
        self.leading = snapshot if len(self.accounts) == 1 else max(self.accounts, key=_precedence)

    @property
    def anchor(self) -> str | None:
        """The id of the oldest account, by which Klaviyo is to know the person."""
        anchor = self.accounts[0].get("id")
        return anchor if isinstance(anchor, str) and anchor else None

    @property
    def other_ids(self) -> list[str]:
        """The ids of the accounts that are not the anchor."""
        return [
            account["id"] for account in self.accounts[1:] if isinstance(account.get("id"), str)
        ]

    def subscriptions(self) -> Iterator[Record]:
        """All subscriptions, account by account.

        Raises:
            NotReadError: Those of an account were not read.
            UnreadableError: Those of an account are no list of objects.
        """
        for account in self.accounts:
            yield from subscriptions_of(account)

    def holds_a_plan(self) -> bool:
        """Whether any of the accounts holds a plan.

        Raises:
            NotReadError: Subscriptions were not read.
            UnreadableError: Subscriptions cannot be read.
        """
        return any(is_held(subscription) for subscription in self.subscriptions())


def _age(account: Record) -> tuple[str, str]:
    return _text(account, "created_at"), _text(account, "id")


def _precedence(account: Record) -> tuple[bool, bool, str, str, str]:
    """Open before closed, with a held plan before without, then the latest updated."""
    subscriptions = account.get("subscriptions")
    holds_a_plan = isinstance(subscriptions, list) and any(
        isinstance(each, dict) and is_held(each) for each in subscriptions
    )
    return (
        account.get("state") not in CLOSED_STATES,
        holds_a_plan,
        _text(account, "updated_at"),
        *_age(account),
    )


def _text(account: Record, name: str) -> str:
    value = account.get(name)
    return value if isinstance(value, str) else ""
