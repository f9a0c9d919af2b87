"""The tap on the sandbox's Recurly: what it gives is what a plain loop over the API gives."""

from __future__ import annotations

import base64
import io
import json
import re
import urllib.request
from collections import Counter
from contextlib import redirect_stdout
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from fastjsonschema import compile as validator_of
from singer_sdk.singerlib import SelectionMask

from recurly_klaviyo_sandbox.business import Business
from recurly_klaviyo_sandbox.clock import Clock
from recurly_klaviyo_sandbox.recurly import RecurlySite
from recurly_klaviyo_sandbox.server import LocalServer
from tap_recurly.redaction import SECRET_FIELDS
from tap_recurly.streams import STREAMS
from tap_recurly.streams.fields import FieldFilter
from tap_recurly.tap import TapRecurly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_recurly.streams import RecurlyStream

Record = dict[str, Any]
Records = dict[str, list[Record]]
LISTS = ["accounts", "invoices", "line_items", "plans", "subscriptions", "transactions"]
WRITTEN = FieldFilter(SelectionMask(), None, SECRET_FIELDS, print)
"""Whatever the tap gives, without secrets."""

PARENTS = {
    "account_id": "/accounts",
    "add_on_id": "/add_ons",
    "coupon_id": "/coupons",
    "external_product_id": "/external_products",
    "external_subscription_id": "/external_subscriptions",
    "invoice_id": "/invoices",
    "subscription_id": "/subscriptions",
}
TOLD_ELSEWHERE = {"account_snapshots", "export_dates", "account_balances"}
"""Streams that are no list of their own; tests of their own compare them."""


