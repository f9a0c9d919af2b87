"""What a mapper before the target has rejected, as the raw records that they are (pure).

A mapper tells of them in a stream of its own, `rejects`: {stream, record, reason} and, where it
knows them, `key_properties`. As raw records in the rejects file they can be replayed, through a
transform, once the cause is mended.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from target_klaviyo.errors import RowRejected
from target_klaviyo.rows.contract import Origin
from target_klaviyo.rows.values import serialise

STREAM = "rejects"


class MapperReject(NamedTuple):
    """A raw record, and why the mapper made no row of it."""

    origin: Origin
    rejection: RowRejected


def mapper_reject(record: object) -> MapperReject | None:
    """What a record of the stream `rejects` tells; None when it is not a mapper's.

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
    return MapperReject(Origin(stream, message, serialise(schema)), RowRejected(reason))
