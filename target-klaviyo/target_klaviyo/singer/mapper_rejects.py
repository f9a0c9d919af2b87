"""What a mapper before the target has rejected, as the raw records that they are (pure).

A mapper tells of them in a stream of its own, `rejects`: {stream, record, reason} and, where it
knows them, `key_properties`. As raw records in the rejects file they can be replayed, through a
transform, once the cause is mended.
"""

from __future__ import annotations

from typing import Any

from target_klaviyo.errors import RowRejected
from target_klaviyo.rows.contract import Origin
from target_klaviyo.rows.values import serialise

STREAM = "rejects"


def mapper_reject(record: object) -> tuple[Origin, RowRejected] | None:
    """The raw record that one of `rejects` tells of, and why; None when it is not a mapper's.

    Raises:
        RowRejected: a text in it has no UTF-8.
    """
    if not isinstance(record, dict):
        return None
    stream, raw, reason = (record.get(name) for name in ("stream", "record", "reason"))
    if not isinstance(stream, str) or not isinstance(raw, dict) or not isinstance(reason, str):
        return None
    schema: dict[str, Any] = {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": {}},
        "key_properties": record.get("key_properties") or [],
    }
    message = serialise({"type": "RECORD", "stream": stream, "record": raw})
    return Origin(stream, message, serialise(schema)), RowRejected(reason)
