"""A STATE that an earlier version wrote is gone on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite

VERSION_0_1_STATE: dict[str, Any] = {
    "bookmarks": {
        "plans": {
            "replication_key": "updated_at",
            "replication_key_value": "2024-05-31T12:00:00Z",
        },
        "account_snapshots": {
            "replication_key": "updated_at",
            "replication_key_value": "2024-05-31T12:00:00Z",
            "last_sweep": "2024-06-01T00:00:00Z",
        },
        "account_notes": {
            "replication_key": "created_at",
            "replication_key_value": "2024-03-01T12:00:00Z",
            "sweep_began": "2024-06-01T11:00:00Z",
        },
    }
}


@pytest.mark.parametrize(
    ("stream", "path", "begin"),
    [
        ("plans", "/plans", "2024-05-31T11:55:00Z"),
        ("account_snapshots", "/accounts", "2024-05-31T11:55:00Z"),
        ("account_notes", "/accounts", "2024-03-01T11:55:00Z"),
    ],
)
def test_state_of_version_0_1(
    site: HandmadeSite, sync: Callable[..., Run], stream: str, path: str, begin: str
) -> None:
    """Every kind of bookmark goes on where it stood, less the lookback; the others stay."""
    run = sync([stream], state=VERSION_0_1_STATE)
    assert run.code == 0, run.stderr
    assert {params.get("begin_time") for _, _, params in site.asked(path=path)} == {begin}
    bookmarks = run.state["bookmarks"]
    assert bookmarks.pop(stream)["replication_key_value"] == "2024-06-01T12:00:00Z"
    before = VERSION_0_1_STATE["bookmarks"].items()
    assert bookmarks == {name: bookmark for name, bookmark in before if name != stream}


def test_sweep_that_an_earlier_version_began(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """A sweep that was stopped is finished, and its beginning becomes the last sweep's time."""
    site.fill("/accounts", 1)
    run = sync(["account_notes"], state=VERSION_0_1_STATE)
    bookmark = run.state["bookmarks"]["account_notes"]
    assert "sweep_began" not in bookmark
    assert bookmark["last_sweep"] == "2024-06-01T11:00:00Z"
