"""Lists whose server does not filter by time: read whole at every run.

Nothing tells which of their rows changed, so their replication method is FULL_TABLE, and
`start_date` does not bound them. Most are short: what a site has set up, not what it lives by;
only what comes from the app stores, and gift cards, can be long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from typing_extensions import override

from tap_recurly.errors import NotFoundError
from tap_recurly.http.queries import NEWEST_FIRST, NO_PARAMS, PAGE_SIZE
from tap_recurly.reading.lists import FullList
from tap_recurly.streams.base import RecurlyStream

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from singer_sdk.helpers.types import Context, Record


class FullTableStream(RecurlyStream):
    """A list read to its end, its next page while the present one is written."""

    replication_key = None

    @override
    def get_records(self, context: Context | None = None) -> Generator[Any, None, None]:
        yield from FullList(self._site.client, self.path, self.params).everything()


class SortedStream(FullTableStream):
    """Ascending by `updated_at`: a row that changes meanwhile comes again, further on."""

    reading = "whole, ascending"


class NewestFirstStream(FullTableStream):
    """The server sorts, but only descending: by `created_at`, for that never changes."""

    params = NEWEST_FIRST
    reading = "whole, newest first"


class PlainStream(FullTableStream):
    """The server takes no parameters for it, or no `sort` among them."""

    params = NO_PARAMS
    reading = "whole"


class Sites(SortedStream):
    """The site that the key belongs to, with its settings and features."""

    name = "sites"
    path = "/sites"
    resource = "Site"


class GeneralLedgerAccounts(SortedStream):
    """Where revenue and liabilities are booked."""

    name = "general_ledger_accounts"
    path = "/general_ledger_accounts"
    resource = "GeneralLedgerAccount"


class ExternalInvoices(SortedStream):
    """Invoices of the app stores."""

    name = "external_invoices"
    path = "/external_invoices"
    resource = "ExternalInvoice"


class ExternalProducts(NewestFirstStream):
    """What is sold in the app stores, and the plan it stands for."""

    name = "external_products"
    path = "/external_products"
    resource = "ExternalProduct"
    vanishes = True


class ExternalSubscriptions(NewestFirstStream):
    """Who has subscribed in the app stores."""

    name = "external_subscriptions"
    path = "/external_subscriptions"
    resource = "ExternalSubscription"


class DunningCampaigns(NewestFirstStream):
    """How failed payments are followed up."""

    name = "dunning_campaigns"
    path = "/dunning_campaigns"
    resource = "DunningCampaign"


class InvoiceTemplates(NewestFirstStream):
    """How invoices look."""

    name = "invoice_templates"
    path = "/invoice_templates"
    resource = "InvoiceTemplate"


class BusinessEntities(PlainStream):
    """The companies that sell through the site."""

    name = "business_entities"
    path = "/business_entities"
    resource = "BusinessEntity"
    vanishes = True


class GiftCards(PlainStream):
    """Gift cards, bought and redeemed."""

    name = "gift_cards"
    path = "/gift_cards"
    resource = "GiftCard"


class PerformanceObligations(PlainStream):
    """When revenue counts as earned."""

    name = "performance_obligations"
    path = "/performance_obligations"
    resource = "PerformanceObligation"


class PriceSegments(PlainStream):
    """Groups of customers with prices of their own."""

    name = "price_segments"
    path = "/price_segments"
    resource = "PriceSegment"
    params: ClassVar[Mapping[str, str]] = {"order": "asc", "limit": str(PAGE_SIZE)}


class ExportDates(PlainStream):
    """The days for which automated exports can be downloaded, one record a day."""

    name = "export_dates"
    path = "/export_dates"
    resource = "ExportDates"
    vanishes = True
    reading = "one document"
    primary_keys = ("date",)

    @classmethod
    @override
    def record_schema(cls) -> dict[str, Any]:
        properties = {
            "date": {"type": ["string"], "format": "date"},
            "export_files_path": {"type": ["string", "null"]},
        }
        return {"type": "object", "properties": properties, "required": ["date"]}

    @override
    def get_records(self, context: Context | None = None) -> Generator[Record, None, None]:
        for date in self._dates():
            # Some loaders cannot write a table in which all is key.
            yield {"date": date, "export_files_path": f"{self.path}/{date}/export_files"}

    @override
    def _sample(self) -> Generator[Record, None, None]:
        return self.get_records()

    @override
    def size(self) -> int:
        return len(self._dates())

    def _dates(self) -> list[str]:
        """No such document is a site without automated exports."""
        try:
            document = orjson.loads(self._site.client.document(self.path))
        except NotFoundError:
            return []
        return document.get("dates") or []
