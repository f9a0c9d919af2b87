"""Recurly records as Klaviyo events and profiles."""
