"""A target as the SDK's cookiecutter leads to: a BatchSink that posts Klaviyo's bulk body.

No limits, no retries, no outcome per row: what remains is the SDK's own cost.
"""

from __future__ import annotations

from typing import Any

import requests
from singer_sdk import Target
from singer_sdk import typing as th
from singer_sdk.sinks import BatchSink


class EventSink(BatchSink):
    """Posts a thousand events at a time."""

    max_size = 1_000

    def process_batch(self, context: dict[str, Any]) -> None:
        """Group the events by profile, as the bulk body wants them, and post them."""
        entries: dict[str, dict[str, Any]] = {}
        for row in context["records"]:
            profile = {"data": {"type": "profile", "attributes": row["profile"]}}
            attributes = {"profile": profile, "events": {"data": []}}
            new = {"type": "event-bulk-create", "attributes": attributes}
            entry = entries.setdefault(row["profile"]["email"], new)
            entry["attributes"]["events"]["data"].append(_event(row))
        batch = {"events-bulk-create": {"data": list(entries.values())}}
        answer = requests.post(
            f"{self.config['api_url']}/api/event-bulk-create-jobs",
            json={"data": {"type": "event-bulk-create-job", "attributes": batch}},
            headers={
                "Authorization": f"Klaviyo-API-Key {self.config['api_key']}",
                "revision": "2026-07-15",
            },
            timeout=60,
        )
        answer.raise_for_status()


def _event(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "event",
        "attributes": {
            "metric": {"data": {"type": "metric", "attributes": {"name": row["metric"]}}},
            "unique_id": row["unique_id"],
            "time": row["time"].isoformat(),  # the SDK has made a datetime of it
            "value": float(row["value"]),
            "value_currency": row["value_currency"],
            "properties": row["properties"],
        },
    }


class StockTarget(Target):
    """Events only."""

    name = "stock-target"
    config_jsonschema = th.PropertiesList(
        th.Property("api_key", th.StringType, secret=True),
        th.Property("api_url", th.StringType),
    ).to_dict()
    default_sink_class = EventSink


StockTarget.cli()
