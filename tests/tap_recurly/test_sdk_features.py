"""What users of the SDK expect of any tap: selection, stream maps, flattening."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite


@pytest.fixture(autouse=True)
def _one_account(site: HandmadeSite) -> None:
    site.put(
        "/accounts",
        "a1",
        code="one",
        email="ann@example.com",
        address={"city": "Oslo", "country": "NO"},
        invented_field=1,
    )


def test_records_pass_as_they_came(sync: Callable[..., Run]) -> None:
    """With `keep` a record is what Recurly gave, undeclared fields included."""
    (record,) = sync(["accounts"], undeclared_fields="keep").records("accounts")
    assert record == {
        "id": "a1",
        "code": "one",
        "email": "ann@example.com",
        "address": {"city": "Oslo", "country": "NO"},
        "invented_field": 1,
        "created_at": "2024-06-01T12:00:00Z",
        "updated_at": "2024-06-01T12:00:00Z",
    }


def test_deselected_properties_are_left_out(sync: Callable[..., Run]) -> None:
    """A property deselected in the catalog is neither in the schema nor in the record."""
    run = sync(["accounts"], deselect=[("email",), ("address", "city")])
    (record,) = run.records("accounts")
    assert "email" not in record
    assert record["address"] == {"country": "NO"}
    assert record["code"] == "one"


def test_stream_maps(sync: Callable[..., Run]) -> None:
    """Stream maps rename, compute and filter."""
    maps = {
        "accounts": {"__alias__": "customers", "domain": "email.split('@')[1]"},
        "plans": "__NULL__",
    }
    run = sync(["accounts", "plans"], stream_maps=maps)
    assert run.code == 0, run.stderr
    (record,) = run.records("customers")
    assert record["domain"] == "example.com"
    schemas = {message["stream"] for message in run.messages if message["type"] == "SCHEMA"}
    assert schemas == {"customers"}


def test_filtering_stream_map(sync: Callable[..., Run]) -> None:
    """A stream map's filter keeps records out."""
    maps = {"accounts": {"__filter__": "code == 'two'"}}
    assert sync(["accounts"], stream_maps=maps).records("accounts") == []


def test_flattening(sync: Callable[..., Run]) -> None:
    """With flattening on, nested objects become columns."""
    run = sync(["accounts"], flattening_enabled=True, flattening_max_depth=1)
    (record,) = run.records("accounts")
    assert record["address__city"] == "Oslo"


def test_no_capability_is_claimed_in_vain() -> None:
    """The tap neither writes batch files nor tells targets to forget rows, and says neither."""
    claimed = {str(capability) for capability in TapRecurly.capabilities}
    assert not claimed & {"batch", "activate-version", "log-based"}
    assert {"catalog", "discover", "state", "about", "stream-maps"} <= claimed
