"""What is in Klaviyo: the events of the audited metrics, read whole into the store."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from target_klaviyo.rows.contract import SAMPLE_ID_PREFIX, SAMPLE_PROPERTY

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from target_klaviyo.audit.klaviyo_side import FoundEvent

_ROWS_A_WRITE = 500


class FoundEvents:
    """Found events.

    Args:
        store: where they are kept.
        scope: properties that all of our events bear, where several sites share an account; empty
            when all events are ours.
    """

    def __init__(self, store: sqlite3.Connection, scope: Mapping[str, str]) -> None:
        self._store = store
        self._scope = scope

    def replace(self, metric: int, events: Iterable[FoundEvent]) -> None:
        """Keep these events of a metric, and forget what was found of it before."""
        self._store.execute("DELETE FROM found WHERE metric = ?", (metric,))
        ours = ((event, owned) for event in events if (owned := self._is_ours(event)) is not None)
        while rows := list(islice(ours, _ROWS_A_WRITE)):
            self._store.execute("BEGIN")
            self._store.executemany(
                "INSERT OR IGNORE INTO found"
                " (id, metric, unique_id, person, time, value, currency, owned)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        event.id,
                        metric,
                        event.unique_id,
                        event.person.get("id", ""),
                        event.time,
                        event.value,
                        event.currency,
                        owned,
                    )
                    for event, owned in rows
                ),
            )
            self._store.executemany(
                "INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?)",
                (
                    (
                        event.person.get("id", ""),
                        event.person.get("email"),
                        event.person.get("phone_number"),
                        event.person.get("external_id"),
                    )
                    for event, _ in rows
                ),
            )
            self._store.execute("COMMIT")

    def _is_ours(self, event: FoundEvent) -> bool | None:
        """Whether the event is in our scope; None when it is in another's, or a sample.

        One that says nothing may be from before the site's name was sent: it counts when it is
        expected, and is nobody's surplus.
        """
        if event.properties.get(SAMPLE_PROPERTY) is True and str(event.unique_id).startswith(
            SAMPLE_ID_PREFIX
        ):
            return None
        told = {name: event.properties.get(name) for name in self._scope}
        if any(value not in (None, self._scope[name]) for name, value in told.items()):
            return None
        return None not in told.values()
