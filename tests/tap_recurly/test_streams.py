"""What holds for every stream, however it is read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_recurly.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from tests.tap_recurly.conftest import Run, TinyRecurly

NAMES = [stream.name for stream in STREAMS]


def _refused(kind: str) -> bytes:
    return json.dumps({"error": {"type": kind, "message": "Not here"}}).encode()


def test_names_are_unique() -> None:
    """Every stream has a name of its own."""
    assert len({*NAMES}) == len(NAMES)


def test_unchanged_site_costs_two_requests_per_list(
    site: TinyRecurly, sync: Callable[..., Run]
) -> None:
    """A run of all timed streams on a site without changes costs at most two requests per list."""
    # A balance bears no time, so all accounts are asked for theirs whenever the stream runs.
    timed = [name for name in NAMES if name != "account_balances"]
    for stream in STREAMS:
        if stream.replication_key and "{" not in stream.path:
            site.fill(stream.path, 30)
    first = sync(timed)
    assert first.code == 0, first.stderr
    site.requests.clear()
    site.now += timedelta(hours=1)
    second = sync(timed, state=first.state)
    assert second.code == 0, second.stderr
    lists = len(timed) + 1  # account snapshots read two
    assert len(site.requests) <= 2 * lists
    assert not [message for message in second.messages if message["type"] == "RECORD"]


def test_site_without_any_feature(
    site: TinyRecurly, sync: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    """Streams whose feature the site does not have are left out, each with one warning."""
    site.before = lambda *_: (422, {}, _refused("missing_feature"))
    run = sync(NAMES)
    assert run.code == 0, run.stderr
    warned = [record.name for record in caplog.records if "does not have" in record.getMessage()]
    assert sorted(warned) == sorted(f"tap-recurly.{name}" for name in NAMES)
    assert not [name for name in NAMES if run.state["bookmarks"].get(name)]


def test_key_that_may_read_one_list_only(site: TinyRecurly, tap: Callable[..., Run]) -> None:
    """What may be read is; then the run fails, naming all that may not and how to deselect it."""
    site.put("/plans", "p")
    site.before = lambda _method, path, _params: (
        None if path == "/plans" else (403, {}, _refused("invalid_permissions"))
    )
    run = tap(streams=NAMES)
    assert run.code == 1
    assert len(run.records("plans")) == 1
    assert [name for name, bookmark in run.state["bookmarks"].items() if bookmark] == ["plans"]
    assert "deselect" in run.last_line
    assert [name for name in NAMES if f"'{name}'" not in run.last_line] == ["plans"]
