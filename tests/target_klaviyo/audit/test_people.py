"""Whose an event and a profile is: other profiles, former addresses, anchors, erased people."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from target_klaviyo.audit.expected import ExpectedProfile
from target_klaviyo.audit.profiles import ERASED, differences
from target_klaviyo.rows.contract import Origin
from target_klaviyo.rows.parser import RowParser

METRIC = "Successfully Paid"


def test_an_event_under_another_profile_is_named_as_that(shop: Any) -> None:
    """It is neither missing nor unexpected, is not sent again, and the advice is to merge."""
    right = [dict(row) for row in shop.events]
    shop.events[2]["profile"] = {"email": "former@shop.io"}
    shop.sync()
    shop.events = right

    verdict = shop.audit("repair")

    assert not verdict.agrees
    assert verdict.named("elsewhere") == {"recurly-2"}
    assert verdict.report["totals"]["missing"] == verdict.report["totals"]["unexpected"] == 0
    assert verdict.report["repair"]["events_sent"] == 0
    (finding,) = verdict.metric(METRIC)["findings"][:1]
    assert finding["found_profile"] == "former@shop.io"
    assert finding["reason"] == "stored under another profile, former@shop.io"
    assert "1 event under another profile" in verdict.sentence
    assert "merge them in Klaviyo" in verdict.sentence
    assert "former@shop.io" not in verdict.sentence


def test_an_event_stored_twice_counts_as_surplus_of_the_other_profile(shop: Any) -> None:
    """The customer's address changed, and the event was read again: revenue counts it twice."""
    shop.sync()
    shop.site.events({**shop.events[2], "profile": {"email": "former@shop.io"}})
    verdict = shop.audit()
    metric = verdict.metric(METRIC)
    assert verdict.named("elsewhere") == {"recurly-2"}
    (finding,) = (each for each in metric["findings"] if each["kind"] == "elsewhere")
    assert finding["reason"] == "stored a second time, under another profile, former@shop.io"
    assert metric["found"] == metric["expected"] + 1
    assert sum(day["surplus"] for day in metric["days"]) == 1


PARSER = RowParser(now=datetime(2026, 4, 1, tzinfo=timezone.utc), live_window=timedelta(days=3))


def _differences(row: dict[str, Any], *found: dict[str, Any]) -> list[tuple[str, Any, Any, str]]:
    """(property, expected, found, reason) of what differs."""
    parsed = PARSER.parse_profile(row, Origin("profiles", b"", b""))
    expected = ExpectedProfile(parsed, reason="")
    indexed: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number, profile in enumerate(found):
        shown = {"id": f"P{number}", **profile}
        for kind in ("email", "external_id"):
            if shown.get(kind):
                indexed.setdefault((kind, shown[kind]), []).append(shown)
    wrong = differences(expected, indexed)
    return [(each["property"], each["expected"], each["found"], each["reason"]) for each in wrong]


ANCHORED = {"email": "new@shop.io", "external_id": "acc-1"}
ROW = {
    "email": "new@shop.io",
    "external_id": "acc-1",
    "also_known_as": ["acc-2"],
    "properties": {"Plan": "Gold", "Card": None},
}
GOLD = {"properties": {"Plan": "Gold"}}


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ([], [("", "a profile", None, "")]),
        ([{**ANCHORED, **GOLD}], []),
        ([{"email": "new@shop.io", "external_id": "acc-2", **GOLD}], []),
        ([{"email": "new@shop.io", "external_id": "a stranger's", **GOLD}], []),
        (
            [{"email": "new@shop.io", **GOLD}],
            [("external_id", "acc-1", None, "")],
        ),
        (
            [{"email": "old@shop.io", "external_id": "acc-1", **GOLD}],
            [("email", "new@shop.io", "old@shop.io", "")],
        ),
        (
            [{"email": "old@shop.io", "external_id": "acc-2", "properties": {"Plan": "Tin"}}],
            [("email", "new@shop.io", "old@shop.io", ""), ("Plan", "Gold", "Tin", "")],
        ),
        (
            [
                {**ANCHORED, **GOLD},
                {"email": "old@shop.io", "external_id": "acc-2"},
            ],
            [("a profile under a former address", None, "old@shop.io", "")],
        ),
        (
            [{**ANCHORED, "properties": {"Plan": "Gold", "Card": "2027"}}],
            [("Card", None, "2027", "")],
        ),
        (
            [{**ANCHORED, "properties": {"Plan": "Gold", "Size": 7}}],
            [],
        ),
    ],
)  # fmt: skip
def test_a_person_is_found_by_anchor_and_by_address(
    found: list[dict[str, Any]], wrong: list[tuple[str, Any, Any, str]]
) -> None:
    """What the row does not mention is not compared, and a stranger's anchor is left alone."""
    assert _differences(ROW, *found) == wrong


@pytest.mark.parametrize(("email", "reason"), [("erased@shop.io", ERASED), (None, "")])
def test_what_the_source_has_erased_is_explained(email: str | None, reason: str) -> None:
    """A redacted account has no address left; the profile that still has one keeps its card."""
    row = {"external_id": "acc-1", "properties": {"Card": None}}
    shown = {"external_id": "acc-1", "email": email, "properties": {"Card": "2027-03-31"}}
    assert _differences(row, shown) == [("Card", None, "2027-03-31", reason)]


def test_a_row_without_a_property_does_not_judge_it(shop: Any) -> None:
    """A deselected field was not read: whatever Klaviyo has there stays out of the audit."""
    shop.sync()
    for row in shop.profiles:
        del row["properties"]["Recurly Card Expiration Date"]
    shop.account.alter_profile("user1@shop.io", **{"Recurly Card Expiration Date": "2020-01-31"})
    assert shop.audit().agrees


def test_a_profile_under_a_former_address_is_found_by_its_anchor(shop: Any) -> None:
    """The customer changed the address at the source; Klaviyo's profile bears the old one."""
    shop.profiles = [{**shop.profiles[1], "external_id": "acc-1"}]
    shop.events = [row for row in shop.events if row["profile"]["email"] == "user1@shop.io"]
    shop.sync()
    for row in (*shop.profiles, *(event["profile"] for event in shop.events)):
        row["email"] = "changed@shop.io"

    verdict = shop.audit()

    assert not verdict.agrees
    assert verdict.report["totals"]["missing"] == verdict.report["totals"]["elsewhere"] == 0
    (difference,) = verdict.report["profiles"]["differences"]
    assert (difference["property"], difference["found"]) == ("email", "user1@shop.io")
    assert "1 profile altered" in verdict.sentence


def test_a_repair_says_that_events_stay_with_a_former_profile(shop: Any) -> None:
    """The person moves to a profile that a form has made; the verdict is that of a fresh audit."""
    shop.profiles = [{**shop.profiles[1], "external_id": "acc-1"}]
    shop.events = [row for row in shop.events if row["profile"]["email"] == "user1@shop.io"]
    shop.sync()
    shop.account.add_profile("changed@shop.io")
    for row in (*shop.profiles, *(event["profile"] for event in shop.events)):
        row["email"] = "changed@shop.io"

    verdict = shop.audit("repair")

    assert verdict.named("elsewhere") == {event["unique_id"] for event in shop.events}
    assert verdict.report["profiles"]["differing"] == 0
    assert verdict.report["totals"] == shop.audit().report["totals"]
