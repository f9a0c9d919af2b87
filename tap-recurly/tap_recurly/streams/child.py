"""Lists of which every parent has its own, as every account has notes: one request per parent.

A run asks the parents that changed since the bookmark, several at once. Recurly does not promise
that a parent's `updated_at` moves when one of its children changes, so every `account_sweep_hours`
all parents are asked, whatever their times; so they are at the first read.

The bookmark is a moment of the parents' `updated_at`: all that changed up to then have been asked.
A sweep is a read from the beginning again, and so is its bookmark: a sweep that was stopped goes
on from there, and `sweep_began` beside the bookmark tells so.
"""

from __future__ import annotations

from contextlib import closing
from functools import cached_property
from itertools import chain, islice, starmap
from math import ceil
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from typing_extensions import override

from tap_recurly.errors import NotFoundError
from tap_recurly.http.pages import as_lines, rows_in
from tap_recurly.http.queries import ASCENDING, NEWEST_FIRST, NO_PARAMS, PAGE_SIZE
from tap_recurly.reading.buffers import Allowance, PageBuffer
from tap_recurly.reading.lists import FullList
from tap_recurly.schema import resource_schema
from tap_recurly.streams.base import RecurlyStream
from tap_recurly.times import format_time, time_or_none

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Context, Record

    from tap_recurly.reading.lists import BoundedList
    from tap_recurly.reading.parallel import Window

MAX_SAMPLE_PARENTS = 20
"""Parents that `--test` asks at most before it takes a list for empty."""

MAX_CHILDREN_IN_MEMORY_BYTES = 1 << 18
"""Most parents have a page or less; what is longer waits in an unnamed temporary file."""

Owner = dict[str, str]
"""Whose list it is: the ids in its path, which its records carry too."""


