"""Stream maps are the user's own expressions; a mistake in one is told by stream and property."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from target_klaviyo.errors import SettingsError, TooManyRejects

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Site

ORDER = {"no": "7", "mail": "ada@shop.io", "sum": "12.5", "at": "2026-01-31T12:00:00Z"}
MAP: dict[str, Any] = {
    "__alias__": "events",
    "__else__": None,
    "__key_properties__": [],
    "metric": "'Placed Order'",
    "unique_id": "'order-' + no",
    "time": "at",
    "profile": "{'email': mail}",
    "value": "float(sum)",
}


def _orders(site: Site, *rows: dict[str, Any], **changes: Any) -> Any:
    maps = {"orders": MAP | changes}
    return site.sync(site.messages("orders", rows), stream_maps=maps, max_reject_percent=100)


def test_maps_make_events(site: Site) -> None:
    """A stream of any tap becomes events by nothing but expressions."""
    _orders(site, ORDER)
    (event,) = site.account.events()
    assert (event.unique_id, event.value) == ("order-7", 12.5)


def test_the_documented_maps_work(site: Site, documented_maps: dict[str, Any]) -> None:
    """The README's example makes events and profiles of a tap's orders and customers."""
    customer = {"mail": "ada@shop.io", "name": "Ada", "plan": ""}
    messages = [*site.messages("orders", [ORDER]), *site.messages("customers", [customer])]
    site.sync(messages, **documented_maps)
    (event,) = site.account.events()
    assert (event.unique_id, event.properties["Number"]) == ("order-7", "7")
    ada = site.account.profile("ada@shop.io")
    assert ada is not None
    assert ada.attributes["first_name"] == "Ada"


def test_an_expression_that_cannot_be_read_is_named(site: Site) -> None:
    """Before any record: the property, its stream, and the expression."""
    with pytest.raises(SettingsError) as told:
        _orders(site, ORDER, value="float(sum")
    assert str(told.value) == (
        "The setting 'stream_maps' has an expression that cannot be read, for the property "
        "'value' of the stream 'orders': float(sum ('(' was never closed); correct it."
    )


def test_a_name_that_no_record_has_is_named(site: Site) -> None:
    """A misspelt field rejects each record, with the property in the reason."""
    with pytest.raises(TooManyRejects):
        _orders(site, ORDER, value="float(sume)")
    (reason,) = [message["reason"] for message in site.rejects()]
    assert reason.startswith("The stream map of 'orders' fails at the property 'value': 'sume' ")


def test_a_misspelt_field_stops_the_run_with_its_name(site: Site) -> None:
    """A map that fails on all records is a systemic fault, and the last sentence tells where."""
    rows = [ORDER | {"no": str(number)} for number in range(100)]
    with pytest.raises(TooManyRejects, match="stream map of 'orders' fails at 'value': 'sume'"):
        site.sync(
            site.messages("orders", rows), stream_maps={"orders": MAP | {"value": "float(sume)"}}
        )


def test_what_a_record_holds_stays_out_of_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A record that a map fails on is quoted in the rejects file alone."""
    with caplog.at_level(logging.INFO):
        run = _orders(site, ORDER | {"sum": "ada's secret"}, ORDER)
    assert "ada's secret" in run.reasons[0]
    assert "ada's secret" not in caplog.text
