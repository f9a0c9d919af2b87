"""The site's records in SQLite, in memory: indexed by time, served as ready-made JSON."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import weakref
from bisect import insort
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from recurly_klaviyo_sandbox.recurly.defaults import complete
from recurly_klaviyo_sandbox.recurly.moments import to_micros
from recurly_klaviyo_sandbox.recurly.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from recurly_klaviyo_sandbox.clock import Clock
    from recurly_klaviyo_sandbox.recurly.options import Options


MAX_RENDERED_ROWS = 50_000
"""Kept until the next change: who reads fast is not to wait for the sandbox."""


@dataclass(frozen=True)
class Row:
    """A record's place in its table. Times are epoch microseconds.

    Without a body the record is rendered when it is asked for.
    """

    id: str
    created: int
    updated: int
    keys: list[Any]
    body: bytes | None = None


@dataclass(frozen=True)
class Query:
    """Which rows of a resource: SQL conditions, their values, and the column to sort by."""

    resource: str
    conditions: tuple[str, ...]
    values: Mapping[str, Any]
    sort: str
    descending: bool

    @property
    def where(self) -> str:
        """The conditions as one."""
        return " AND ".join(self.conditions) or "TRUE"


class Store:
    """All resources' tables behind one lock.

    `render` makes the body of a row that was written without one when it is read, with so many
    line items embedded: a record embeds others, so a change to one may show in many.
    """

    def __init__(
        self,
        clock: Clock,
        options: Options,
        render: Callable[[str, str, int], bytes],
    ) -> None:
        self._clock = clock
        self._render = lru_cache(MAX_RENDERED_ROWS)(render)
        self._options = options
        self.lock = threading.RLock()
        self._late: list[tuple[int, str, Row]] = []
        self._numbers = itertools.count(1)
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._db.close)
        for resource, table in TABLES.items():
            columns = "".join(f", {column}" for column in table.columns)
            self._db.execute(
                f"CREATE TABLE {resource} (id TEXT PRIMARY KEY, created_at INTEGER,"
                f" updated_at INTEGER, body BLOB{columns}) WITHOUT ROWID"
            )
            for column in ("created_at, id", "updated_at, id", *table.looked_up):
                name = f"{resource}_{column.split(',')[0]}"
                self._db.execute(f"CREATE INDEX {name} ON {resource} ({column})")

    # Writing -----------------------------------------------------------------------------------

    def put(
        self, resource: str, record: Mapping[str, Any], *, visible_at: int | None = None
    ) -> dict[str, Any]:
        """Write one record by hand; return it as it will be served.

        What is missing gets a sensible default; a record whose id is known already is changed
        where it differs, and its updated_at moves to now unless given. An invoice's line items are
        also written as records of their own. Times may carry fractions of a second, which order
        and filter but are not shown. `visible_at` is when a late commit becomes visible, in epoch
        microseconds.
        """
        with self.lock:
            known = self.get(resource, "id", str(record.get("id")))
            before = orjson.loads(known) if known else {}
            whole = self._complete(resource, before, record)
            if resource == "invoices":
                self._put_line_items(whole, visible_at)
            self.put_as_is(resource, whole, visible_at=visible_at)
            return whole

    def put_as_is(
        self, resource: str, record: Mapping[str, Any], *, visible_at: int | None = None
    ) -> None:
        """Write one record by hand, as `put` does, but with the fields it has and no others.

        Times may be datetimes.
        """
        created = to_micros(record.get("created_at") or self._clock.now())
        updated = to_micros(record.get("updated_at") or created)
        table = TABLES[resource]
        keys = table.keys(record)
        shown = {name: _shown(value) for name, value in record.items() if table.shows(name)}
        body = orjson.dumps(shown, option=orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_UTC_Z)
        row = Row(record["id"], created, updated, keys, body)
        if visible_at is None:
            self.write(resource, [row])
        else:
            self.write_late(resource, row, visible_at)

    def write(self, resource: str, rows: Iterable[Row]) -> None:
        """Write rows that are visible at once."""
        with self.lock:
            self._render.cache_clear()
            marks = ", ?" * (4 + len(TABLES[resource].columns))
            self._db.execute("BEGIN")
            self._db.executemany(
                f"INSERT OR REPLACE INTO {resource} VALUES ({marks[2:]})",  # noqa: S608  (own names)
                ((row.id, row.created, row.updated, row.body, *row.keys) for row in rows),
            )
            self._db.execute("COMMIT")

    def write_late(self, resource: str, row: Row, visible_at: int) -> None:
        """Write a row that others can see only from `visible_at` (epoch microseconds) on."""
        with self.lock:
            insort(self._late, (visible_at, resource, row), key=lambda late: late[0])

    def delete(self, resource: str, record_id: str) -> None:
        """Take a record away."""
        with self.lock:
            self._render.cache_clear()
            self._db.execute(f"DELETE FROM {resource} WHERE id = ?", (record_id,))  # noqa: S608

    def commit_late(self) -> None:
        """Let late commits appear whose time has come."""
        with self.lock:
            now = to_micros(self._clock.now())
            while self._late and self._late[0][0] <= now:
                _, resource, row = self._late.pop(0)
                self.write(resource, [row])

    # Reading -----------------------------------------------------------------------------------

    def get(self, resource: str, column: str, value: str) -> bytes | None:
        """The body of the record whose column has that value."""
        row = self._one(f"SELECT id, body FROM {resource} WHERE {column} = ?", (value,))  # noqa: S608
        return self._body(resource, *row) if row else None

    def find(self, resource: str, column: str, value: str) -> str | None:
        """The id of the record whose column has that value."""
        row = self._one(f"SELECT id FROM {resource} WHERE {column} = ?", (value,))  # noqa: S608
        return str(row[0]) if row else None

    def ids(self, resource: str) -> list[str]:
        """All ids of a resource, in order of creation."""
        with self.lock:
            rows = self._db.execute(f"SELECT id FROM {resource} ORDER BY created_at, id")  # noqa: S608
            return [row[0] for row in rows]

    def count(self, query: Query) -> int:
        """How many rows a query finds."""
        row = self._one(
            f"SELECT COUNT(*) FROM {query.resource} WHERE {query.where}",  # noqa: S608
            query.values,
        )
        return int(row[0]) if row else 0

    def page(
        self, query: Query, limit: int, after: tuple[int, str] | None = None
    ) -> list[tuple[str, int, bytes]]:
        """Up to `limit` rows as (id, sort value, body), beginning behind the (sort value, id)."""
        direction, beyond = ("DESC", "<") if query.descending else ("ASC", ">")
        conditions, values = query.where, dict(query.values)
        if after:
            conditions += f" AND ({query.sort}, id) {beyond} (:after_value, :after_id)"
            values |= {"after_value": after[0], "after_id": after[1]}
        statement = (
            f"SELECT id, {query.sort}, body FROM {query.resource} WHERE {conditions}"  # noqa: S608
            f" ORDER BY {query.sort} {direction}, id {direction} LIMIT {limit}"
        )
        with self.lock:
            rows = self._db.execute(statement, values).fetchall()
            return [(row[0], row[1], self._body(query.resource, row[0], row[2])) for row in rows]

    def _one(self, statement: str, values: Any) -> tuple[Any, ...] | None:
        with self.lock:
            row: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
            return row

    def _body(self, resource: str, record_id: str, body: bytes | None) -> bytes:
        if body is not None:
            return body
        return self._render(resource, record_id, self._options.embedded_line_items)

    def _complete(
        self, resource: str, before: Mapping[str, Any], record: Mapping[str, Any]
    ) -> dict[str, Any]:
        return complete(resource, before, record, number=next(self._numbers), now=self._clock.now())

    def _put_line_items(self, invoice: dict[str, Any], visible_at: int | None) -> None:
        lines, most = invoice["line_items"], self._options.embedded_line_items
        if invoice.get("has_more_line_items") and len(lines) == most:
            return  # already cut off by an earlier call: its other lines are in their table
        inherited = {
            "invoice_id": invoice["id"],
            "invoice_number": invoice["number"],
            "account": invoice["account"],
            "created_at": invoice["created_at"],
            "updated_at": invoice["updated_at"],
        }
        for line in lines:
            line.update(self._complete("line_items", {}, inherited | line))
            self.put_as_is("line_items", line, visible_at=visible_at)
        invoice["has_more_line_items"] = len(lines) > most
        invoice["line_items"] = lines[:most]


def _shown(value: Any) -> Any:
    """Recurly shows whole seconds, whatever it stores."""
    if isinstance(value, str) and len(value) > 20 and value[19] == "." and value[10] == "T":  # noqa: PLR2004  (2026-01-31T12:00:00.250Z)
        return value[:19] + "Z"
    return value
