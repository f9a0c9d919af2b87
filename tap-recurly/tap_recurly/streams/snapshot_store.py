"""Joining accounts with their subscriptions, in a temporary file when they are many.

SQLite keeps a database without a name in memory as far as its small cache goes and beyond that in
a private file, which disappears with the connection: memory stays flat, nothing is left behind.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from math import ceil
from typing import TYPE_CHECKING, Any

import msgspec

from tap_recurly.http.pages import Row
from tap_recurly.http.queries import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self

SUBSCRIPTION_ATTRIBUTES = (
    "id",
    "uuid",
    "plan",
    "state",
    "quantity",
    "unit_amount",
    "subtotal",
    "total",
    "currency",
    "current_period_started_at",
    "current_period_ends_at",
    "trial_started_at",
    "trial_ends_at",
    "activated_at",
    "canceled_at",
    "expires_at",
    "paused_at",
    "created_at",
    "updated_at",
)
"""What a snapshot tells of each subscription."""


def reads_per_account(accounts: int, subscriptions: int | None) -> bool:
    """Whether one request per account costs fewer requests than the list of all subscriptions."""
    return subscriptions is not None and accounts <= ceil(subscriptions / PAGE_SIZE)


class _Account(msgspec.Struct):
    id: Any = None


class _Subscription(msgspec.Struct):
    """What joins and orders subscriptions; any of it may be absent, null or something else."""

    id: Any = None
    account: _Account | str | float | bool | list[Any] | None = None
    created_at: Any = None
    updated_at: Any = None

    @property
    def version(self) -> str:
        """The later, the greater."""
        return str(self.updated_at or "")

    @property
    def age(self) -> tuple[str, str]:
        """The older, the smaller."""
        return str(self.created_at or ""), str(self.id)


_NULL = msgspec.Raw(b"null")
_SUBSCRIPTIONS = msgspec.json.Decoder(_Subscription)
_IN_SHORT = msgspec.json.Decoder(
    msgspec.defstruct("_InShort", [(name, msgspec.Raw, _NULL) for name in SUBSCRIPTION_ATTRIBUTES])
)


def in_short(subscription: Row) -> bytes:
    """A subscription as a snapshot carries it, in JSON."""
    return msgspec.json.encode(_IN_SHORT.decode(subscription.line))


def owner(subscription: Row) -> str | None:
    """The id of a subscription's account, None when it names none."""
    account = _SUBSCRIPTIONS.decode(subscription.line).account
    return account.id if isinstance(account, _Account) and isinstance(account.id, str) else None


def snapshot(account: Row, subscriptions: Iterable[bytes]) -> Row:
    """An account as it is now together with its subscriptions, oldest first, each once.

    Of several versions of a subscription the latest by `updated_at` counts, of equals the last.
    """
    latest: dict[Any, tuple[_Subscription, bytes]] = {}
    for body in subscriptions:
        subscription = _SUBSCRIPTIONS.decode(body)
        known = latest.get(subscription.id)
        if known is None or known[0].version <= subscription.version:
            latest[subscription.id] = subscription, body
    ordered = sorted(latest.values(), key=lambda one: one[0].age)
    joined = b'"subscriptions":[%s]}' % b",".join(body for _, body in ordered)
    own = account.line.removesuffix(b"}")
    return Row(own + (joined if own == b"{" else b"," + joined))


class SnapshotStore:
    """The touched accounts and their subscriptions while both lists are being read.

    Attributes:
        ownerless: whether subscriptions came that name no account; they are not kept.
    """

    def __init__(self) -> None:
        self.ownerless = False
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            PRAGMA cache_size = -16000;  -- 16 MB
            CREATE TABLE account (id TEXT PRIMARY KEY, updated_at TEXT, body BLOB) WITHOUT ROWID;
            CREATE TABLE subscription (account_id TEXT, body BLOB);
            BEGIN;
            """
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()

    def add_accounts(self, accounts: Iterable[Row]) -> None:
        """Keep accounts as they are now."""
        self._database.executemany(
            "INSERT OR REPLACE INTO account VALUES (?, ?, ?)",
            (
                (account.id, account.updated_at, account.line)
                for account in accounts
                if account.id is not None
            ),
        )

    def touch(self, account_ids: Iterable[str]) -> None:
        """Note accounts that must be read because a subscription of theirs has changed."""
        self._database.executemany(
            "INSERT OR IGNORE INTO account VALUES (?, NULL, NULL)",
            ((account_id,) for account_id in account_ids),
        )

    def touched(self) -> int:
        """How many accounts are kept or noted."""
        (count,) = self._database.execute("SELECT count(*) FROM account").fetchone()
        return int(count)

    def unread(self) -> Iterator[list[str]]:
        """The ids of the accounts noted but not kept, as many at once as a request may name."""
        last = ""
        while chunk := [
            account_id
            for (account_id,) in self._database.execute(
                "SELECT id FROM account WHERE body IS NULL AND id > ? ORDER BY id LIMIT ?",
                (last, PAGE_SIZE),
            )
        ]:
            yield chunk
            last = chunk[-1]

    def add_subscriptions(self, subscriptions: Iterable[Row], *, of_touched_only: bool) -> None:
        """Keep subscriptions in short, of all accounts or only of those kept or noted."""
        condition = "WHERE EXISTS (SELECT 1 FROM account WHERE id = ?1)" if of_touched_only else ""
        self._database.executemany(
            f"INSERT INTO subscription SELECT ?1, ?2 {condition}",
            self._owned(subscriptions),
        )

    def _owned(self, subscriptions: Iterable[Row]) -> Iterator[tuple[str, bytes]]:
        for subscription in subscriptions:
            if account_id := owner(subscription):
                yield account_id, in_short(subscription)
            else:
                self.ownerless = True

    def index(self) -> None:
        """Make `subscriptions_of` quick; to be called once, after all have been added."""
        self._database.execute("CREATE INDEX by_account ON subscription (account_id)")

    def accounts(self) -> Iterator[Row]:
        """The accounts kept, in order of `updated_at`."""
        with closing(
            self._database.execute(
                "SELECT body FROM account WHERE body IS NOT NULL ORDER BY updated_at, id"
            )
        ) as rows:
            for (body,) in rows:
                yield Row(body)

    def subscriptions_of(self, account_id: str) -> list[bytes]:
        """An account's subscriptions as they were added."""
        rows = self._database.execute(
            "SELECT body FROM subscription WHERE account_id = ? ORDER BY rowid", (account_id,)
        )
        return [body for (body,) in rows]
