"""The tap on the sandbox's Recurly: what it gives is what a plain loop over the API gives."""

from __future__ import annotations

import base64
import io
import json
import urllib.request
from contextlib import redirect_stdout
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from recurly_klaviyo_sandbox.business import Business
from recurly_klaviyo_sandbox.clock import Clock
from recurly_klaviyo_sandbox.recurly import RecurlySite
from recurly_klaviyo_sandbox.server import LocalServer
from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Iterator

Records = dict[str, dict[str, dict[str, Any]]]
LISTS = ["accounts", "invoices", "line_items", "plans", "subscriptions", "transactions"]


class Merchant:
    """A small merchant whose invoices are cut short after one line item, and his server."""

    def __init__(self) -> None:
        clock = Clock(behind=timedelta(days=30))
        business = Business(start=clock.now() - timedelta(days=300), accounts=60)
        business.run_until(clock.now())
        self.site = RecurlySite(clock, business, embedded_line_items=1, per_minute=100_000)
        self.server = LocalServer(self.site.app)

    def plain_read(self, path: str) -> Iterator[dict[str, Any]]:
        """A list, read page by page without the tap."""
        key = base64.b64encode(f"{self.site.api_key}:".encode()).decode()
        following: str | None = f"{path}?limit=200&sort=updated_at&order=asc"
        while following:
            request = urllib.request.Request(  # noqa: S310 (the sandbox's own address)
                self.server.url + following,
                headers={
                    "Authorization": f"Basic {key}",
                    "Accept": "application/vnd.recurly.v2021-02-25",
                },
            )
            with urllib.request.urlopen(request) as answer:  # noqa: S310 (as above)
                page = json.load(answer)
            yield from page["data"]
            following = page["next"]

    def sync(self, state: dict[str, Any]) -> tuple[Records, dict[str, Any]]:
        """One run of all streams: records by stream and id, and the last STATE."""
        config = {"api_key": self.site.api_key, "api_url": self.server.url}
        tap = TapRecurly(config=config, state=state)
        output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(output):
            tap.sync_all()
        tap.client.close()
        output.seek(0)
        records: Records = {stream: {} for stream in [*LISTS, "account_snapshots"]}
        for line in output:
            message = json.loads(line)
            if message["type"] == "RECORD":
                records[message["stream"]][message["record"]["id"]] = message["record"]
            elif message["type"] == "STATE":
                state = message["value"]
        return records, state


@pytest.fixture(scope="module")
def merchant() -> Iterator[Merchant]:
    """The merchant, open for requests."""
    made = Merchant()
    with made.server:
        yield made


def test_first_run_gives_the_site_as_it_is(merchant: Merchant) -> None:
    """Every list is as a plain loop reads it, and invoices carry all of their line items."""
    records, _ = merchant.sync({})
    for stream in LISTS:
        truth = {row["id"]: row for row in merchant.plain_read(f"/{stream}")}
        assert records[stream].keys() == truth.keys()
        for row_id, row in records[stream].items():
            expected = truth[row_id]
            if expected.get("has_more_line_items"):
                items = merchant.plain_read(f"/invoices/{row_id}/line_items")
                assert {item["id"] for item in row["line_items"]} == {item["id"] for item in items}
                expected |= {"line_items": row["line_items"], "has_more_line_items": False}
            assert row == expected


def test_second_run_gives_what_has_changed(merchant: Merchant) -> None:
    """After some weeks a second run brings every row to its present version, reading less."""
    first, state = merchant.sync({})
    merchant.site.advance(timedelta(days=20))
    second, _ = merchant.sync(state)
    for stream in LISTS:
        truth = {row["id"]: row["updated_at"] for row in merchant.plain_read(f"/{stream}")}
        merged = first[stream] | second[stream]
        assert {row_id: row["updated_at"] for row_id, row in merged.items()} == truth
    assert len(second["invoices"]) < len(first["invoices"])


def test_snapshots_agree_with_both_lists(merchant: Merchant) -> None:
    """An account's snapshot is the account, with the subscriptions the site knows of it."""
    records, _ = merchant.sync({})
    subscriptions: dict[str, set[str]] = {}
    for subscription in merchant.plain_read("/subscriptions"):
        subscriptions.setdefault(subscription["account"]["id"], set()).add(subscription["id"])
    accounts = {row["id"]: row for row in merchant.plain_read("/accounts")}
    assert records["account_snapshots"].keys() == accounts.keys()
    for account_id, snapshot in records["account_snapshots"].items():
        owned = snapshot.pop("subscriptions")
        assert {one["id"] for one in owned} == subscriptions.get(account_id, set())
        assert snapshot == accounts[account_id]
