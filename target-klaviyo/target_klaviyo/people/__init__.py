"""Who a row's identifiers belong to in Klaviyo, asked before a profile is imported.

`lookups` are the questions, `resolution` decides, `changes` says what is left to write (all pure).
(docs/klaviyo.md: People)
"""
