"""What an earlier version has written is read today: `written_before/` holds one of each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site

FILES = Path(__file__).with_name("written_before")


def test_rejects_of_two_earlier_sweeps_are_replayed(site: Site) -> None:
    """Of a row that stands there twice the newer is sent, and what is rejected again stays."""
    old = (FILES / "rejected.singer").read_bytes()
    site.rejects_path.write_bytes(old.replace(b'"title": 5', b'"title": "CEO"'))
    with site.rejects_path.open("rb") as source, site.start(stdin=source) as process:
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    profile = site.account.profile("user3@shop.io")
    assert profile is not None
    assert profile.properties["Plan"] == "P2"
    assert [message["record"]["properties"] for message in site.rejects()] == [{"Sweep": 2}]


def test_a_row_that_is_mended_at_its_source_takes_its_old_entries_along(
    site: Site, sample: Samples
) -> None:
    """The file need not be replayed for it, and other entries stay."""
    shutil.copy(FILES / "rejected.singer", site.rejects_path)
    schema = sample.schema("events") | {"key_properties": ["unique_id"]}
    site.sync([schema, sample.record("events", sample.event(1))])
    assert [message["record"]["properties"] for message in site.rejects()] == [{"Plan": "P2"}]


def test_a_state_goes_on_from_where_it_was(site: Site, sample: Samples) -> None:
    """It comes back in the very bytes it had, numbers beyond any float's too."""
    state = (FILES / "state.json").read_bytes().strip()
    message = b'{"type": "STATE", "value": ' + state + b"}\n"
    with site.start() as process:
        events = [sample.schema("events"), sample.record("events", sample.event(1))]
        out, log = process.communicate(sample.lines(events) + message, timeout=60)
    assert process.returncode == 0, log
    assert out.strip() == state
    assert json.loads(out)["bookmarks"]["large"] == 123456789012345678901234567890
