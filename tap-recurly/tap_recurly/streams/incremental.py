"""Lists whose server filters by time: read in frozen windows, several at once, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_recurly.http.pages import Row, moment_of
from tap_recurly.streams.base import RecurlyStream

if TYPE_CHECKING:
    from collections.abc import Generator

    from singer_sdk.helpers.types import Context, Record

    from tap_recurly.reading.parallel import Window


class IncrementalStream(RecurlyStream):
    """A list with `begin_time` and `end_time` on `updated_at`.

    Its upper bound is the server's time when its reading begins. The bookmark moves with the rows,
    every second, and to the upper bound when all are out.
    """

    reading = "what changed, in time windows"
    _frozen: Window | None = None
    _row: Row | Record | None = None

    @override
    def get_records(self, context: Context | None = None) -> Generator[Any, None, None]:
        changed = self.incremental_list(self.path)
        self._frozen = self.frozen_window(changed)
        if self._frozen is None:
            return
        self.total = self._frozen.row_count
        for row in self.enrich(changed.rows(self._frozen)):
            self._row = row
            yield row
            if self.state_is_due:
                self.checkpoint_amid()
        self._row = None
        self.checkpoint(self._frozen.end)

    @override
    def checkpoint_amid(self) -> None:
        moment = moment_of(self._row) if isinstance(self._row, Row) else None
        if self._frozen is not None and moment is not None:
            self.checkpoint(self._frozen.reached_with(moment, self.bookmark))


class Accounts(IncrementalStream):
    """Customers, with their primary billing info, addresses and shipping addresses."""

    name = "accounts"
    path = "/accounts"
    resource = "Account"


class AccountAcquisitions(IncrementalStream):
    """What winning a customer cost, and through which channel."""

    name = "account_acquisitions"
    path = "/acquisitions"
    resource = "AccountAcquisition"
    vanishes = True


class AddOns(IncrementalStream):
    """What can be added to a plan."""

    name = "add_ons"
    path = "/add_ons"
    resource = "AddOn"


class Coupons(IncrementalStream):
    """Discounts that can be redeemed."""

    name = "coupons"
    path = "/coupons"
    resource = "Coupon"


class CreditPayments(IncrementalStream):
    """Credit that was applied to invoices."""

    name = "credit_payments"
    path = "/credit_payments"
    resource = "CreditPayment"


class CustomFieldDefinitions(IncrementalStream):
    """The fields that a merchant has added."""

    name = "custom_field_definitions"
    path = "/custom_field_definitions"
    resource = "CustomFieldDefinition"


class Items(IncrementalStream):
    """The catalog of things sold beside plans."""

    name = "items"
    path = "/items"
    resource = "Item"


class LineItems(IncrementalStream):
    """Charges and credits, invoiced or pending."""

    name = "line_items"
    path = "/line_items"
    resource = "LineItem"
    vanishes = True


class MeasuredUnits(IncrementalStream):
    """What usage is counted in."""

    name = "measured_units"
    path = "/measured_units"
    resource = "MeasuredUnit"


class Plans(IncrementalStream):
    """What customers can subscribe to."""

    name = "plans"
    path = "/plans"
    resource = "Plan"


class ShippingMethods(IncrementalStream):
    """How goods are sent."""

    name = "shipping_methods"
    path = "/shipping_methods"
    resource = "ShippingMethod"


class Subscriptions(IncrementalStream):
    """Who has subscribed to what, since when and until when."""

    name = "subscriptions"
    path = "/subscriptions"
    resource = "Subscription"


class Transactions(IncrementalStream):
    """Payments, refunds and verifications, tried and done."""

    name = "transactions"
    path = "/transactions"
    resource = "Transaction"