class ChildStream(RecurlyStream):
    """A list of every parent; deselected until somebody wants it, for what it costs.

    Its `path` tells whose list it is: that of `/accounts/{account_id}/notes` are the `/accounts`.
    """

    selected_by_default = False
    parents: ClassVar[str]
    parent_params: ClassVar[Mapping[str, str]] = ASCENDING
    parent_key: ClassVar[str]
    in_order_of_time: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "path" in vars(cls):
            cls.parents, _, rest = cls.path.partition("/{")
            cls.parent_key = rest.partition("}")[0]
            cls.reading = f"per {cls.parent_key.removesuffix('_id').replace('_', ' ')}"

    @classmethod
    @override
    def record_schema(cls) -> dict[str, Any]:
        of_path = [name for _, name, _, _ in Formatter().parse(cls.path) if name]
        return resource_schema(cls.resource, keys=[*dict.fromkeys([*of_path, *cls.primary_keys])])

    @override
    def get_records(self, context: Context | None = None) -> Generator[Record, None, None]:
        parents = self.parent_list()
        changed = self.frozen_window(parents)
        if changed is None:
            return
        due, sweep = self._due(parents, changed)
        progress = {"sweep_began": sweep} if sweep else {}
        self._tell_cost(due.row_count)
        with closing(parents.rows(due)) as rows:
            for parent, children in self._with_children(row.record for row in rows):
                yield from children
                moment = time_or_none(parent.get("updated_at"))
                if self.in_order_of_time and moment is not None:
                    self.checkpoint(moment, extra=progress)
        self.stream_state.pop("sweep_began", None)
        self.checkpoint(due.end, extra={"last_sweep": sweep} if sweep else {})

    def owners(self, parent: Record) -> Iterable[Owner]:
        """The lists that a parent has; none costs no request."""
        return [{self.parent_key: parent["id"]}] if parent.get("id") else []

    def page_lines(self, path: str) -> Iterator[bytes]:
        """One list, page by page, as lines of JSON."""
        for page in self._site.client.pages(path, self.params):
            yield page.lines

    def child_record(self, row: Record, owner: Owner) -> Record:
        """A row as its record, which carries its owner's id."""
        return {**row, **owner}

    def parent_list(self) -> BoundedList:
        """The list of all parents."""
        return self.incremental_list(self.parents, connections=1)

    @override
    def size(self) -> None:
        next(self._sample(1), None)

    @override
    def _sample(self, parents: int = MAX_SAMPLE_PARENTS) -> Generator[Record, None, None]:
        limit = {"limit": str(parents)} if "limit" in self.parent_params else {}
        page = next(self._site.client.pages(self.parents, {**self.parent_params, **limit}))
        listed = islice((row.record for row in page.rows()), parents)
        for owner in chain.from_iterable(map(self.owners, listed)):
            try:
                lines = next(self.page_lines(self._path_of(owner)), b"")
            except NotFoundError:
                continue
            yield from (self.child_record(row.record, owner) for row in rows_in(lines))

    def _tell_cost(self, parents: int | None) -> None:
        """What this run of the stream costs, before it begins."""
        per_minute = self._site.client.limiter.request_rate().per_minute
        if parents and per_minute and parents > per_minute:
            self.logger.info(
                "%s: at least %d requests, one for each of %s, %d minutes or more; deselect the "
                "stream to save them.",
                self.name,
                parents,
                self.parents,
                ceil(parents / per_minute),
            )

    def _due(self, parents: BoundedList, changed: Window) -> tuple[Window, str | None]:
        """The parents this run asks, and when the sweep began that it is part of, if it is."""
        now = format_time(changed.end)
        if self.bookmark is None:
            return changed, now
        began: str | None = self.stream_state.get("sweep_began")
        if began is None and self.sweep_due(changed.end):
            return parents.freeze_whole(changed.end), now
        return changed, began

    def _with_children(
        self, parents: Iterable[Record]
    ) -> Iterator[tuple[Record, Iterator[Record]]]:
        """Every parent with its children."""
        for parent, lists in self._site.in_order(self._fetch_lists, parents):
            yield parent, chain.from_iterable(starmap(self._children, lists))

    def _fetch_lists(self, parent: Record) -> tuple[Record, list[tuple[Owner, PageBuffer]]]:
        return parent, [(owner, self._fetch(owner)) for owner in self.owners(parent)]

    def _fetch(self, owner: Owner) -> PageBuffer:
        """One parent's list; nothing when the parent has gone since it was listed."""
        waiting = PageBuffer(self._allowance)
        pages = self.page_lines(self._path_of(owner))
        try:
            first = next(pages, b"")
        except NotFoundError:
            return waiting
        for lines in chain([first], pages):
            waiting.put(lines)
        return waiting

    def _children(self, owner: Owner, waiting: PageBuffer) -> Iterator[Record]:
        """The rows of one parent's list as records."""
        while waiting:
            for row in rows_in(waiting.take()):
                yield self.child_record(row.record, owner)
        waiting.discard()

    @cached_property
    def _allowance(self) -> Allowance:
        """What lists that were read ahead may take of the memory, all of them together."""
        return Allowance(MAX_CHILDREN_IN_MEMORY_BYTES)

    def _path_of(self, owner: Owner) -> str:
        return self.path.format_map({key: quote(value, safe="") for key, value in owner.items()})


class UnfilteredChildStream(ChildStream):
    """The parents' own list cannot be filtered by time: it is read whole, to see what changed."""

    parent_params = NEWEST_FIRST
    in_order_of_time = False

    @override
    def parent_list(self) -> BoundedList:
        return FullList(self._site.client, self.parents, self.parent_params)


class AccountBalances(ChildStream):
    """What an account owes and is owed now; no time tells when that changed, so all are asked."""

    name = "account_balances"
    path = "/accounts/{account_id}/balance"
    resource = "AccountBalance"
    primary_keys = ("account_id",)
    replication_key = None

    @override
    def page_lines(self, path: str) -> Iterator[bytes]:
        yield as_lines([self._site.client.document(path)])


class AccountNotes(ChildStream):
    """What the merchant's people wrote down about a customer; a note never changes."""

    name = "account_notes"
    path = "/accounts/{account_id}/notes"
    resource = "AccountNote"
    vanishes = True
    params = NO_PARAMS
    replication_key = "created_at"