class Merchant:
    """A small merchant whose invoices are cut short after one line item, and his server."""

    def __init__(self) -> None:
        clock = Clock(behind=timedelta(days=30))
        business = Business(start=clock.now() - timedelta(days=300), accounts=60)
        business.run_until(clock.now())
        for plan in business.catalog.plans:
            for add_on in plan.add_ons:
                add_on.metered = True
        self.site = RecurlySite(clock, business, embedded_line_items=1, per_minute=100_000)
        self.server = LocalServer(self.site.app)

    def get(self, address: str) -> dict[str, Any]:
        """One answer, without the tap."""
        key = base64.b64encode(f"{self.site.api_key}:".encode()).decode()
        request = urllib.request.Request(  # noqa: S310 (the sandbox's own address)
            self.server.url + address,
            headers={
                "Authorization": f"Basic {key}",
                "Accept": "application/vnd.recurly.v2021-02-25",
            },
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 (as above)
            body: dict[str, Any] = json.load(answer)
        return body

    def plain_read(self, path: str) -> Iterator[Record]:
        """A list, read page by page without the tap."""
        following: str | None = path
        while following:
            page = self.get(following)
            yield from page["data"]
            following = page["next"]

    def plain_truth(self, stream: type[RecurlyStream]) -> list[Record]:
        """All rows behind a stream, for each combination of the parents in its path."""
        names = re.findall(r"\{(\w+)\}", stream.path)
        ids = [[parent["id"] for parent in self.plain_read(PARENTS[name])] for name in names]
        query = "?billing_status=all" if stream.name == "usage" else ""
        return [
            WRITTEN.record({**row, **dict(zip(names, combination, strict=True))})
            for combination in product(*ids)
            for row in self.plain_read(
                stream.path.format(**dict(zip(names, combination, strict=True))) + query
            )
        ]

    def sync(self, state: dict[str, Any]) -> tuple[Records, dict[str, Any]]:
        """One run of all streams: their records, and the last STATE."""
        config = {"api_key": self.site.api_key, "api_url": self.server.url}
        catalog = TapRecurly(config=config).catalog_dict
        for entry in catalog["streams"]:
            for item in entry["metadata"]:
                item["metadata"]["selected"] = True
        tap = TapRecurly(config=config, state=state, catalog=catalog)
        output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(output):
            tap.sync_all()
        tap.site.close()
        output.seek(0)
        records: Records = {stream.name: [] for stream in STREAMS}
        for line in output:
            message = json.loads(line)
            if message["type"] == "RECORD":
                records[message["stream"]].append(message["record"])
            elif message["type"] == "STATE":
                state = message["value"]
        return records, state


@pytest.fixture(scope="module")
def merchant() -> Iterator[Merchant]:
    """The merchant, open for requests."""
    made = Merchant()
    with made.server:
        yield made


@pytest.fixture(scope="module")
def first_run(merchant: Merchant) -> tuple[Records, dict[str, Any]]:
    """The first run of all streams."""
    return merchant.sync({})


def _by_id(rows: list[Record]) -> dict[str, Record]:
    return {row["id"]: row for row in rows}


@pytest.mark.parametrize(
    "stream",
    [stream for stream in STREAMS if stream.name not in TOLD_ELSEWHERE],
    ids=lambda stream: stream.name,
)
def test_first_run_gives_the_site_as_it_is(
    merchant: Merchant, first_run: tuple[Records, Any], stream: type[RecurlyStream]
) -> None:
    """Every stream is as a plain loop reads it; rows of a parent's list carry the parent's id."""
    records = first_run[0][stream.name]
    truth = merchant.plain_truth(stream)
    assert truth
    for row in truth:
        if stream.name == "entitlements":
            row["customer_permission_id"] = row["customer_permission"]["id"]
        if stream.name == "invoices" and row["has_more_line_items"]:
            items = merchant.plain_read(
                f"/invoices/{row['id']}/line_items?sort=updated_at&order=asc"
            )
            row |= {"line_items": list(items), "has_more_line_items": False}

    def counted(rows: list[Record]) -> Counter[str]:
        return Counter(json.dumps(row, sort_keys=True) for row in rows)

    assert counted(records) == counted(truth)


def test_balances_are_those_of_all_accounts(
    merchant: Merchant, first_run: tuple[Records, Any]
) -> None:
    """Every account has its balance, under its id."""
    told = {row["account_id"]: row for row in first_run[0]["account_balances"]}
    for account in merchant.plain_read("/accounts"):
        balance = merchant.get(f"/accounts/{account['id']}/balance")
        assert told.pop(account["id"]) == balance | {"account_id": account["id"]}
    assert not told


def test_export_dates_are_told_one_by_one(
    merchant: Merchant, first_run: tuple[Records, Any]
) -> None:
    """Each day with automated exports is a record."""
    told = [row["date"] for row in first_run[0]["export_dates"]]
    assert told == merchant.get("/export_dates")["dates"]


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_schema_accepts_every_record_and_knows_every_field(
    first_run: tuple[Records, Any], stream: type[RecurlyStream]
) -> None:
    """A stream's JSON Schema, its keys included, accepts what the site gives, and names it all."""
    schema = stream.record_schema()
    validate = validator_of(schema)
    records = first_run[0][stream.name]
    assert records
    for record in records:
        validate(record)
        assert record.keys() <= schema["properties"].keys()
    assert {*stream.primary_keys} <= {*schema["required"]}
    keys = [tuple(record[key] for key in stream.primary_keys) for record in records]
    assert len({*keys}) == len(keys)


def test_second_run_gives_what_has_changed(
    merchant: Merchant, first_run: tuple[Records, dict[str, Any]]
) -> None:
    """After some weeks a second run brings every row to its present version, reading less."""
    first, state = first_run
    merchant.site.advance(timedelta(days=20))
    second, _ = merchant.sync(state)
    for stream in LISTS:
        truth = {row["id"]: row["updated_at"] for row in merchant.plain_read(f"/{stream}")}
        merged = _by_id(first[stream]) | _by_id(second[stream])
        assert {row_id: row["updated_at"] for row_id, row in merged.items()} == truth
    assert len(second["invoices"]) < len(first["invoices"])


def test_snapshots_agree_with_both_lists(merchant: Merchant) -> None:
    """A snapshot is the account, with its subscriptions and the accounts that share its address."""
    records, _ = merchant.sync({})
    subscriptions: dict[str, set[str]] = {}
    for subscription in merchant.plain_read("/subscriptions"):
        subscriptions.setdefault(subscription["account"]["id"], set()).add(subscription["id"])
    accounts = _by_id(list(merchant.plain_read("/accounts")))
    people: dict[str, set[str]] = {}
    for account_id, account in accounts.items():
        people.setdefault((account["email"] or account_id).lower(), set()).add(account_id)
    snapshots = _by_id(records["account_snapshots"])
    assert snapshots.keys() == accounts.keys()
    for account_id, snapshot in snapshots.items():
        owned = snapshot.pop("subscriptions")
        assert {one["id"] for one in owned} == subscriptions.get(account_id, set())
        person = {account_id, *(other["id"] for other in snapshot.pop("same_email"))}
        assert person == people[(snapshot["email"] or account_id).lower()]
        assert snapshot == WRITTEN.record(accounts[account_id])


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/external_products", "/general_ledger_accounts"])
def test_no_row_is_lost_while_a_whole_list_changes(path: str) -> None:
    """A list that cannot be filtered is complete, though its rows change before every page."""
    clock = Clock(behind=timedelta(days=30))
    site = RecurlySite(clock, None, per_minute=100_000)
    resource = path.strip("/")
    for number in range(900):
        site.store.put(resource, {"id": f"row{number:04}"})
        clock.advance(timedelta(seconds=1))
    turn = iter(range(0, 900, 7))

    def change_some() -> None:
        clock.advance(timedelta(seconds=1))
        for number in (next(turn), 899 - next(turn)):
            site.store.put(resource, {"id": f"row{number:04}", "code": f"changed {number}"})

    site.options.before_each_request = change_some
    with LocalServer(site.app) as server:
        tap = TapRecurly(config={"api_key": site.api_key, "api_url": server.url})
        stream = next(stream for stream in tap.discover_streams() if stream.path == path)
        rows = [row.id for row in stream.get_records()]
        tap.site.close()
    assert {*rows} == {f"row{number:04}" for number in range(900)}
