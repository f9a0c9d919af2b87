"""The STATE of an earlier run: what is wrong with one that somebody has spoiled."""

from __future__ import annotations

import logging
from typing import IO, TYPE_CHECKING, Any

from tap_recurly.errors import ConfigurationError
from tap_recurly.json_files import read_object
from tap_recurly.redaction import redact
from tap_recurly.times import time_or_none

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

logger = logging.getLogger(__name__)

MOMENTS = ("replication_key_value", "last_sweep", "sweep_began")
"""What the tap keeps of a stream, each a date-time."""

FOREIGN_KEYS = {"updated_at", "created_at"}
"""Where taps that are not built on the SDK keep a stream's bookmark."""


def read_state(file: IO[str]) -> dict[str, Any]:
    """The STATE of a file; an empty one, as a run that failed may leave it, is none."""
    state: dict[str, Any] = read_object(file, "STATE", default={})
    if not state:
        logger.warning("The STATE file %s is empty: everything is read.", file.name)
    return state


def check_state(state: Mapping[str, Any], streams: Collection[str]) -> None:
    """Refuse a STATE whose bookmarks cannot be read: a run would begin anew and not say so.

    Raises:
        ConfigurationError: With one sentence on the first mistake found.
    """
    bookmarks = state.get("bookmarks", None if state else {})
    if not isinstance(bookmarks, dict):
        raise ConfigurationError(
            "The STATE holds no 'bookmarks': give what the target printed last, or the 'value' of "
            "the tap's last STATE message, or no STATE to read everything."
        )
    for name, bookmark in bookmarks.items():
        if not isinstance(bookmark, dict):
            raise _fault(name, "no object", bookmark)
        partitions = bookmark.get("partitions", [])
        if not isinstance(partitions, list) or not all(isinstance(one, dict) for one in partitions):
            raise _fault(name, "spoiled in its 'partitions'", partitions)
        if name in streams and FOREIGN_KEYS & bookmark.keys():
            raise _fault(name, "that of another tap, without 'replication_key_value'", bookmark)
        for key in MOMENTS if name in streams else ():
            moment = bookmark.get(key)
            if moment is not None and time_or_none(moment) is None:
                raise _fault(name, "no date-time", moment)


def _fault(stream: str, what: str, value: Any) -> ConfigurationError:
    return ConfigurationError(
        f"The bookmark of stream '{redact(stream)}' in the STATE is {what} "
        f"({redact(repr(value))}): correct it, or remove it to read the stream from its "
        f"beginning."
    )
