"""Every touched account as it is now, with its subscriptions and who shares its address.

Touched is an account that has been updated itself, or of which a subscription, an invoice or a
transaction has been: who pays with a new card need not be updated for it. The first run takes all
accounts; so does one run every `account_sweep_hours`, because Recurly does not bump an account's
`updated_at` when only its card changes.

What must be read when, so that a snapshot never lacks a plan and no change is lost:

1. The upper bound H is frozen before anything is read, for accounts and subscriptions alike. What
   changes after H belongs to the next run, whose lower bound is H less the lookback.
2. Lists of a single account or address are read to their open end, in an order in which what
   changes meanwhile is still read.
3. The lists of all subscriptions and of all accounts are read in frozen windows, from which a row
   that changes meanwhile disappears. Their tail, from H less the lookback to the open end, is
   therefore read once more afterwards: all that disappeared is there.
4. Plans are read after H: a subscription to one that is missing is younger, and the next run's.
5. The bookmark becomes H once all rows are out, and not before.

Accounts share an address when it is the same but for case and for spaces, or characters of no
width, around it. Two things only a sweep can tell, for the tap remembers no account: who stays at
an address that another account has left; and, should Recurly mind case or spaces in an address it
is asked for, who has written it with some where the touched account has not (docs/recurly.md:
Lists).

What an increment costs beside a count and the pages of what changed in the four lists: for the
accounts that something of theirs has touched, one request per 200; then for the addresses of
touched accounts and for the subscriptions of all accounts concerned, one request each or one per
200 rows of the whole list, whichever is less; and the plans.
"""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from functools import partial
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typing_extensions import override

from tap_recurly.errors import ForbiddenError, MissingFeatureError, NotFoundError
from tap_recurly.http.queries import ASCENDING, PAGE_SIZE, between
from tap_recurly.schema import SCALARS, array_of, resource_schema
from tap_recurly.streams.base import RecurlyStream
from tap_recurly.streams.snapshot_rows import (
    SAME_EMAIL_ATTRIBUTES,
    SUBSCRIPTION_ATTRIBUTES,
    PlanIntervals,
    address_of,
    only_selected,
)
from tap_recurly.streams.snapshot_store import MAX_SAME_EMAIL, SnapshotStore
from tap_recurly.times import format_time

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import datetime

    from singer_sdk.helpers.types import Context

    from tap_recurly.http.pages import Row
    from tap_recurly.reading.parallel import Window

OLDEST_FIRST = {"sort": "created_at", "order": "asc", "limit": str(PAGE_SIZE)}
"""By `created_at`, no account that changes meanwhile changes its place."""

MIN_OVERLAP = timedelta(seconds=60)
"""How far before H the tail of a list begins at least: Recurly may commit a change up to a gateway
call, that is a minute, after its `updated_at`."""


