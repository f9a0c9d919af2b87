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
    """Customers, their billing info and addresses included."""

    name = "accounts"
    path = "/accounts"
    resource = "Account"


class LineItems(WindowedStream):
    """Charges and credits, invoiced or pending."""

    name = "line_items"
    path = "/line_items"
    resource = "LineItem"


class Plans(WindowedStream):
    """What customers can subscribe to."""

    name = "plans"
    path = "/plans"
    resource = "Plan"


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
