"""Invoices with all of their line items."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typing_extensions import override

from tap_recurly.errors import MissingFeatureError, NotFoundError, RequestError
from tap_recurly.http.queries import ASCENDING, PAGE_SIZE
from tap_recurly.reading.workers import in_order
from tap_recurly.streams.incremental import IncrementalStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Record

    from tap_recurly.http.pages import Row


class Invoices(IncrementalStream):
    """Invoices of all types and states.

    Recurly embeds only so many line items and says `has_more_line_items`; the rest is fetched, so
    that every invoice carries all of its own.
    """

    name = "invoices"
    path = "/invoices"
    resource = "Invoice"

    @override
    def enrich(self, rows: Iterator[Row]) -> Iterator[Row | Record]:
        if not self.wants("line_items"):
            yield from rows
            return
        while chunk := list(islice(rows, PAGE_SIZE)):
            cut_short = [row.record for row in chunk if row.is_cut_short]
            completed = iter(cut_short)
            connections = self._site.settings.concurrency
            items = in_order(self._line_items, cut_short, connections=connections)
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
