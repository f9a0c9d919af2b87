"""Recurly's API over a network that fails: requests within the budget, tried again, explained."""
