"""Klaviyo's API as its reference describes it: endpoints, calls, budgets, and what answers mean.

Nothing in here knows what is being written or audited.
"""
