"""Klaviyo's API on localhost, revision 2026-07-15, as far as events and profiles go."""

from recurly_klaviyo_sandbox.klaviyo.account import KlaviyoAccount
from recurly_klaviyo_sandbox.klaviyo.options import Options

__all__ = ["KlaviyoAccount", "Options"]