class BillingInfos(ChildStream):
    """All of an account's payment methods; `accounts` carries the primary one."""

    name = "billing_infos"
    path = "/accounts/{account_id}/billing_infos"
    resource = "BillingInfo"
    vanishes = True
    params = NEWEST_FIRST


class CouponRedemptions(ChildStream):
    """All redemptions, of accounts and of their subscriptions, active or not."""

    name = "coupon_redemptions"
    path = "/accounts/{account_id}/coupon_redemptions"
    resource = "CouponRedemption"
    params = NEWEST_FIRST


class Entitlements(ChildStream):
    """What customers may use, granted by their active and canceled subscriptions."""

    name = "entitlements"
    path = "/accounts/{account_id}/entitlements"
    resource = "Entitlement"
    vanishes = True
    params = NO_PARAMS
    primary_keys = ("account_id", "customer_permission_id")

    @override
    def child_record(self, row: Record, owner: Owner) -> Record:
        permission = (row.get("customer_permission") or {}).get("id") or ""
        return super().child_record(row, owner) | {"customer_permission_id": permission}


class ExternalAccounts(ChildStream):
    """Who a customer is in the app stores."""

    name = "external_accounts"
    path = "/accounts/{account_id}/external_accounts"
    resource = "ExternalAccount"
    vanishes = True
    params = NO_PARAMS


class ShippingAddresses(ChildStream):
    """Where goods are sent, as `accounts` carries it too."""

    name = "shipping_addresses"
    path = "/accounts/{account_id}/shipping_addresses"
    resource = "ShippingAddress"
    vanishes = True


class InvoiceCouponRedemptions(ChildStream):
    """Which redemptions an invoice was discounted by."""

    name = "invoice_coupon_redemptions"
    path = "/invoices/{invoice_id}/coupon_redemptions"
    resource = "CouponRedemption"
    params = NEWEST_FIRST
    primary_keys = ("invoice_id", "id")


class UniqueCouponCodes(ChildStream):
    """The single codes of bulk coupons, redeemed or not."""

    name = "unique_coupon_codes"
    path = "/coupons/{coupon_id}/unique_coupon_codes"
    resource = "UniqueCouponCode"

    @override
    def owners(self, parent: Record) -> Iterable[Owner]:
        return [] if parent.get("coupon_type") == "single_code" else super().owners(parent)


class Usage(ChildStream):
    """What was used of each usage-based add-on of a subscription, billed or not."""

    name = "usage"
    path = "/subscriptions/{subscription_id}/add_ons/{add_on_id}/usage"
    resource = "Usage"
    vanishes = True
    # Without `billing_status` Recurly leaves out what has been billed; `usage_timestamp` can lie
    # in the past, so a record that comes in meanwhile would stand behind the cursor.
    params: ClassVar[Mapping[str, str]] = {
        "sort": "recorded_timestamp",
        "order": "asc",
        "limit": str(PAGE_SIZE),
        "billing_status": "all",
    }

    @override
    def owners(self, parent: Record) -> Iterable[Owner]:
        for subscribed in filter(None, parent.get("add_ons") or []):
            add_on = subscribed.get("add_on") or {}
            if add_on.get("id") and add_on.get("add_on_type") != "fixed":
                yield {"subscription_id": parent["id"], "add_on_id": add_on["id"]}


class ExternalProductReferences(UnfilteredChildStream):
    """What an external product is called in each app store."""

    name = "external_product_references"
    path = "/external_products/{external_product_id}/external_product_references"
    resource = "ExternalProductReferenceMini"
    vanishes = True
    params = NEWEST_FIRST


class ExternalPaymentPhases(UnfilteredChildStream):
    """Trials and introductory offers of app store subscriptions."""

    name = "external_payment_phases"
    path = "/external_subscriptions/{external_subscription_id}/external_payment_phases"
    resource = "ExternalPaymentPhase"
