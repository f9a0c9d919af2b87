"""Files of rows for the targets: Singer messages, the same for every program."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TEXT = {"type": ["string", "null"]}
_TEXTS = {"type": ["array", "null"], "items": {"type": "string"}}
_ATTRIBUTES = dict.fromkeys(("email", "first_name", "last_name"), _TEXT)
_EVENT_TEXTS = (
    "Recurly ID",
    "Account Code",
    "Currency",
    "Invoice Number",
    "Payment Method",
    "Card Type",
    "Card Last Four",
    "Origin",
    "Collection Method",
)
SCHEMAS: dict[str, dict[str, Any]] = {
    "events": {
        "metric": {"type": "string"},
        "unique_id": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "value": {"type": ["number", "null"]},
        "value_currency": _TEXT,
        "profile": {"type": "object", "properties": _ATTRIBUTES},
        "properties": {
            "type": "object",
            "properties": {**dict.fromkeys(_EVENT_TEXTS, _TEXT), "Subscription IDs": _TEXTS},
        },
    },
    "profiles": {
        **_ATTRIBUTES,
        "properties": {
            "type": "object",
            "properties": {
                "Recurly Account Code": _TEXT,
                "Recurly Card Expiration Date": _TEXT,
                "Recurly Plan Codes": _TEXTS,
                "Recurly Plans": _TEXTS,
            },
        },
    },
}
KEYS = {"events": "unique_id", "profiles": "email"}


def events(number: int) -> Iterator[dict[str, Any]]:
    """Payments of the last year, five to a customer, in order of time."""
    begin = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(days=365)
    customers = max(number // 5, 1)
    for index in range(number):
        moment = begin + timedelta(days=360) * index / number
        customer = index * 7_919 % customers  # a prime: neighbours are different people
        yield {
            "metric": "Successfully Paid",
            "unique_id": f"recurly-txn-{index:012x}-succeeded",
            "time": moment.isoformat(timespec="seconds"),
            "value": 19 + index % 50 + 0.9,
            "value_currency": "USD",
            "profile": {
                "email": f"customer{customer}@shop.se",
                "first_name": "Ada",
                "last_name": f"Lovelace {customer}",
            },
            "properties": {
                "Recurly ID": f"{index:012x}",
                "Account Code": f"account-{customer}",
                "Currency": "USD",
                "Invoice Number": str(1_000 + index),
                "Subscription IDs": [f"subscription-{customer}"],
                "Payment Method": "credit_card",
                "Card Type": "Visa",
                "Card Last Four": "1111",
                "Origin": "recurring",
                "Collection Method": "automatic",
            },
        }


def profiles(number: int) -> Iterator[dict[str, Any]]:
    """Customers, each once."""
    for index in range(number):
        yield {
            "email": f"customer{index}@shop.se",
            "first_name": "Ada",
            "last_name": f"Lovelace {index}",
            "properties": {
                "Recurly Account Code": f"account-{index}",
                "Recurly Card Expiration Date": "2028-02-29",
                "Recurly Plan Codes": ["gold", "silver"],
                "Recurly Plans": ["Gold", "Silver"],
            },
        }


MAKERS = {"events": events, "profiles": profiles}


def write_singer(path: Path, stream: str, number: int) -> Path:
    """A Singer file of one stream; returns its path."""
    schema = {"type": "object", "properties": SCHEMAS[stream]}
    with path.open("wb") as file:
        header = {"type": "SCHEMA", "stream": stream, "schema": schema}
        file.write(orjson.dumps({**header, "key_properties": [KEYS[stream]]}) + b"\n")
        for row in MAKERS[stream](number):
            message = {"type": "RECORD", "stream": stream, "record": row}
            file.write(orjson.dumps(message) + b"\n")
    return path


def write_sqlite(path: Path, stream: str, number: int) -> Path:
    """The same rows as a table of plain columns, for programs that read databases."""
    path.unlink(missing_ok=True)
    flat = [_flat(row) for row in islice(MAKERS[stream](number), number)]
    names = ", ".join(f'"{name}"' for name in flat[0])
    marks = ", ".join("?" * len(flat[0]))
    database = sqlite3.connect(path)
    with database:
        database.execute(f"CREATE TABLE {stream} ({names})")
        database.executemany(
            f"INSERT INTO {stream} VALUES ({marks})",  # noqa: S608  (own names)
            [tuple(row.values()) for row in flat],
        )
    database.close()
    return path


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """One level: profile attributes and properties beside the rest, lists as JSON."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= _flat(value)
        else:
            flat[name] = json.dumps(value) if isinstance(value, list) else value
    return flat
