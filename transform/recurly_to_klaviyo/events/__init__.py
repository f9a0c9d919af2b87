"""The metrics, one room per source; importing the rooms declares them.

payments        transactions: failed, successful, refunded
invoices        invoices: issued, and what was ordered on them
"""

from recurly_to_klaviyo.events import invoices, payments
from recurly_to_klaviyo.metrics import METRICS

__all__ = ["METRICS", "invoices", "payments"]
