"""Klaviyo's official client in a plain loop: `klaviyo_client_loop.py url key` with rows on stdin.

Events go one by one through `create_event`, profiles through `create_or_update_profile`.
"""

from __future__ import annotations

import sys
from typing import Any

import orjson
from klaviyo_api import KlaviyoAPI


def main() -> None:
    """Send the rows."""
    url, key = sys.argv[1:]
    client = KlaviyoAPI(key, test_host=url)
    for line in sys.stdin.buffer:
        message = orjson.loads(line)
        if message["type"] != "RECORD":
            continue
        row = message["record"]
        if message["stream"] == "events":
            client.Events.create_event({"data": _event(row)})
        else:
            body = {"data": {"type": "profile", "attributes": row}}
            client.Profiles.create_or_update_profile(body)


def _event(row: dict[str, Any]) -> dict[str, Any]:
    attributes = {name: value for name, value in row.items() if name not in {"metric", "profile"}}
    attributes["metric"] = {"data": {"type": "metric", "attributes": {"name": row["metric"]}}}
    attributes["profile"] = {"data": {"type": "profile", "attributes": row["profile"]}}
    return {"type": "event", "attributes": attributes}


main()
