"""What an audit finds, and what it must not be misled by."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from recurly_klaviyo_sandbox.faults import Fault, Trouble
from target_klaviyo.errors import KlaviyoError, SettingsError


def test_all_in_place_agrees_and_prints_no_state(shop: Any) -> None:
    """A feed compared with itself: nothing found, nothing written, no STATE."""
    shop.sync()
    before = shop.site.requests("event-bulk-create-jobs")
    verdict = shop.audit()
    assert verdict.agrees
    assert verdict.states == []
    assert verdict.report["totals"]["expected"] == 305
    assert verdict.report["totals"]["found"] == 300
    assert shop.site.requests("event-bulk-create-jobs") == before
    assert not shop.site.rejects_path.exists()


def test_nothing_synchronised_is_all_missing(shop: Any) -> None:
    """Metrics that Klaviyo has never heard of count as empty."""
    verdict = shop.audit()
    assert not verdict.agrees
    assert verdict.report["totals"]["missing"] == 300
    assert verdict.report["profiles"]["differing"] == 40
    assert all(metric["id"] is None for metric in verdict.report["metrics"])


def test_the_native_integrations_metric_is_another(shop: Any) -> None:
    """A metric of the same name that is not the API's adds nothing and hides nothing."""
    shop.sync()
    now = datetime.now(timezone.utc).timestamp()
    shop.account.seed_native_metric("Failed Payment", [now - 86_400 * day for day in range(1, 300)])
    assert shop.audit().agrees

    gone = [row["unique_id"] for row in shop.events if row["metric"] == "Failed Payment"]
    shop.account.delete_events(gone)
    assert shop.audit().report["totals"]["missing"] == 100


def test_our_metric_is_found_behind_pages_of_others(shop: Any) -> None:
    """GET /api/metrics has pages of 200."""
    proto = shop.events[0]
    shop.site.events(
        *({**proto, "metric": f"Metric {number}", "unique_id": "x"} for number in range(250))
    )
    shop.sync()
    verdict = shop.audit()
    assert verdict.agrees
    assert len(verdict.report["other_metrics"]) == 250


def test_surplus_moved_and_altered_events_are_told_apart(shop: Any) -> None:
    """What is stored under another day, with another value, or without a source is named so."""
    day = timedelta(days=1)
    right = [dict(row) for row in shop.events]
    moved, altered = shop.events[10], shop.events[20]
    moved["time"] = (datetime.fromisoformat(moved["time"]) + 3 * day).isoformat()
    altered["value"] = 999.0
    surplus = {**shop.events[30], "unique_id": "another", "properties": {"Recurly ID": "another"}}
    shop.events.append(surplus)
    shop.sync()
    shop.events = right

    verdict = shop.audit()

    assert verdict.named("moved") == {"id00010"}
    assert verdict.named("altered") == {"id00020"}
    assert verdict.named("unexpected") == {"another"}
    assert verdict.report["totals"]["missing"] == 0
    assert "1 event moved" in verdict.sentence


def test_events_without_the_key_are_known_by_second_value_and_profile(shop: Any) -> None:
    """A source that sends no Recurly ID is audited all the same."""
    for row in shop.events:
        row["properties"] = {"Plan": "Gold"}
    shop.sync()
    assert shop.audit().agrees
    row = shop.events[7]
    shop.account.delete_events([row["unique_id"]])
    verdict = shop.audit()
    assert verdict.report["totals"]["missing"] == 1
    assert verdict.report["totals"]["unexpected"] == 0
    (finding,) = (
        each for each in verdict.metric(row["metric"])["findings"] if each["kind"] == "missing"
    )
    assert finding["unique_id"] == row["unique_id"]


def test_another_property_can_be_the_key(shop: Any) -> None:
    """The setting 'audit_key' names it."""
    for number, row in enumerate(shop.events):
        row["properties"] = {"Order": f"o{number}"}
    shop.sync()
    shop.account.delete_events([shop.events[3]["unique_id"]])
    assert shop.audit(audit_key="Order").named("missing") == {"o3"}


