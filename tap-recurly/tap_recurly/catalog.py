"""The catalog that a user gives: what is wrong with it, and how it wants streams to be read."""

from __future__ import annotations

import logging
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.singerlib import Catalog, CatalogEntry

from tap_recurly.errors import ConfigurationError
from tap_recurly.json_files import read_object
from tap_recurly.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_recurly.streams import RecurlyStream

logger = logging.getLogger(__name__)

METHODS = ("FULL_TABLE", "INCREMENTAL")

METHOD_WISHES = ("replication-method", "forced-replication-method")
"""Where a stream's metadata may ask for a method: Meltano's users write the first."""


def read_catalog(file: IO[str], streams: Collection[type[RecurlyStream]]) -> Catalog:
    """The catalog of a file.

    Raises:
        ConfigurationError: If it is none, or asks for what a stream cannot do.
    """
    return as_catalog(read_object(file, "catalog"), file.name, streams)


def as_catalog(
    content: Mapping[str, Any], name: str, streams: Collection[type[RecurlyStream]]
) -> Catalog:
    """A catalog whose metadata decides how a stream is read; streams of other taps are told."""
    known = {stream.name: stream for stream in streams}
    place = "its beginning"
    try:
        for number, entry in enumerate(content["streams"], 1):
            place = f"stream {number}"
            place = f"stream '{entry['tap_stream_id']}'"
            CatalogEntry.from_dict(entry)
        entries = [
            _with_wished_method(entry, known.get(entry["tap_stream_id"]))
            for entry in content["streams"]
        ]
        catalog = Catalog.from_dict({**content, "streams": entries})
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise ConfigurationError(
            f"The catalog file {name} is not as Singer has it ({place}): make it anew "
            f"with tap-recurly --discover."
        ) from fault
    for stream in catalog.keys() - known:
        logger.warning("The catalog names a stream '%s', which this tap does not have.", stream)
    return catalog


def _with_wished_method(
    entry: dict[str, Any], stream: type[RecurlyStream] | None
) -> dict[str, Any]:
    """The entry with the method that its metadata asks for: what discovery wrote is no wish."""
    roots = [item["metadata"] for item in entry.get("metadata", []) if not item["breadcrumb"]]
    wishes = [root[name] for root in roots for name in METHOD_WISHES if root.get(name)]
    keys = [root["replication-key"] for root in roots if root.get("replication-key")]
    if stream is None:
        return entry
    own = stream.replication_key
    if wishes and (wishes[0] not in METHODS or (wishes[0] == "INCREMENTAL" and own is None)):
        able = " or ".join(METHODS if own else METHODS[:1])
        raise ConfigurationError(
            f"The catalog asks for replication method {redact(str(wishes[0]))} of stream "
            f"'{stream.name}', which can be read as {able} only: correct its metadata."
        )
    if keys and keys[0] != own:
        raise ConfigurationError(
            f"The catalog names replication key {redact(str(keys[0]))} for stream "
            f"'{stream.name}', whose own is {own or 'none'}: correct its metadata."
        )
    return {**entry, "replication_method": wishes[0]} if wishes else entry
