"""Where the profile rows of this run say that people are, by their anchors.

A long run may read a person's events hours after the person. By an address that has changed
meanwhile they would get a second profile, which the next run's profile row could no longer undo;
by the address of the profile row they go to the one that will get the new address.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from target_klaviyo.rows.identity import IDENTIFIER_KINDS, identity_of
from target_klaviyo.rows.values import serialise

if TYPE_CHECKING:
    from target_klaviyo.rows.contract import EventRow, ProfileRow

# SQLite keeps a database without a name in a private file once it outgrows its cache.
_SCHEMA = """
    PRAGMA journal_mode = OFF;
    PRAGMA cache_size = -8000;  -- 8 MB
    CREATE TABLE person (anchor TEXT PRIMARY KEY, email TEXT) WITHOUT ROWID;
    BEGIN;
"""


class AddressBook:
    """Anchors and addresses, on disk when they are many."""

    def __init__(self) -> None:
        self._people = sqlite3.connect("", isolation_level=None)
        self._people.executescript(_SCHEMA)

    def note(self, row: ProfileRow) -> None:
        """Remember where a person is; of several rows the last one counts."""
        if row.anchor is not None:
            entry = (row.anchor, row.email)
            self._people.execute("INSERT OR REPLACE INTO person VALUES (?, ?)", entry)

    def addressed(self, row: EventRow) -> EventRow:
        """The event, addressed to where its person's profile row says; as it came without one."""
        if row.known_as is None:
            return row
        query = "SELECT email FROM person WHERE anchor = ?"
        noted = self._people.execute(query, (row.known_as,)).fetchone()
        own = dict(row.identity)
        if noted is None or own.get("email") == noted[0]:
            return row
        (email,) = noted
        identifier = {"external_id": row.known_as} if email is None else {"email": email}
        resource = orjson.loads(row.profile)
        others = {
            name: value
            for name, value in resource["attributes"].items()
            if name not in IDENTIFIER_KINDS
        }
        profile = serialise({"type": "profile", "attributes": {**identifier, **others}})
        return replace(row, identity=identity_of(identifier), profile=profile)