class AccountSnapshots(RecurlyStream):
    """Accounts with their subscriptions, and with the other accounts that share their address."""

    name = "account_snapshots"
    path = "/accounts"
    resource = "Account"
    reading = "accounts and subscriptions in time windows, joined"

    @classmethod
    @override
    def record_schema(cls) -> dict[str, Any]:
        subscriptions = array_of("Subscription", SUBSCRIPTION_ATTRIBUTES)
        plan = subscriptions["items"]["properties"]["plan"]
        plan["properties"] |= {"interval_unit": SCALARS[str], "interval_length": SCALARS[int]}
        same_email = array_of("Account", SAME_EMAIL_ATTRIBUTES)
        same_email["items"]["properties"]["subscriptions"] = subscriptions
        return resource_schema(
            cls.resource, extra={"subscriptions": subscriptions, "same_email": same_email}
        )

    @override
    def get_records(self, context: Context | None = None) -> Generator[Any, None, None]:
        frozen = self.frozen_window(self.incremental_list(self.path))
        if frozen is None:
            return
        is_first = self.bookmark is None
        sweeps = frozen.begin is None if is_first else self.sweep_due(frozen.end)
        with closing(SnapshotStore()) as store:
            if sweeps:
                self._add_all(store, frozen)
            else:
                self._add_touched(store, frozen)
                self._add_same_email(store, frozen.end)
            yield from self._snapshots(store, frozen.end)
        swept = {"last_sweep": format_time(frozen.end)} if is_first or sweeps else {}
        self.checkpoint(frozen.end, extra=swept)

    @override
    def enrich(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Make snapshots of a few accounts; what has gone meanwhile is no row."""
        with closing(SnapshotStore()) as store:
            store.add_touched(rows)
            self._add_same_email(store)
            yield from self._snapshots(store)

    @property
    def _wants_same_email(self) -> bool:
        """Whether to tell who shares an address; not where nobody is to know the address."""
        return self.wants("same_email") and self.wants("email")

    def _add_all(self, store: SnapshotStore, frozen: Window) -> None:
        """Keep every account of the site."""
        accounts = self.incremental_list(self.path)
        everything = frozen if frozen.begin is None else accounts.freeze_whole(frozen.end)
        store.add_touched(self._listed("accounts", everything))
        if self._wants_same_email:
            store.add_others(self._tail("accounts", frozen.end))

    def _add_touched(self, store: SnapshotStore, frozen: Window) -> None:
        """Keep the accounts that changed since the bookmark, or of which something did."""
        store.add_touched(self._listed("accounts", frozen))
        for path in self._touching:
            changed = self.incremental_list(path)
            rows = changed.rows(changed.freeze(frozen.begin))
            store.touch(filter(None, (row.account_id for row in rows)))
        for accounts in self._site.in_order(self._by_ids, store.unread()):
            store.add_touched(accounts)

    @property
    def _touching(self) -> Iterator[str]:
        """The lists of what touches an account.

        Payments are asked only for what they change of an account, and not at the first read:
        that has begun with `start_date`, and a sweep will find what is older.
        """
        yield "/subscriptions"
        if self.bookmark is None:
            return
        if self.wants("billing_info") or self.wants("has_past_due_invoice"):
            yield "/invoices"
        if self.wants("billing_info"):
            yield "/transactions"

    def _add_same_email(self, store: SnapshotStore, end: datetime | None = None) -> None:
        """Keep the accounts that share an address with touched ones."""
        addresses = store.count_addresses() if self._wants_same_email else 0
        if not addresses:
            return
        whole_list = self._if_cheaper(addresses, "addresses", "accounts", end)
        if whole_list is None:
            for accounts in self._site.in_order(self._at_address_of, store.one_per_address()):
                store.add_others(accounts)
        else:
            store.add_others(self._listed("accounts", whole_list))
            store.add_others(self._tail("accounts", whole_list.end))

    def _add_subscriptions(self, store: SnapshotStore, end: datetime | None) -> None:
        """Keep the subscriptions of all accounts that are kept; who has gone is kept no longer."""
        accounts = store.count_accounts()
        if not accounts:
            return
        plans = self._plan_intervals()
        whole_list = self._if_cheaper(accounts, "accounts", "subscriptions", end)
        if whole_list is None:
            ask = partial(self._subscriptions_of, plans=plans)
            for account_id, subscriptions in self._site.in_order(ask, store.account_ids()):
                if subscriptions is None:
                    store.forget(account_id)
                else:
                    store.add_subscriptions(account_id, subscriptions)
        else:
            listed = self._listed("subscriptions", whole_list)
            store.add_subscription_list(listed, plans.subscription)
            store.add_subscription_list(
                self._tail("subscriptions", whole_list.end), plans.subscription
            )
            if store.ownerless:
                self.logger.warning("Subscriptions that name no account are in no snapshot.")

    def _snapshots(self, store: SnapshotStore, end: datetime | None = None) -> Iterator[Row]:
        """The touched accounts with all that belongs to them."""
        wants_subscriptions = self.wants("subscriptions")
        if wants_subscriptions:
            self._add_subscriptions(store, end)
        self.total = store.count_touched()
        yield from store.snapshots(
            with_subscriptions=wants_subscriptions,
            # What nobody wants of an account is not wanted of another either.
            same_email=only_selected(SAME_EMAIL_ATTRIBUTES, self.wants)
            if self._wants_same_email
            else None,
        )
        if store.crowded:
            self.logger.warning(
                "%d accounts share their e-mail address with more than %d others, of which only "
                "the oldest are told: look for a placeholder among the addresses in Recurly.",
                store.crowded,
                MAX_SAME_EMAIL,
            )

    def _if_cheaper(self, asked: int, what: str, name: str, end: datetime | None) -> Window | None:
        """A whole list up to the end, if that costs less than a request for each asked about.

        Without an end, for a sample, no list is read whole.
        """
        if asked == 1 or end is None:
            return None
        frozen = self.incremental_list(f"/{name}").freeze_whole(end)
        singly = frozen.row_count is not None and asked <= ceil(frozen.row_count / PAGE_SIZE)
        self.logger.info(
            "%d %s to read, %s %s on the site: reading %s %s.",
            asked,
            what,
            "an unknown number of" if frozen.row_count is None else frozen.row_count,
            name,
            name,
            "one by one" if singly else "as one list",
        )
        return None if singly else frozen

    def _listed(self, name: str, frozen: Window) -> Iterator[Row]:
        """The rows of a list in a frozen window."""
        rows = self.incremental_list(f"/{name}").rows(frozen)
        return self.watched(rows, name, lambda: frozen.row_count)

    def _tail(self, name: str, end: datetime) -> Iterator[Row]:
        """What may have left the frozen windows of a list while they were read."""
        overlap = max(self._site.settings.lookback, MIN_OVERLAP)
        return self._site.client.rows(f"/{name}", between(end - overlap, None))

    def _plan_intervals(self) -> PlanIntervals:
        """The intervals of all plans; without them subscriptions are told all the same."""
        try:
            return PlanIntervals(self._site.client.rows("/plans", ASCENDING))
        except (ForbiddenError, MissingFeatureError, NotFoundError) as fault:
            self.logger.warning("Subscriptions come without their plans' intervals: %s", fault)
            return PlanIntervals([])

    def _by_ids(self, account_ids: list[str]) -> list[Row]:
        """Accounts as they are now; Recurly allows no other parameter beside `ids`."""
        return list(self._site.client.rows("/accounts", {"ids": ",".join(account_ids)}))

    def _at_address_of(self, account: Row) -> list[Row]:
        """The oldest accounts with the address of this one, as many as a snapshot tells and some.

        Whether Recurly minds the case of an address shows in whether it finds this account by
        small letters; if not, it is asked for the address as this account has it.
        """
        written, in_small = account.email, address_of(account)
        if in_small is None:
            return []
        found = self._at_address(in_small)
        if written != in_small and account.id not in {row.id for row in found}:
            found += self._at_address(written)
        return found

    def _at_address(self, address: str) -> list[Row]:
        rows = self._site.client.rows("/accounts", {"email": address, **OLDEST_FIRST})
        return list(islice(rows, MAX_SAME_EMAIL + 2))

    def _subscriptions_of(
        self, account_id: str, plans: PlanIntervals
    ) -> tuple[str, list[bytes] | None]:
        """An account's subscriptions; None when it has gone."""
        path = f"/accounts/{quote(account_id, safe='')}/subscriptions"
        try:
            rows = self._site.client.rows(path, ASCENDING)
            return account_id, [plans.subscription(row) for row in rows]
        except NotFoundError:
            return account_id, None
