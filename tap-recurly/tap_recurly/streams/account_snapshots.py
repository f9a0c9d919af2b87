"""Every touched account as it is now, together with its subscriptions.

Touched is an account that has been updated itself or has a subscription that has been. The first
run takes all accounts; so does one run every `account_sweep_hours`, because Recurly does not bump
an account's `updated_at` when only its card changes.

What must be read when, so that a snapshot never lacks a plan and no change is lost:

1. The upper bound H is frozen before anything is read, for accounts and subscriptions alike. What
   changes after H belongs to the next run, whose lower bound is H less the lookback.
2. Subscriptions of single accounts are read to the open end of their list, and ascending: one
   that changes meanwhile moves ahead of the cursor and is still read.
3. The list of all subscriptions is read in frozen windows, from which a subscription that changes
   meanwhile disappears. Its tail, from H less the lookback to the open end, is therefore read
   once more afterwards: all that disappeared is there.
4. The bookmark becomes H once all rows are out, and not before.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typing_extensions import override

from tap_recurly.errors import NotFoundError
from tap_recurly.http.queries import ASCENDING, PAGE_SIZE, between
from tap_recurly.reading.lists import Window
from tap_recurly.schema import array_of, resource_schema
from tap_recurly.streams.base import RecurlyStream
from tap_recurly.streams.snapshot_store import (
    SUBSCRIPTION_ATTRIBUTES,
    SnapshotStore,
    in_short,
    owner,
    reads_per_account,
    snapshot,
)
from tap_recurly.times import format_time

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from datetime import datetime

    from singer_sdk.helpers.types import Context

    from tap_recurly.http.pages import Row
    from tap_recurly.reading.lists import IncrementalList

MIN_OVERLAP = timedelta(seconds=60)
"""How far before H the tail of the subscriptions begins at least: Recurly may commit a change up
to a gateway call, that is a minute, after its `updated_at`."""


class AccountSnapshots(RecurlyStream):
    """Accounts with their subscriptions: all that a customer's profile needs in one record."""

    name = "account_snapshots"
    path = "/accounts"
    resource = "Account"
    reading = "accounts and subscriptions in time windows, joined"
    _total: int | None = None

    @classmethod
    @override
    def record_schema(cls) -> dict[str, Any]:
        subscriptions = array_of("Subscription", SUBSCRIPTION_ATTRIBUTES)
        return resource_schema(cls.resource, extra={"subscriptions": subscriptions})

    @override
    def get_records(self, context: Context | None = None) -> Generator[Any, None, None]:
        frozen = self.frozen_window(self._accounts)
        if frozen is None:
            return
        is_first = self.bookmark is None
        sweeps = frozen.begin is None if is_first else self.sweep_due(frozen.end)
        with SnapshotStore() as store:
            yield from self._all(store, frozen) if sweeps else self._touched(store, frozen)
        swept = {"last_sweep": format_time(frozen.end)} if is_first or sweeps else {}
        self.checkpoint(frozen.end, extra=swept)

    @override
    def enrich(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Add the subscriptions, account by account; what has gone meanwhile is no row."""
        if not self.wants("subscriptions"):
            yield from rows
            return
        while chunk := list(islice(rows, PAGE_SIZE)):
            found = self._site.in_order(self._subscriptions_of, chunk)
            for account, subscriptions in zip(chunk, found, strict=True):
                if subscriptions is not None:
                    yield snapshot(account, subscriptions)

    @property
    @override
    def total(self) -> int | None:
        return self._total

    @property
    def _accounts(self) -> IncrementalList:
        return self.incremental_list("/accounts")

    @property
    def _subscriptions(self) -> IncrementalList:
        return self.incremental_list("/subscriptions")

    def _all(self, store: SnapshotStore, frozen: Window) -> Iterator[Row]:
        """Every account of the site, straight from the list."""
        everything = Window(None, frozen.end, frozen.row_count)
        if frozen.begin is not None:
            everything = self._until(self._accounts.freeze(None), frozen.end)
        self._total = everything.row_count
        if not self.wants("subscriptions"):
            yield from self._accounts.read(everything).rows()
            return
        subscriptions = self._until(self._subscriptions.freeze(None), frozen.end)
        accounts = self._accounts.read(everything)
        if self._reads_per_account(everything.row_count or 0, subscriptions.row_count):
            yield from self.enrich(accounts.rows())
        else:
            accounts.prefetch()
            self._load_subscriptions(store, subscriptions, of_touched_only=False)
            yield from _joined(store, accounts.rows())

    def _touched(self, store: SnapshotStore, frozen: Window) -> Iterator[Row]:
        """The accounts that changed since the bookmark, or whose subscriptions did."""
        store.add_accounts(self._accounts.read(frozen).rows())
        changed = self._until(self._subscriptions.freeze(frozen.begin), frozen.end)
        store.touch(filter(None, map(owner, self._subscriptions.read(changed).rows())))
        for accounts in self._site.in_order(self._by_ids, store.unread()):
            store.add_accounts(accounts)
        self._total = touched = store.touched()
        if not touched or not self.wants("subscriptions"):
            yield from store.accounts()
            return
        subscriptions = self._until(self._subscriptions.freeze(None), frozen.end)
        if self._reads_per_account(touched, subscriptions.row_count):
            yield from self.enrich(store.accounts())
        else:
            self._load_subscriptions(store, subscriptions, of_touched_only=True)
            yield from _joined(store, store.accounts())

    def _reads_per_account(self, accounts: int, subscriptions: int | None) -> bool:
        per_account = reads_per_account(accounts, subscriptions)
        self.log(
            "%d accounts to read, %s subscriptions on the site: reading subscriptions %s.",
            accounts,
            "an unknown number of" if subscriptions is None else subscriptions,
            "account by account" if per_account else "as one list",
        )
        return per_account

    def _load_subscriptions(
        self, store: SnapshotStore, frozen: Window, *, of_touched_only: bool
    ) -> None:
        rows = self.watched(
            self._subscriptions.read(frozen).rows(), "subscriptions", lambda: frozen.row_count
        )
        store.add_subscriptions(rows, of_touched_only=of_touched_only)
        overlap = max(self._site.settings.lookback, MIN_OVERLAP)
        tail = self._site.client.rows("/subscriptions", between(frozen.end - overlap, None))
        store.add_subscriptions(tail, of_touched_only=of_touched_only)
        if store.ownerless:
            self.logger.warning("Subscriptions that name no account are in no snapshot.")
        store.index()

    def _by_ids(self, account_ids: list[str]) -> list[Row]:
        """Accounts as they are now; Recurly allows no other parameter beside `ids`."""
        return list(self._site.client.rows("/accounts", {"ids": ",".join(account_ids)}))

    def _subscriptions_of(self, account: Row) -> list[bytes] | None:
        if not isinstance(account.id, str):
            return []
        path = f"/accounts/{quote(account.id, safe='')}/subscriptions"
        try:
            return [in_short(one) for one in self._site.client.rows(path, ASCENDING)]
        except NotFoundError:
            return None

    @staticmethod
    def _until(window: Window, end: datetime) -> Window:
        """A window whose end is the run's one frozen moment; the count says how much to cut."""
        return Window(window.begin, end, window.row_count)


def _joined(store: SnapshotStore, accounts: Iterable[Row]) -> Iterator[Row]:
    for account in accounts:
        yield snapshot(account, store.subscriptions_of(account.id))
