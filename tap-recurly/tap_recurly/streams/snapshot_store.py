"""Joining accounts with their subscriptions and each other, in a temporary file when they are many.

SQLite keeps a database without a name in memory as far as its small cache goes and beyond that in
a private file, which disappears with the connection: memory stays flat, nothing is left behind.
Rows are packed, for a million accounts and their subscriptions are gigabytes as they come.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import TYPE_CHECKING, Any

from tap_recurly.http.pages import Row
from tap_recurly.http.queries import PAGE_SIZE
from tap_recurly.streams.snapshot_rows import address_of, other_account, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_recurly.schema import Attributes

MAX_SAME_EMAIL = 100
"""Accounts told beside one with the same address. An address that thousands share is a placeholder
and no person's; all of them in the snapshot of each would be millions."""

RAW_DEFLATE = -zlib.MAX_WBITS
"""Without header and checksum, which would be a good part of a small row."""

_SCHEMA = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -16000;  -- 16 MB
    CREATE TABLE account (
        id TEXT UNIQUE, address TEXT, created_at TEXT, updated_at TEXT, is_touched INT, body BLOB
    );
    CREATE TABLE subscription (account_id TEXT, body BLOB);
    BEGIN;
"""

_KEEP = """
    INSERT INTO account SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE {condition}
    ON CONFLICT (id) DO UPDATE SET
        address = excluded.address,
        created_at = excluded.created_at,
        updated_at = excluded.updated_at,
        is_touched = is_touched OR excluded.is_touched,
        body = excluded.body
