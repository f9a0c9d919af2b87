"""What a catalog's metadata asks for is done, or refused with a sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_recurly.catalog import as_catalog
from tap_recurly.errors import ConfigurationError
from tap_recurly.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite


@pytest.mark.parametrize("wish", ["replication-method", "forced-replication-method"])
@pytest.mark.parametrize("stream", ["plans", "account_snapshots"])
def test_full_table_reads_everything_and_moves_no_bookmark(
    site: HandmadeSite, sync: Callable[..., Run], wish: str, stream: str
) -> None:
    """FULL_TABLE in the metadata beats what discovery wrote; the STATE stays as it was."""
    for path in ("/plans", "/accounts"):
        site.fill(path, 3)
    first = sync([stream])
    site.now += timedelta(hours=1)
    full = sync([stream], state=first.state, metadata={wish: "FULL_TABLE"})
    assert len(full.records(stream)) == 3
    assert full.state["bookmarks"][stream] == first.state["bookmarks"][stream]
    assert sync([stream], state=full.state).records(stream) == []


@pytest.mark.parametrize(
    ("stream", "metadata", "words"),
    [
        ("plans", {"replication-method": "LOG_BASED"}, "LOG_BASED.*FULL_TABLE or INCREMENTAL"),
        ("gift_cards", {"forced-replication-method": "INCREMENTAL"}, "as FULL_TABLE only"),
        ("plans", {"replication-key": "created_at"}, "created_at.*updated_at"),
        ("gift_cards", {"replication-key": "updated_at"}, "own is none"),
    ],
)
def test_a_wish_that_cannot_be_met_is_a_sentence(
    stream: str, metadata: dict[str, Any], words: str
) -> None:
    """A method or a key that a stream does not have is named with what it has."""
    entry = {
        "tap_stream_id": stream,
        "schema": {"properties": {}},
        "metadata": [{"breadcrumb": [], "metadata": metadata}],
    }
    with pytest.raises(ConfigurationError, match=words):
        as_catalog({"streams": [entry]}, "catalog.json", STREAMS)
