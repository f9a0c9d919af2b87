"""Joining accounts with their subscriptions, in a temporary file when they are many.

SQLite keeps a database without a name in memory as far as its small cache goes and beyond that in
a private file, which disappears with the connection: memory stays flat, nothing is left behind.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from math import ceil
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self

PAGE_SIZE = 200
"""Rows of a list page, and accounts that one `ids` request may name."""

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


def in_short(subscription: dict[str, Any]) -> dict[str, Any]:
    """A subscription as a snapshot carries it."""
    return {name: subscription.get(name) for name in SUBSCRIPTION_ATTRIBUTES}


def snapshot(account: dict[str, Any], subscriptions: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """An account as it is now together with its subscriptions, oldest first, each once.

    Of several versions of a subscription the latest by `updated_at` counts, of equals the last.
    """
    latest: dict[str, dict[str, Any]] = {}
    for subscription in subscriptions:
        known = latest.get(subscription["id"])
        if known is None or _moment(known, "updated_at") <= _moment(subscription, "updated_at"):
            latest[subscription["id"]] = subscription
    ordered = sorted(latest.values(), key=lambda one: (_moment(one, "created_at"), one["id"]))
    return {**account, "subscriptions": ordered}


def _moment(record: dict[str, Any], name: str) -> str:
    return record.get(name) or ""


class SnapshotStore:
    """The touched accounts and their subscriptions while both lists are being read."""

    def __init__(self) -> None:
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

    def add_accounts(self, accounts: Iterable[dict[str, Any]]) -> None:
        """Keep accounts as they are now."""
        self._database.executemany(
            "INSERT OR REPLACE INTO account VALUES (?, ?, ?)",
            (
                (account["id"], _moment(account, "updated_at"), orjson.dumps(account))
                for account in accounts
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
        """The ids of the accounts that are noted but not kept, in portions for one request."""
        last = ""
        while portion := [
            account_id
            for (account_id,) in self._database.execute(
                "SELECT id FROM account WHERE body IS NULL AND id > ? ORDER BY id LIMIT ?",
                (last, PAGE_SIZE),
            )
        ]:
            yield portion
            last = portion[-1]

    def add_subscriptions(
        self, subscriptions: Iterable[dict[str, Any]], *, of_touched_only: bool
    ) -> None:
        """Keep subscriptions in short, of all accounts or only of those kept or noted."""
        condition = "WHERE EXISTS (SELECT 1 FROM account WHERE id = ?1)" if of_touched_only else ""
        self._database.executemany(
            f"INSERT INTO subscription SELECT ?1, ?2 {condition}",
            (
                (subscription["account"]["id"], orjson.dumps(in_short(subscription)))
                for subscription in subscriptions
                if subscription.get("account")
            ),
        )

    def index(self) -> None:
        """Make `subscriptions_of` quick; to be called once, after all have been added."""
        self._database.execute("CREATE INDEX by_account ON subscription (account_id)")

    def accounts(self) -> Iterator[dict[str, Any]]:
        """The accounts kept, in order of `updated_at`."""
        with closing(
            self._database.execute(
                "SELECT body FROM account WHERE body IS NOT NULL ORDER BY updated_at, id"
            )
        ) as rows:
            for (body,) in rows:
                yield orjson.loads(body)

    def subscriptions_of(self, account_id: str) -> list[dict[str, Any]]:
        """An account's subscriptions as they were added."""
        rows = self._database.execute(
            "SELECT body FROM subscription WHERE account_id = ? ORDER BY rowid", (account_id,)
        )
        return [orjson.loads(body) for (body,) in rows]
