"""Lists of which every parent has its own, as every account has notes: one request per parent.

A run asks the parents that changed since the bookmark, several at once. Recurly does not promise
that a parent's `updated_at` moves when one of its children changes, so every `account_sweep_hours`
all parents are asked, whatever their times; so they are at the first read.

The bookmark is a moment of the parents' `updated_at`: all that changed up to then have been asked.
A sweep is a read from the beginning again, and so is its bookmark: a sweep that was stopped goes
on from there, and `sweep_began` beside the bookmark tells so.
"""

from __future__ import annotations

from itertools import chain
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from typing_extensions import override

from tap_recurly.connections import in_order
from tap_recurly.errors import NotFoundError
from tap_recurly.queries import ASCENDING, NEWEST_FIRST
from tap_recurly.rows import rows_in
from tap_recurly.schema import resource_schema
from tap_recurly.spool import Spool
from tap_recurly.streams.base import RecurlyStream
from tap_recurly.unfiltered import UnfilteredList
from tap_recurly.windows import Window, format_time, time_or_none

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Context, Record

    from tap_recurly.frozen import BoundedList

SAMPLE_PARENTS = 20
"""Parents that `--test` asks at most before it takes a list for empty."""

Owner = dict[str, str]
"""Whose list it is: the ids in its path, which its records carry too."""


class PerParentStream(RecurlyStream):
    """A list of every parent; deselected until somebody wants it, for what it costs."""

    selected_by_default = False
    parents: ClassVar[str]
    parent_params: ClassVar[Mapping[str, str]] = ASCENDING
    parent_key: ClassVar[str]
    in_order_of_time: ClassVar[bool] = True

    @classmethod
    @override
    def record_schema(cls) -> dict[str, Any]:
        of_path = [name for _, name, _, _ in Formatter().parse(cls.path) if name]
        return resource_schema(cls.resource, keys=[*dict.fromkeys([*of_path, *cls.primary_keys])])

    @override
    def get_records(self, context: Context | None = None) -> Generator[Record, None, None]:
        parents = self.parent_list()
        changed = self.freeze(parents)
        if changed is None:
            return
        due, sweep = self._due(parents, changed)
        progress = {"sweep_began": sweep} if sweep else {}
        for part in parents.read(due):
            for parent, children in self._asked(part.records):
                yield from children
                moment = time_or_none(parent.get("updated_at"))
                if self.in_order_of_time and moment is not None:
                    self.checkpoint(moment, extra=progress)
            self.checkpoint(part.reached or due.end, extra=progress)
        if sweep:
            self.stream_state.pop("sweep_began", None)
            self.checkpoint(due.end, extra={"last_sweep": sweep})

    def owners(self, parent: Record) -> Iterable[Owner]:
        """The lists that a parent has; none costs no request."""
        return [{self.parent_key: parent["id"]}] if parent.get("id") else []

    def pages(self, path: str) -> Iterator[bytes]:
        """One list, page by page, as lines of JSON."""
        for page in self._site.client.pages(path, self.params):
            yield page.lines

    def child(self, row: Record, owner: Owner) -> Record:
        """A row as its record, which carries its owner's id."""
        return {**row, **owner}

    def parent_list(self) -> BoundedList:
        """The list of all parents."""
        return self.frozen_list(self.parents, in_one=True)

    @override
    def size(self) -> None:
        next(self._sample(1), None)

    @override
    def _sample(self, parents: int = SAMPLE_PARENTS) -> Generator[Record, None, None]:
        limit = {"limit": str(parents)} if "limit" in self.parent_params else {}
        page = self._site.client.first_page(self.parents, {**self.parent_params, **limit})
        for owner in chain.from_iterable(map(self.owners, page[:parents])):
            try:
                lines = next(self.pages(self._path_of(owner)), b"")
            except NotFoundError:
                continue
            yield from (self.child(row.record, owner) for row in rows_in(lines))

    def _due(self, parents: BoundedList, changed: Window) -> tuple[Window, str | None]:
        """The parents this run asks, and when the sweep began that it is part of, if it is."""
        now = format_time(changed.end)
        if self.bookmark is None:
            return changed, now
        began: str | None = self.stream_state.get("sweep_began")
        if began is None and self.sweep_due(changed.end):
            return Window(None, changed.end, parents.freeze(None).row_count), now
        return changed, began

    def _asked(self, parents: Iterator[Record]) -> Iterator[tuple[Record, Iterator[Record]]]:
        """Every parent with its children."""
        connections = self._site.settings.concurrency
        for parent, lists in in_order(self._ask, parents, connections=connections):
            yield (
                parent,
                (self.child(row, owner) for owner, spool in lists for row in spool.records()),
            )

    def _ask(self, parent: Record) -> tuple[Record, list[tuple[Owner, Spool]]]:
        return parent, [
            (owner, spool)
            for owner in self.owners(parent)
            if (spool := self._read(owner)) is not None
        ]

    def _read(self, owner: Owner) -> Spool | None:
        """One parent's list; None when the parent has gone since it was listed."""
        pages = self.pages(self._path_of(owner))
        try:
            first = next(pages, b"")
        except NotFoundError:
            return None
        return Spool(chain([first], pages))

    def _path_of(self, owner: Owner) -> str:
        return self.path.format_map({key: quote(value, safe="") for key, value in owner.items()})


class PerAccount(PerParentStream):
    """A list of every account."""

    parents = "/accounts"
    parent_key = "account_id"
    reading = "per account"


class PerInvoice(PerParentStream):
    """A list of every invoice."""

    parents = "/invoices"
    parent_key = "invoice_id"
    reading = "per invoice"


class PerSubscription(PerParentStream):
    """A list of every subscription."""

    parents = "/subscriptions"
    parent_key = "subscription_id"
    reading = "per subscription"


class PerCoupon(PerParentStream):
    """A list of every coupon."""

    parents = "/coupons"
    parent_key = "coupon_id"
    reading = "per coupon"


class PerWholeParent(PerParentStream):
    """The parents' own list cannot be filtered by time: it is read whole, to see what changed."""

    parent_params = NEWEST_FIRST
    in_order_of_time = False

    @override
    def parent_list(self) -> BoundedList:
        return UnfilteredList(
            self._site.client, self.parents, self._site.connections, self.parent_params
        )


class PerExternalProduct(PerWholeParent):
    """A list of every external product."""

    parents = "/external_products"
    parent_key = "external_product_id"
    reading = "per external product"


class PerExternalSubscription(PerWholeParent):
    """A list of every external subscription."""

    parents = "/external_subscriptions"
    parent_key = "external_subscription_id"
    reading = "per external subscription"
