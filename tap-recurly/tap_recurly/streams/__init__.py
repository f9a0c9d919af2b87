"""The tap's streams: every stream is data, its base class says how the list is read."""

from tap_recurly.streams.account_snapshots import AccountSnapshots
from tap_recurly.streams.base import RecurlyStream
from tap_recurly.streams.invoices import Invoices
from tap_recurly.streams.windowed import (
    Accounts,
    LineItems,
    Plans,
    Subscriptions,
    Transactions,
)

STREAMS: tuple[type[RecurlyStream], ...] = (
    Accounts,
    AccountSnapshots,
    Invoices,
    LineItems,
    Plans,
    Subscriptions,
    Transactions,
)

__all__ = ["STREAMS", "RecurlyStream"]
