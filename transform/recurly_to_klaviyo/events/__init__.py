"""The metrics, one room per source; importing the rooms declares them.

payments        transactions: failed, successful, refunded
invoices        invoices: issued, and what was ordered on them
renewals        invoices: subscriptions renewed and changed
dunning         invoices: past due, given up
subscriptions   snapshots: subscriptions started, paused, canceled, expired
reminders       snapshots: what is about to happen
"""

from recurly_to_klaviyo.events import (
    dunning,
    invoices,
    payments,
    reminders,
    renewals,
    subscriptions,
)
from recurly_to_klaviyo.metrics import DECLARED, METRIC_GROUPS

METRICS = tuple(sorted(DECLARED, key=lambda metric: METRIC_GROUPS.index(metric.group)))
"""Every metric, group by group; a record's events come in this order."""

__all__ = ["METRICS", "dunning", "invoices", "payments", "reminders", "renewals", "subscriptions"]
