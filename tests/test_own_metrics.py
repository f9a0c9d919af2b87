"""Every example of docs/own-metrics.md, run as it is printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.pipelines import Printed, printed

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.slow


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A merchant with a year of history."""
    with Sandbox(accounts=25, days=365) as running:
        yield running


def _run(heading: str, sandbox: Sandbox, folder: Path) -> None:
    example = Printed(printed("docs/own-metrics.md", f"## {heading}"), sandbox, folder)
    example.run()
    assert example.reasons() == []
    stored = {event.unique_id for event in sandbox.klaviyo.events()}
    assert stored >= sandbox.ledger.events(sandbox.clock.now()).keys(), "the transform goes on"


def _records(sandbox: Sandbox, resource: str) -> list[Any]:
    store = sandbox.recurly.store
    found = (store.get(resource, "id", record_id) for record_id in store.ids(resource))
    return [json.loads(record) for record in found if record is not None]


def test_every_coupon_redeemed_becomes_an_event(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each redemption is one event of the person, with the coupon's code."""
    _run("An event for each coupon redeemed", sandbox, tmp_path)
    redemptions = _records(sandbox, "coupon_redemptions")
    assert redemptions
    assert {
        event.unique_id: event.properties["Coupon Code"]
        for event in sandbox.klaviyo.events("Redeemed Coupon")
    } == {f"recurly-redemption-{each['id']}": each["coupon"]["code"] for each in redemptions}


def test_every_billed_use_becomes_an_event(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each invoiced charge for an add-on is one event with its amount."""
    _run("An event for each use that is billed", sandbox, tmp_path)
    uses = [
        line
        for line in _records(sandbox, "line_items")
        if line["add_on_code"] and line["type"] == "charge" and line["state"] == "invoiced"
    ]
    assert uses
    assert {event.unique_id: event.value for event in sandbox.klaviyo.events("Used Add-on")} == {
        f"recurly-use-{use['id']}": use["amount"] for use in uses
    }


def test_a_custom_field_becomes_a_profile_property(sandbox: Sandbox, tmp_path: Path) -> None:
    """The field's number stands at the profile of the account that has it, and at no other."""
    ada, bob, *_ = (each for each in _records(sandbox, "accounts") if each["email"])
    for account, value in ((ada, "12"), (bob, "3")):
        account["custom_fields"] = [{"name": "seats", "value": value}]
        sandbox.recurly.store.put("accounts", account)
    _run("A profile property from a custom field", sandbox, tmp_path)
    seats = {
        profile.email: profile.properties["Seats"]
        for profile in sandbox.klaviyo.profiles()
        if profile.properties.get("Seats") is not None
    }
    assert seats == {ada["email"]: 12, bob["email"]: 3}
