"""Invoices with all of their line items."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typing_extensions import override

from tap_recurly.errors import MissingFeatureError, NotFoundError, RequestError
from tap_recurly.http.queries import ASCENDING, PAGE_SIZE, between
from tap_recurly.streams.incremental import IncrementalStream

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_recurly.http.pages import Row


class Invoices(IncrementalStream):
    """Invoices of all types and states.

    Recurly embeds only so many line items and says `has_more_line_items`; the rest is fetched, so
    that every invoice carries all of its own.

    Dunning may go on without changing an invoice's `updated_at`, so with `past_due_invoices` all
    that are past due are read once more after those that changed.
    """

    name = "invoices"
    path = "/invoices"
    resource = "Invoice"

    @override
    def get_records(self, context: Context | None = None) -> Generator[Any, None, None]:
        yield from super().get_records(context)
        if self._site.settings.past_due_invoices:
            yield from self.enrich(self._past_due_again())

    def _past_due_again(self) -> Iterator[Row]:
        """The past-due invoices that this run has not written yet as they are now."""
        params = {**between(self._site.settings.start_date, None), "state": "past_due"}
        for row in self._site.client.rows(self.path, params):
            if (row.id, row.updated_at) not in self._past_due:
                yield row

    @cached_property
    def _past_due(self) -> set[tuple[Any, str]]:
        """The past-due invoices written so far, each in one version: `id` and `updated_at`."""
        return set()

    def _noted(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The same rows, of which the past-due ones are remembered."""
        for row in rows:
            if row.is_past_due:
                self._past_due.add((row.id, row.updated_at))
            yield row

    @override
    def enrich(self, rows: Iterator[Row]) -> Iterator[Row | Record]:
        if self._site.settings.past_due_invoices:
            rows = self._noted(rows)
        if not self.wants("line_items"):
            yield from rows
            return
        while chunk := list(islice(rows, PAGE_SIZE)):
            cut_short = [row.record for row in chunk if row.is_cut_short]
            completed = iter(cut_short)
            items = self._site.in_order(self._line_items, cut_short)
            for invoice, all_items in zip(cut_short, items, strict=True):
                if all_items is not None:
                    invoice["line_items"] = all_items
                    invoice["has_more_line_items"] = False
            for row in chunk:
                yield next(completed) if row.is_cut_short else row

    def _line_items(self, invoice: Record) -> list[Any] | None:
        """All line items of an invoice, None when the invoice has gone meanwhile.

        An item that changes during the read comes twice, its later version last.
        """
        path = f"/invoices/{quote(invoice['id'], safe='')}/line_items"
        try:
            rows = self._site.client.records(path, ASCENDING)
            items = {item.get("id", number): item for number, item in enumerate(rows)}
        except NotFoundError:
            return None
        except MissingFeatureError as fault:
            # The site has invoices; to leave these out quietly would hide that.
            raise RequestError(str(fault)) from fault
        return list(items.values())
