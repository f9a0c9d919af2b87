"""What holds for every stream, however it is read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_recurly.streams import STREAMS, RecurlyStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite

NAMES = [stream.name for stream in STREAMS]


def _refused(kind: str) -> bytes:
    return json.dumps({"error": {"type": kind, "message": "Not here"}}).encode()


def test_names_are_unique() -> None:
    """Every stream has a name of its own."""
    assert len({*NAMES}) == len(NAMES)


def test_unchanged_site_costs_two_requests_per_list(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """A run of all timed streams on a site without changes costs at most two requests per list."""
    # A balance bears no time, so all accounts are asked for theirs whenever the stream runs; nor
    # do the days of exports, which are told anew.
    timed = [name for name in NAMES if name not in {"account_balances", "export_dates"}]
    for stream in STREAMS:
        if stream.replication_key and "{" not in stream.path:
            site.fill(stream.path, 30)
    first = sync(timed, per_parent_streams=True)
    assert first.code == 0, first.stderr
    site.requests.clear()
    site.now += timedelta(hours=1)
    second = sync(timed, state=first.state, per_parent_streams=True)
    assert second.code == 0, second.stderr
    lists = len(timed) + 1  # account snapshots read two
    assert len(site.requests) <= 2 * lists
    assert not [message for message in second.messages if message["type"] == "RECORD"]


def test_site_without_any_feature(
    site: HandmadeSite, sync: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    """Streams whose feature the site does not have are left out, each with one warning."""
    site.before = lambda *_: (422, {}, _refused("missing_feature"))
    run = sync(NAMES, per_parent_streams=True)
    assert run.code == 0, run.stderr
    warned = [record.name for record in caplog.records if "does not have" in record.getMessage()]
    assert sorted(warned) == sorted(f"tap-recurly.{name}" for name in NAMES)
    assert not [name for name in NAMES if run.state["bookmarks"].get(name)]


def test_key_that_may_read_one_list_only(site: HandmadeSite, tap: Callable[..., Run]) -> None:
    """What may be read is; then the run fails, naming all that may not and how to deselect it."""
    site.put("/plans", "p")
    site.before = lambda _method, path, _params: (
        None if path == "/plans" else (403, {}, _refused("invalid_permissions"))
    )
    run = tap(streams=NAMES, per_parent_streams=True)
    assert run.code == 1
    assert len(run.records("plans")) == 1
    assert [name for name, bookmark in run.state["bookmarks"].items() if bookmark] == ["plans"]
    assert "deselect" in run.last_line
    assert [name for name in NAMES if f"'{name}'" not in run.last_line] == ["plans"]


def test_a_list_that_is_not_there_holds_up_no_other(
    site: HandmadeSite, tap: Callable[..., Run]
) -> None:
    """After a 404 on one list the others are read; then the run fails, naming the one."""
    site.put("/plans", "p")
    site.before = lambda _method, path, _params: (
        (404, {}, _refused("not_found")) if path == "/items" else None
    )
    run = tap(streams=["items", "plans"])
    assert run.code == 1
    assert len(run.records("plans")) == 1
    assert "All streams were read but 'items'" in run.last_line
    assert "nothing at /items" in run.last_line


def test_nobody_waits_for_streams_that_nobody_chose(
    site: HandmadeSite, sync: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    """Selecting everything is no wish for streams per parent; one line says what is missing."""
    site.fill("/accounts", 30)
    site.put("/accounts/accounts-1/notes", "n")
    run = sync(NAMES)
    assert run.code == 0, run.stderr
    assert not [path for _, path, _ in site.requests if path.count("/") > 1]
    said = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert len(said) == 1
    assert "account_notes" in said[0]
    assert "'per_parent_streams'" in said[0]


def test_streams_per_parent_are_read_when_chosen(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """A stream per parent is read when it is selected and not all are, or when the setting says."""
    site.fill("/accounts", 2)
    site.put("/accounts/accounts-1/notes", "n")
    assert len(sync(["account_notes"]).records("account_notes")) == 1
    assert len(sync(NAMES, per_parent_streams=True).records("account_notes")) == 1


def test_a_costly_read_is_told_before_it_begins(
    site: HandmadeSite, sync: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    """Requests and minutes of a stream per parent are in the log, once they are minutes."""
    caplog.set_level("INFO")
    site.fill("/accounts", 30)
    site.headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "99"}
    sync(["account_notes"])
    assert "at least 30 requests, one for each of /accounts, 2 minutes or more" in caplog.text


def test_the_log_names_the_streams_in_one_line(tap: Callable[..., Run]) -> None:
    """What is read is one line of the log; what is not selected takes none."""
    run = tap(streams=["plans", "items"])
    assert run.code == 0, run.stderr
    assert "Streams to read: items, plans." in run.stderr
    assert "deselected" not in run.stderr
    assert len(run.stderr.splitlines()) < 15


@pytest.mark.parametrize(
    ("streams", "config", "words"),
    [
        ([], {}, "catalog selects no stream"),
        (["plans"], {"stream_maps": {"plans": None}}, "'stream_maps' leaves no stream"),
        (["plans"], {"stream_maps": {"__else__": None}}, "'stream_maps' leaves no stream"),
        (["plans"], {"stream_maps": {"items": {}, "__else__": "__NULL__"}}, "'stream_maps' leaves"),
    ],
)
def test_a_selection_that_leaves_nothing_is_no_success(
    site: HandmadeSite,
    tap: Callable[..., Run],
    streams: list[str],
    config: dict[str, Any],
    words: str,
) -> None:
    """A run that would read nothing fails with a sentence, and asks for nothing."""
    run = tap(streams=streams, **config)
    assert run.code == 1
    assert words in run.last_line
    assert not site.requests


def _arrays(schema: dict[str, Any]) -> list[dict[str, Any]]:
    below = [*schema.get("properties", {}).values()]
    below += [schema["items"]] if "items" in schema else []
    own = [schema] if "array" in schema.get("type", []) else []
    return own + [array for each in below for array in _arrays(each)]


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_tables_are_what_loaders_can_write(stream: type[RecurlyStream]) -> None:
    """Every array tells what it holds, and every stream has a column besides its key."""
    schema = stream.record_schema()
    assert [array for array in _arrays(schema) if not array.get("items", {}).get("type")] == []
    assert schema["properties"].keys() - {*stream.primary_keys}


def test_days_of_exports_say_where_their_files_are(
    site: HandmadeSite, sync: Callable[..., Run]
) -> None:
    """A day with exports names the list of its files at Recurly."""
    body = b'{"object": "export_dates", "dates": ["2024-05-01"]}'
    site.before = lambda _method, path, _params: (
        (200, {}, body) if path == "/export_dates" else None
    )
    assert sync(["export_dates"]).records("export_dates") == [
        {"date": "2024-05-01", "export_files_path": "/export_dates/2024-05-01/export_files"}
    ]
