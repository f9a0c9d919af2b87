"""What is in Klaviyo: the events of the audited metrics, read whole into the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_klaviyo.rows.contract import SAMPLE_ID_PREFIX, SAMPLE_PROPERTY
from target_klaviyo.rows.identity import IDENTIFIER_KINDS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from target_klaviyo.audit.klaviyo_side import FoundEvent

_ADD_EVENT = """
INSERT OR IGNORE INTO found (id, metric, unique_id, person, time, value, currency, owned)
VALUES (:id, :metric, :unique_id, :person, :time, :value, :currency, :owned)
"""
_ADD_PERSON = """
INSERT OR REPLACE INTO people (id, email, phone_number, external_id)
VALUES (:id, :email, :phone_number, :external_id)
"""


def replace_found(
    store: sqlite3.Connection, metric: int, events: Iterable[FoundEvent], scope: Mapping[str, str]
) -> None:
    """Keep these events of a metric, and forget what was found of it before.

    Args:
        store: where they are kept.
        metric: its number.
        events: as Klaviyo shows them.
        scope: properties that all of our events bear, where several sites share an account; empty
            when all events are ours.
    """
    store.execute("DELETE FROM found WHERE metric = ?", (metric,))
    for event in events:
        is_ours = _is_ours(event, scope)
        if is_ours is None:
            continue
        kept = {"metric": metric, "person": event.person["id"], "owned": is_ours}
        store.execute(_ADD_EVENT, {**vars(event), **kept})
        store.execute(_ADD_PERSON, {**dict.fromkeys(IDENTIFIER_KINDS), **event.person})


def _is_ours(event: FoundEvent, scope: Mapping[str, str]) -> bool | None:
    """Whether the event is in our scope; None when it is in another's, or a sample.

    One that says nothing may be from before the site's name was sent: it counts when it is
    expected, and is nobody's surplus.
    """
    if event.properties.get(SAMPLE_PROPERTY) is True and str(event.unique_id).startswith(
        SAMPLE_ID_PREFIX
    ):
        return None
    told = {name: event.properties.get(name) for name in scope}
    if any(value not in (None, scope[name]) for name, value in told.items()):
        return None
    return None not in told.values()
