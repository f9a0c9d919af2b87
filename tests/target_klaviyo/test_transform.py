"""The seam to transforms: an installed class that turns raw records into rows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recurly_to_klaviyo.config import read_settings
from recurly_to_klaviyo.samples import sample_records
from target_klaviyo.errors import SettingsError

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site

PACKAGE = """
class Shop:
    streams = frozenset({"orders"})

    def __init__(self, settings):
        if "metric" not in settings:
            raise ValueError("metric is missing.")
        self._metric = settings["metric"]

    def rows(self, stream, record):
        if record["sum"] < 0:
            raise ValueError("The order has a negative sum.")
        person = {"email": record["mail"]}
        for position, item in enumerate(record["items"]):
            yield "event", {"metric": self._metric, "unique_id": f"{record['no']}-{position}",
                "time": "2026-01-01T00:00:00Z", "profile": person, "properties": {"Item": item}}
        yield "profile", {**person, "properties": {"Orders": record["no"]}}

    def summary(self):
        return ["The shop has closed."]
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed package that offers a transform under this name."""
    folder = tmp_path / "site-packages"
    metadata = folder / "shop_rows-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "shop_rows.py").write_text(PACKAGE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-rows\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[target_klaviyo.transforms]\nshop = shop_rows:Shop\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    return "shop"


def order(number: int, items: list[str], *, total: float = 1.0) -> dict[str, object]:
    """A record of the shop."""
    return {"no": number, "mail": f"user{number}@shop.io", "items": items, "sum": total}


def test_one_record_becomes_several_rows(
    site: Site, sample: Samples, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Events and profile of a record all arrive, and the transform has the last word."""
    caplog.set_level("INFO")
    run = site.sync(
        site.messages("orders", [order(1, ["hat", "coat"]), order(2, ["hat"])]),
        transform=shop,
        transform_config={"metric": "Ordered"},
    )
    assert [seen.unique_id for seen in site.account.events("Ordered")] == ["1-0", "1-1", "2-0"]
    assert len(site.account.profiles()) == 2
    assert run.states == [{"done": 2}]
    assert "The shop has closed." in caplog.messages
    assert sample is site.sample


def test_an_audit_that_fails_says_it_once(
    site: Site, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The transform speaks before the verdict, and not again when there can be none."""
    caplog.set_level("INFO")
    with pytest.raises(SettingsError, match="Nothing can be compared: the first of 1 event"):
        site.sync(
            site.messages("orders", [order(1, ["hat"])]),
            transform=shop,
            transform_config={"metric": "Ordered"},
            mode="audit",
            audit_to="2025-12-31",
        )
    assert caplog.messages.count("The shop has closed.") == 1


def test_a_refused_record_is_rejected_raw_and_replayed_through_the_transform(
    site: Site, shop: str
) -> None:
    """The rejects file holds the raw record with its SCHEMA, so that a replay transforms it."""
    config = {"transform": shop, "transform_config": {"metric": "Ordered"}}
    run = site.sync(
        site.messages("orders", [order(1, [], total=-1.0), {"no": 2}, order(3, [""])]), **config
    )
    assert [message["stream"] for message in run.rejects] == ["orders", "orders"]
    assert run.reasons == [
        "The order has a negative sum.",
        "The transform fails on this record (KeyError: 'sum').",
    ]
    mended = site.rejects_path.read_bytes().replace(b'"sum": -1.0', b'"sum": 1.0')
    assert json.loads(mended.splitlines()[0])["type"] == "SCHEMA"
    site.rejects_path.unlink()
    again = site.sync(mended, **config)
    assert again.reasons == ["The transform fails on this record (KeyError: 'sum')."]
    assert site.account.profile("user1@shop.io") is not None


def test_a_transform_that_does_not_take_its_settings_is_named(site: Site, shop: str) -> None:
    """What the transform says about its settings reaches the user."""
    with pytest.raises(SettingsError, match="'transform_config' is not right: metric is missing"):
        site.sync([], transform=shop)


MAPPER = Path(sys.executable).parent / "recurly-to-klaviyo"


def recurly_feed(sample: Samples) -> bytes:
    """A payment, and an invoice whose account is not known but for its secrets."""
    records = sample_records(read_settings({}), datetime.now(timezone.utc))
    payments = [record for stream, record in records if stream == "transactions"]
    invoice = {"id": "i1", "type": "charge", "state": "paid", "created_at": "2026-01-31T12:00:00Z"}
    bad = invoice | {"account": {"hosted_login_token": "t0ps3cret"}}
    messages: list[dict[str, object]] = []
    for stream, record in (("transactions", payments[1]), ("invoices", bad)):
        messages.append(sample.schema(stream) | {"key_properties": ["id"]})
        messages.append(sample.record(stream, record))
    return sample.lines([*messages, sample.state("all")])


@pytest.mark.parametrize("by_mapper", [True, False])
def test_a_raw_record_is_kept_without_secrets_and_replayed(
    site: Site, sample: Samples, *, by_mapper: bool
) -> None:
    """Whether a mapper before the target or its own transform rejects it: one entry, as raw."""
    feed = recurly_feed(sample)
    settings = {} if by_mapper else {"transform": "recurly"}
    for _ in range(2):
        source = feed
        if by_mapper:
            source = subprocess.run([MAPPER], input=feed, capture_output=True, check=True).stdout
        assert site.sync(source, **settings).states == ["all"]
    (entry,) = site.rejects()
    assert (entry["stream"], entry["record"]["id"]) == ("invoices", "i1")
    assert b"t0ps3cret" not in site.rejects_path.read_bytes()
    known = b'"account": {"id": "a1", "code": "a1", "email": "ada@shop.io"}'
    mended = re.sub(rb'"account": ?\{\}', known, site.rejects_path.read_bytes())
    run = site.sync(mended, transform="recurly")
    assert run.rejects == []
    assert "recurly-invoice-i1-issued" in {seen.unique_id for seen in site.account.events()}
