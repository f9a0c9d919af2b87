"""Who a row's identifiers belong to in Klaviyo, asked before a profile is imported.

`directory` asks, `resolution` decides (pure), `differences` says what is left to write (pure).
(docs/klaviyo.md: People)
"""
