"""The profile properties, one room per group; importing the rooms declares them.

native          code, card and plans
status          what state a person's subscriptions are in
"""

from recurly_to_klaviyo.profiles import native, status
from recurly_to_klaviyo.properties import PROPERTIES

__all__ = ["PROPERTIES", "native", "status"]
