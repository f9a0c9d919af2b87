"""Answers that the live Recurly was recorded to give, each with what the transform makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_to_klaviyo import Transform

RECORDED = Path(__file__).parents[3] / "shared/recorded/recurly"
EVERYTHING = {
    "metrics": ["native", "lifecycle", "dunning", "reminders"],
    "properties": ["native", "status"],
}
pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers (../shared/recorded) are not here"
)

Told = list[tuple[str, str, Any]]


def _event(time: str, value: float, metric: str) -> tuple[str, str, float]:
    return metric, time, value


EXPECTED: dict[str, tuple[str, Told]] = {
    "account_empty_strings.json": ("account_snapshots", []),
    "invoice_legacy_with_credit_line.json": (
        "invoices",
        [
            _event("2015-02-11T08:19:59Z", 5.0, "Issued Invoice"),
            _event("2015-02-11T08:19:59Z", 10.0, "Ordered Product"),
        ],
    ),
    "transaction_purchase_success.json": (
        "transactions",
        [_event("2015-02-11T08:19:59Z", 5.0, "Successfully Paid")],
    ),
    "transaction_purchase_void_by_invoice.json": (
        "transactions",
        [
            _event("2019-03-18T11:14:35Z", 100.0, "Successfully Paid"),
            _event("2019-03-18T11:15:35Z", 100.0, "Refunded Payment"),
        ],
    ),
    "transaction_verify_declined.json": ("transactions", []),
    "transaction_verify_success_voided_at_created_at.json": ("transactions", []),
}
"""What gives rows: the file, the stream it comes in, and the events it must give."""

EMBEDDED = {"line_item_charge_carryforward.json", "subscription_expired.json"}
"""What comes inside of another record."""

FOR_OTHERS = {
    *("account_note.json", "coupon_redemption.json", "error_406.json", "headers_200.json"),
    *("list_next_as_documented.json", "list_next_relative.json"),
}
"""What never reaches the transform."""


def _recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text())


def _events(transform: Transform, stream: str, record: dict[str, Any]) -> Told:
    return [
        (row["metric"], row["time"], row.get("value"))
        for kind, row in transform.rows(stream, record)
        if kind == "event"
    ]


def test_every_recorded_answer_is_decided() -> None:
    """A new recording must be given its place here."""
    assert {path.name for path in RECORDED.iterdir()} == {*EXPECTED, *EMBEDDED, *FOR_OTHERS}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_record_gives_these_events(
    transform_with: Callable[..., Transform], name: str
) -> None:
    """With every metric chosen, and nothing in it is unreadable."""
    stream, expected = EXPECTED[name]
    transform = transform_with(**EVERYTHING)
    assert _events(transform, stream, _recorded(name)) == expected
    assert not [sentence for sentence in transform.summary() if "could not be read" in sentence]


def test_empty_texts_make_an_account_without_address(
    transform_with: Callable[..., Transform],
) -> None:
    """The recorded account has no address but `""`: its id it is, and its card is told."""
    record = {**_recorded("account_empty_strings.json"), "same_email": [], "subscriptions": []}
    ((_, row),) = transform_with(**EVERYTHING).rows("account_snapshots", record)
    assert row["external_id"] == "abc"
    assert "email" not in row
    assert row["properties"]["Recurly Card Expiration Date"] == "2020-11-30"
    assert row["properties"]["Recurly Subscription Status"] == "none"


def test_a_recorded_subscription_gives_its_whole_life(
    transform_with: Callable[..., Transform], snapshot: Callable[..., dict[str, Any]]
) -> None:
    """Read years later it still tells of its start, its cancellation and its end."""
    record = snapshot(subscriptions=[_recorded("subscription_expired.json")])
    assert _events(transform_with(**EVERYTHING), "account_snapshots", record) == [
        _event("2019-03-26T09:28:17Z", 99.0, "Started Subscription"),
        _event("2019-03-26T09:37:26Z", 99.0, "Canceled Subscription"),
        _event("2019-03-26T09:37:26Z", 99.0, "Expired Subscription"),
    ]


def test_a_carried_forward_line_was_not_ordered(
    transform_with: Callable[..., Transform], invoice: Callable[..., dict[str, Any]]
) -> None:
    """The recorded line item is a charge by type and moves money by origin."""
    record = invoice(line_items=[_recorded("line_item_charge_carryforward.json")])
    metrics = [metric for metric, _, _ in _events(transform_with(), "invoices", record)]
    assert metrics == ["Issued Invoice"]
