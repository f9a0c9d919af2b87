"""Lists that Recurly does not filter by time: read whole, at every run."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite

REFUSED = json.dumps({"error": {"type": "not_found", "message": "No."}}).encode()


def test_all_rows_come_at_every_run(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """Nothing tells what changed, so everything is read again and no bookmark is kept."""
    site.fill("/sites", 450)
    first = sync(["sites"])
    assert len(first.records("sites")) == 450
    assert "replication_key_value" not in first.state["bookmarks"].get("sites", {})
    second = sync(["sites"], state=first.state, start_date="2030-01-01")
    assert len(second.records("sites")) == 450


def test_next_page_is_read_while_this_one_is_written(site: HandmadeSite) -> None:
    """The following page is asked for though only one row of the first has been taken."""
    site.fill("/gift_cards", 50)
    on_the_way = threading.Event()

    def watch(_method: str, _path: str, params: dict[str, str]) -> None:
        if "cursor" in params:
            on_the_way.set()

    site.before = watch
    tap = TapRecurly(config={"api_key": "a-private-key", "api_url": site.url})
    rows = tap.streams["gift_cards"].get_records(None)
    next(iter(rows))
    assert on_the_way.wait(5)
    assert len([*rows]) == 49
    tap.site.close()


def test_site_without_exports_has_no_export_dates(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """Where there is no such document there are no exports."""
    site.before = lambda *_: (404, {}, REFUSED)
    run = sync(["export_dates"])
    assert run.code == 0, run.stderr
    assert run.records("export_dates") == []