"""
_OF_KNOWN_ACCOUNT = "EXISTS (SELECT 1 FROM account WHERE id = ?1)"
_AT_KNOWN_ADDRESS = "EXISTS (SELECT 1 FROM account WHERE address = ?2)"


class SnapshotStore:
    """The touched accounts, those that share an address with them, and their subscriptions.

    What is added later replaces what was there of the same account.

    Attributes:
        ownerless: whether subscriptions came that name no account; they are not kept.
        crowded: how many snapshots do not tell all other accounts with their address.
    """

    def __init__(self) -> None:
        self.ownerless = False
        self.crowded = 0
        self._accounts = _Packer()
        self._subscriptions = _Packer()
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def add_touched(self, accounts: Iterable[Row]) -> None:
        """Keep accounts of which there are to be snapshots."""
        self._add(accounts, "TRUE", is_touched=True)

    def add_others(self, accounts: Iterable[Row]) -> None:
        """Keep those of the accounts that are kept already or share an address with one that is."""
        self.index_addresses()
        self._add(accounts, f"{_OF_KNOWN_ACCOUNT} OR {_AT_KNOWN_ADDRESS}", is_touched=False)

    def touch(self, account_ids: Iterable[str]) -> None:
        """Note accounts that must be read because something of theirs has changed."""
        self._database.executemany(
            "INSERT OR IGNORE INTO account (id, is_touched) VALUES (?, TRUE)",
            ((account_id,) for account_id in account_ids),
        )

    def forget(self, account_id: str) -> None:
        """Leave out an account that has gone."""
        self._database.execute("DELETE FROM account WHERE id = ?", (account_id,))

    def unread(self) -> Iterator[list[str]]:
        """The ids of the accounts noted but not kept, as many at once as a request may name."""
        for chunk in self._chunks(
            "SELECT id FROM account WHERE body IS NULL AND id > ? ORDER BY id"
        ):
            yield [account_id for (account_id,) in chunk]

    def account_ids(self) -> Iterator[str]:
        """The ids of the accounts kept; meanwhile they may be forgotten."""
        for chunk in self._chunks(
            "SELECT id FROM account WHERE body IS NOT NULL AND id > ? ORDER BY id"
        ):
            yield from (account_id for (account_id,) in chunk)

    def one_per_address(self) -> Iterator[Row]:
        """A touched account of every address; meanwhile others may be added."""
        for chunk in self._chunks(
            "SELECT address, body FROM account WHERE is_touched AND body IS NOT NULL "
            "AND address > ? GROUP BY address ORDER BY address"
        ):
            yield from (Row(self._accounts.unpack(body)) for _, body in chunk)

    def count_accounts(self) -> int:
        """How many accounts are kept."""
        return self._count("SELECT count(*) FROM account WHERE body IS NOT NULL")

    def count_touched(self) -> int:
        """How many of them are touched."""
        return self._count("SELECT count(*) FROM account WHERE is_touched AND body IS NOT NULL")

    def count_addresses(self) -> int:
        """How many different addresses those have."""
        return self._count("SELECT count(DISTINCT address) FROM account WHERE is_touched")

    def add_subscriptions(self, account_id: str, subscriptions: Iterable[bytes]) -> None:
        """Keep an account's subscriptions, each as a snapshot carries it."""
        self._database.executemany(
            "INSERT INTO subscription VALUES (?, ?)",
            ((account_id, self._subscriptions.pack(body)) for body in subscriptions),
        )

    def add_subscription_list(
        self, subscriptions: Iterable[Row], shorten: Callable[[Row], bytes]
    ) -> None:
        """Keep those subscriptions of a list that belong to an account of this store, shortened."""
        self._database.executemany(
            f"INSERT INTO subscription SELECT ?1, ?2 WHERE {_OF_KNOWN_ACCOUNT}",
            (
                (account_id, self._subscriptions.pack(shorten(row)))
                for row in subscriptions
                if (account_id := self._owner(row))
            ),
        )

    def snapshots(
        self, *, with_subscriptions: bool, same_email: Attributes | None
    ) -> Iterator[Row]:
        """The snapshots of the touched accounts, in order of `updated_at`.

        To be called once, after everything has been added. `same_email` is what is told of accounts
        with the same address; None tells of none.
        """
        self._database.execute("CREATE INDEX by_time ON account (updated_at, id)")
        self._database.execute("CREATE INDEX by_account ON subscription (account_id)")
        self.index_addresses()
        touched = self._database.execute(
            "SELECT id, address, body FROM account INDEXED BY by_time "
            "WHERE is_touched AND body IS NOT NULL ORDER BY updated_at, id"
        )

        subscriptions_of = self._subscriptions_of if with_subscriptions else lambda _: None
        for account_id, address, body in touched:
            others = None
            if same_email is not None:
                others = [
                    other_account(other, same_email, subscriptions_of(other.id))
                    for other in self._others(account_id, address)
                ]
            account = Row(self._accounts.unpack(body))
            yield snapshot(account, subscriptions_of(account_id), others)

    def index_addresses(self) -> None:
        """Make accounts quick to find by their address."""
        self._database.execute(
            "CREATE INDEX IF NOT EXISTS by_address ON account (address, created_at, id) "
            "WHERE address IS NOT NULL"
        )

    def _others(self, account_id: str | None, address: str | None) -> list[Row]:
        """The other accounts with an address, the oldest first."""
        if address is None:
            return []
        bodies = self._database.execute(
            "SELECT body FROM account WHERE address = ? AND id <> ? AND body IS NOT NULL "
            "ORDER BY created_at, id LIMIT ?",
            (address, account_id or "", MAX_SAME_EMAIL + 1),
        ).fetchall()
        self.crowded += len(bodies) > MAX_SAME_EMAIL
        return [Row(self._accounts.unpack(body)) for (body,) in bodies[:MAX_SAME_EMAIL]]

    def _subscriptions_of(self, account_id: str | None) -> list[bytes]:
        """An account's subscriptions in the order in which they were added."""
        rows = self._database.execute(
            "SELECT body FROM subscription WHERE account_id = ? ORDER BY rowid", (account_id,)
        )
        return [self._subscriptions.unpack(body) for (body,) in rows]

    def _add(self, accounts: Iterable[Row], condition: str, *, is_touched: bool) -> None:
        self._database.executemany(
            _KEEP.format(condition=condition),
            (
                (
                    account.id,
                    address_of(account),
                    account.created_at,
                    account.updated_at,
                    is_touched,
                    self._accounts.pack(account.line),
                )
                for account in accounts
            ),
        )

    def _owner(self, subscription: Row) -> str:
        self.ownerless = self.ownerless or not subscription.account_id
        return subscription.account_id

    def _chunks(self, query: str) -> Iterator[list[Any]]:
        """What a query gives, ordered by its first column, which begins after its parameter."""
        last = ""
        while chunk := self._database.execute(f"{query} LIMIT {PAGE_SIZE}", (last,)).fetchall():
            yield chunk
            last = chunk[-1][0]

    def _count(self, query: str) -> int:
        (count,) = self._database.execute(query).fetchone()
        return int(count)


class _Packer:
    """Packs rows that resemble one another: the first is the dictionary of all the others."""

    def __init__(self) -> None:
        self._dictionary = b""

    def pack(self, row: bytes) -> bytes:
        """A row in an eighth of its room, if all goes well."""
        self._dictionary = self._dictionary or row
        packer = zlib.compressobj(zlib.Z_BEST_SPEED, wbits=RAW_DEFLATE, zdict=self._dictionary)
        return packer.compress(row) + packer.flush()

    def unpack(self, packed: bytes) -> bytes:
        """The row again."""
        return zlib.decompressobj(RAW_DEFLATE, self._dictionary).decompress(packed)
