"""Events whose time moves as the source record changes; Klaviyo keeps that of the first sending."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

DAY = timedelta(days=1)
METRIC = "Successfully Paid"


def _noon(days_ago: int) -> datetime:
    today = datetime.now(timezone.utc).replace(hour=12, minute=0, second=0, microsecond=0)
    return today - days_ago * DAY


def _debit(shop: Any, *, sent_as: datetime, earliest: datetime | None, now: datetime) -> None:
    """A debit that was sent under one time, and whose record tells a later one by now."""
    row = {
        **shop.events[2],
        "unique_id": "debit",
        "time": sent_as.isoformat(),
    }
    shop.events.append(row)
    shop.sync()
    row["time"] = now.isoformat()
    if earliest is not None:
        row["earliest_time"] = earliest.isoformat()


def test_a_time_between_the_two_agrees(shop: Any) -> None:
    """Stored nine days before its present time, yet after the earliest: nothing is wrong."""
    _debit(shop, sent_as=_noon(20), earliest=_noon(21), now=_noon(11))
    verdict = shop.audit()
    assert verdict.agrees
    metric = verdict.metric(METRIC)
    assert metric["stored_under_an_earlier_time"] == 1
    assert all(day["expected"] == day["found"] for day in metric["days"])
    assert not any(day["differs"] for day in metric["days"])
    assert "1 event stands under an earlier time" in verdict.page.read_text()


@pytest.mark.parametrize("earliest", [None, 15])
def test_any_other_time_is_moved(shop: Any, earliest: int | None) -> None:
    """Without an earliest time, or stored before it, the event stands under a wrong day."""
    _debit(shop, sent_as=_noon(20), earliest=_noon(earliest) if earliest else None, now=_noon(11))
    verdict = shop.audit()
    assert not verdict.agrees
    assert verdict.named("moved") == {"debit"}
    assert verdict.report["totals"]["missing"] == 0


def test_an_event_stored_before_the_period_is_not_missing(shop: Any) -> None:
    """With audit_from between the two times it is looked up where it may stand."""
    _debit(shop, sent_as=_noon(40), earliest=_noon(43), now=_noon(5))
    verdict = shop.audit(audit_from=_noon(10).date().isoformat())
    assert verdict.agrees
    metric = verdict.metric(METRIC)
    assert metric["expected"] == metric["found"]


def test_an_event_stored_within_the_period_is_not_unexpected(shop: Any) -> None:
    """With audit_to between the two times it is expected where it is."""
    _debit(shop, sent_as=_noon(20), earliest=_noon(21), now=_noon(2))
    verdict = shop.audit(audit_to=_noon(12).date().isoformat())
    assert verdict.agrees
    metric = verdict.metric(METRIC)
    assert metric["expected"] == metric["found"]


def test_one_that_is_nowhere_is_missing_and_mended(shop: Any) -> None:
    """An event whose time moves can be missing like any other, and a repair sends it."""
    _debit(shop, sent_as=_noon(20), earliest=_noon(21), now=_noon(5))
    shop.account.delete_events(["debit"])
    period = {"audit_from": _noon(10).date().isoformat()}
    assert shop.audit(**period).named("missing") == {"debit"}
    repaired = shop.audit("repair", **period)
    assert repaired.agrees
    assert repaired.report["repair"]["events_sent"] == 1


def test_a_repair_leaves_it_as_it_is(shop: Any) -> None:
    """What agrees is not sent again, and agrees in the second comparison as in the first."""
    _debit(shop, sent_as=_noon(20), earliest=_noon(21), now=_noon(11))
    shop.account.delete_events([shop.events[5]["unique_id"]])
    repaired = shop.audit("repair")
    assert repaired.agrees
    assert repaired.report["repair"]["events_sent"] == 1
    assert repaired.metric(METRIC)["stored_under_an_earlier_time"] == 1


def test_a_day_that_agreed_by_chance_is_looked_at_too(shop: Any) -> None:
    """One event lost on the very day on which another stands that is expected elsewhere."""
    lost = {
        **shop.events[2],
        "unique_id": "lost",
        "time": _noon(20).isoformat(),
    }
    shop.events.append(lost)
    _debit(shop, sent_as=_noon(20), earliest=_noon(21), now=_noon(11))
    shop.account.delete_events(["lost"])
    verdict = shop.audit()
    assert verdict.named("missing") == {"lost"}
    assert verdict.report["totals"]["unexpected"] == verdict.report["totals"]["moved"] == 0


def test_the_zones_are_not_suspected_for_it(shop: Any) -> None:
    """Beside a zone of the source, days that differ are still put down to the zones alone."""
    del shop.events[300:]
    _debit(shop, sent_as=_noon(20), earliest=_noon(21), now=_noon(11))
    plain = shop.audit(source_timezone="America/New_York")
    zones = plain.report["time_zones"]
    assert plain.agrees
    assert zones["are_the_cause"]
    assert zones["suggested"] is None
    assert "every day agrees" in " ".join(zones["sentences"])


def test_dropped_events_on_days_that_are_read_count_once(shop: Any) -> None:
    """A neighbour of a day that differs is read too; what Klaviyo drops there is told once."""
    dropped = next(row for row in shop.events if row["profile"]["email"].endswith("example.com"))
    next_day = datetime.fromisoformat(dropped["time"]) + DAY
    shop.events.append(
        {**dropped, "profile": {"email": "a@shop.io"}, "unique_id": "gone"}
        | {"time": next_day.isoformat()}
    )
    shop.sync()
    shop.account.delete_events(["gone"])
    verdict = shop.audit()
    assert verdict.named("missing") == {"gone"}
    assert verdict.report["totals"]["dropped"] == 5


@pytest.mark.parametrize(("apart", "said"), [(1, "1 second"), (90_060, "1 day and 1 hour")])
def test_another_time_is_named_with_its_distance(shop: Any, apart: int, said: str) -> None:
    """An event is where it was stored to the second, or it is moved."""
    row = {**shop.events[2], "unique_id": "late", "time": _noon(20).isoformat()}
    shop.events.append(row)
    shop.sync()
    row["time"] = (_noon(20) - timedelta(seconds=apart)).isoformat()
    verdict = shop.audit()
    (finding,) = verdict.metric(METRIC)["findings"]
    assert (finding["kind"], finding["unique_id"]) == ("moved", "late")
    assert finding["reason"] == f"stored {said} later"