def test_young_events_are_pending(shop: Any) -> None:
    """What Klaviyo may not show yet is not missing, and leaves the audit clean."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    shop.events[0]["time"] = (now - timedelta(minutes=3)).isoformat()
    shop.sync()
    shop.account.delete_events([shop.events[0]["unique_id"]])

    verdict = shop.audit()
    assert verdict.agrees
    assert verdict.named("pending") == {"id00000"}

    verdict = shop.audit(settle_minutes=1)
    assert not verdict.agrees
    assert verdict.named("missing") == {"id00000"}


def test_only_the_days_asked_for_are_compared(shop: Any) -> None:
    """audit_from and audit_to bound both sides."""
    shop.sync()
    shop.account.delete_events([row["unique_id"] for row in shop.events])
    verdict = shop.audit(audit_from="2000-01-01", audit_to="2000-12-31")
    assert verdict.agrees
    assert verdict.report["totals"]["expected"] == verdict.report["totals"]["found"] == 0
    assert [len(metric["days"]) for metric in verdict.report["metrics"]] == [366] * 3

    old = {"time": "2000-06-15T12:00:00Z", "unique_id": "old", "properties": {"Recurly ID": "old"}}
    shop.site.events({**shop.events[0], **old})
    verdict = shop.audit(audit_from="2000-01-01", audit_to="2000-12-31")
    assert verdict.named("unexpected") == {"old"}


def test_a_cent_of_rounding_is_no_difference(shop: Any) -> None:
    """Values are compared to the cent, not to the last bit."""
    for row in shop.events:
        row["value"] = 0.1
    shop.sync()
    for row in shop.events:
        row["value"] = 0.1 + 1e-9
    assert shop.audit().agrees


def test_amounts_in_other_currencies_are_not_summed_against_klaviyos(shop: Any) -> None:
    """Klaviyo may convert them, so their sums are noted and not judged."""
    for row in shop.events:
        row["value_currency"] = "SEK"
    shop.sync()
    for row in shop.events:
        row["value"] *= 2
    verdict = shop.audit()
    assert verdict.agrees
    assert any("note" in day for day in verdict.report["metrics"][0]["days"])


def test_rejects_are_reasons(shop: Any) -> None:
    """A row that stands in the rejects file is absent for the reason given there."""
    shop.sync()
    row = shop.events[4]
    shop.account.delete_events([row["unique_id"]])
    record = {"type": "RECORD", "stream": "events", "record": row, "reason": "Klaviyo refused it."}
    shop.site.rejects_path.write_bytes(
        shop.site.sample.lines([shop.site.sample.schema("events"), record])
    )
    verdict = shop.audit()
    assert verdict.agrees
    assert verdict.named("rejected") == {"id00004"}
    assert "in the rejects file" in verdict.report["sentence"]


def test_rows_that_cannot_be_sent_are_counted_apart(shop: Any) -> None:
    """A row that breaks the contract is not expected; the report says how many there were."""
    shop.sync()
    shop.events.append({**shop.events[0], "time": "yesterday"})
    verdict = shop.audit()
    assert verdict.agrees
    (never,) = verdict.report["never_sent"]
    assert never["count"] == 1
    assert "ISO 8601" in never["reason"]
    assert not shop.site.rejects_path.exists()


def test_two_accounts_on_one_address_are_one_profile(shop: Any) -> None:
    """As in writing, the row that came last wins."""
    shop.profiles.append({**shop.profiles[3], "properties": {"Recurly Account Code": "later"}})
    shop.sync()
    verdict = shop.audit()
    assert verdict.agrees
    assert verdict.report["profiles"]["expected"] == 40


def test_profiles_can_be_sampled_or_left_out(shop: Any) -> None:
    """audit_profiles says how many; 0 is none, -1 is all."""
    shop.sync()
    for number, checked in ((0, 0), (7, 7), (-1, 40)):
        assert shop.audit(audit_profiles=number).report["profiles"]["checked"] == checked


def test_a_missing_profile_is_one_difference(shop: Any) -> None:
    """A profile that is not there is named once, not property by property."""
    shop.sync()
    shop.profiles.append({"external_id": "nobody-knows", "properties": {"Plan": "Gold"}})
    verdict = shop.audit()
    (difference,) = verdict.report["profiles"]["differences"]
    assert difference["profile"] == "nobody-knows"
    assert difference["property"] == ""


def test_trouble_on_the_way_is_outlasted(shop: Any) -> None:
    """Slow-downs, server errors and lost answers change nothing about the verdict."""
    shop.sync()
    shop.account.network.faults += [
        Fault(Trouble.ANSWER, "metric-aggregates", status=429, headers={"Retry-After": "0"}),
        Fault(Trouble.ANSWER, "/api/metrics", status=503),
        Fault(Trouble.RESET_AFTER, "/api/profiles"),
    ]
    assert shop.audit().agrees


def test_an_audit_keeps_within_klaviyos_limits(shop: Any) -> None:
    """Alone on its account, it never sees a 429: metric-aggregates takes three a second."""
    shop.sync()
    shop.account.options.limits = True
    assert shop.audit().agrees
    assert shop.site.requests("metric-aggregates") == 3
    assert shop.site.requests(status=429) == 0


def test_a_key_that_may_not_read_is_told_so_at_once(shop: Any) -> None:
    """One sentence names the scope; nothing of the feed is read before."""
    shop.account.add_key("write-only", {"events:write"})
    with pytest.raises(KlaviyoError, match="accounts:read"):
        shop.audit(api_key="write-only")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"audit_from": "last week"}, "'audit_from' must be a day"),
        ({"audit_from": "2026-02-01", "audit_to": "2026-01-01"}, "lies after 'audit_to'"),
        ({"source_timezone": "America/Gotham"}, "names no time zone"),
        ({"report_path": "audit.json"}, "names the page"),
        ({"settle_minutes": -1}, "'settle_minutes' must be at least 0"),
        ({"audit_profiles": -2}, "'audit_profiles' must be at least -1"),
    ],
)
def test_wrong_settings_are_sentences(shop: Any, settings: dict[str, Any], said: str) -> None:
    """Each names the setting and what it should be."""
    with pytest.raises(SettingsError, match=said):
        shop.site.sync([], mode="audit", **settings)
