"""An audit names what is wrong, a repair mends what can be mended."""

from __future__ import annotations

from typing import Any


def test_audit_names_exactly_what_is_wrong_and_repair_mends_it(shop: Any) -> None:
    """20 events deleted, 5 silently dropped, 3 profiles altered: named, mended, clean again."""
    shop.sync()
    deleted = [f"id{number:05d}" for number in range(0, 300, 15)]
    assert shop.account.delete_events(shop.unique_ids(deleted)) == 20
    shop.account.alter_profile("user1@shop.io", **{"Recurly Account Code": "other"})
    shop.account.alter_profile("user2@shop.io", **{"Recurly Plans": "Gold, Silver"})
    shop.account.alter_profile("user5@shop.io", **{"Recurly Card Expiration Date": "2020-01-31"})

    found = shop.audit()

    assert not found.agrees
    assert found.named("missing") == set(deleted)
    assert found.named("dropped") == {f"id{number:05d}" for number in range(300, 305)}
    assert found.report["totals"]["missing"] == 20
    assert found.report["totals"]["unexpected"] == found.report["totals"]["moved"] == 0
    assert {
        (each["profile"], each["property"], str(each["found"]))
        for each in found.report["profiles"]["differences"]
    } == {
        ("user1@shop.io", "Recurly Account Code", "other"),
        ("user2@shop.io", "Recurly Plans", "Gold, Silver"),
        ("user5@shop.io", "Recurly Card Expiration Date", "2020-01-31"),
    }

    repaired = shop.audit("repair")

    assert repaired.agrees
    assert repaired.report["repair"]["events_sent"] == 20
    assert repaired.report["repair"]["profiles_sent"] == 3
    assert repaired.report["totals"]["dropped"] == 5
    assert len(shop.account.events()) == 300
    assert shop.audit().agrees
