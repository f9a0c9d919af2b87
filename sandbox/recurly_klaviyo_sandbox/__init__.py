"""Recurly and Klaviyo on localhost, fed by a simulated merchant."""
