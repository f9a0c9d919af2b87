"""Lists whose server filters by time: read in frozen windows, several at once, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from tap_recurly.streams.base import RecurlyStream

if TYPE_CHECKING:
    from collections.abc import Generator

    from singer_sdk.helpers.types import Context, Record


class WindowedStream(RecurlyStream):
    """A list with `begin_time` and `end_time` on `updated_at`.

    Its upper bound is the server's time when the stream begins, not when the run does: a stream
    whose turn comes after hours then still reaches the present, and no stream depends on another.
    The bookmark moves with each finished window, to the upper bound when all are done.
    """

    reading = "what changed, in time windows"

    @override
    def get_records(self, context: Context | None = None) -> Generator[Record, None, None]:
        rows = self.frozen_list(self.path)
        frozen = self.freeze(rows)
        if frozen is not None:
            for window, records in rows.windows(frozen):
                yield from self.complete(records)
                self.checkpoint(window.end)


class Accounts(WindowedStream):
    """Customers, with their primary billing info, addresses and shipping addresses."""

    name = "accounts"
    path = "/accounts"
    resource = "Account"


class AccountAcquisitions(WindowedStream):
    """What winning a customer cost, and through which channel."""

    name = "account_acquisitions"
    path = "/acquisitions"
    resource = "AccountAcquisition"


class AddOns(WindowedStream):
    """What can be added to a plan."""

    name = "add_ons"
    path = "/add_ons"
    resource = "AddOn"


class Coupons(WindowedStream):
    """Discounts that can be redeemed."""

    name = "coupons"
    path = "/coupons"
    resource = "Coupon"


class CreditPayments(WindowedStream):
    """Credit that was applied to invoices."""

    name = "credit_payments"
    path = "/credit_payments"
    resource = "CreditPayment"


class CustomFieldDefinitions(WindowedStream):
    """The fields that a merchant has added."""

    name = "custom_field_definitions"
    path = "/custom_field_definitions"
    resource = "CustomFieldDefinition"


class Items(WindowedStream):
    """The catalogue of things sold beside plans."""

    name = "items"
    path = "/items"
    resource = "Item"


class LineItems(WindowedStream):
    """Charges and credits, invoiced or pending."""

    name = "line_items"
    path = "/line_items"
    resource = "LineItem"


class MeasuredUnits(WindowedStream):
    """What usage is counted in."""

    name = "measured_units"
    path = "/measured_units"
    resource = "MeasuredUnit"


class Plans(WindowedStream):
    """What customers can subscribe to."""

    name = "plans"
    path = "/plans"
    resource = "Plan"


class ShippingMethods(WindowedStream):
    """How goods are sent."""

    name = "shipping_methods"
    path = "/shipping_methods"
    resource = "ShippingMethod"


class Subscriptions(WindowedStream):
    """Who has subscribed to what, since when and until when."""

    name = "subscriptions"
    path = "/subscriptions"
    resource = "Subscription"


class Transactions(WindowedStream):
    """Payments, refunds and verifications, tried and done."""

    name = "transactions"
    path = "/transactions"
    resource = "Transaction"
