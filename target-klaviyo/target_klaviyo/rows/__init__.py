"""The contract: what an event row and a profile row are.

Any tap, mapper or transform can feed the target. A row that breaks the contract or one of
Klaviyo's limits (docs/klaviyo.md: Events, Profiles) is rejected here, before it can fail the
request it would share with hundreds of good rows.

An event row:

    {"metric": "Successfully Paid", "unique_id": "payment-1", "time": "2026-01-31T12:00:00Z",
     "profile": {"email": "ada@shop.example"}, "properties": {"Plan": "Gold"},
     "value": 49.0, "value_currency": "EUR"}

Where `time` can move as the source record changes, `earliest_time` and `latest_time` are the
earliest and the latest it can have been; an audit accepts any stored time between the two as the
same. They are never sent.

A profile row; a null means *clear it*:

    {"email": "ada@shop.example", "first_name": "Ada", "properties": {"Plan": "Gold", "Card": null}}
"""
