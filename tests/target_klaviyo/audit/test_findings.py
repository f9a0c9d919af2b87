"""What an audit finds, and what it must not be misled by."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from recurly_klaviyo_sandbox.faults import Fault, Trouble
from target_klaviyo.audit.found import FoundEvent, replace_found
from target_klaviyo.audit.store import open_store
from target_klaviyo.errors import KlaviyoError, SettingsError, TooManyRejects

if TYPE_CHECKING:
    from collections.abc import Callable


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
    shop.events.append({**shop.events[30], "unique_id": "another"})
    shop.sync()
    shop.events = right

    verdict = shop.audit()

    assert verdict.named("moved") == {"recurly-10"}
    assert verdict.named("altered") == {"recurly-20"}
    assert verdict.named("unexpected") == {"another"}
    assert verdict.report["totals"]["missing"] == 0
    assert "1 event moved" in verdict.sentence


def test_events_whose_unique_id_is_not_shown_are_known_by_profile_time_and_value(
    shop: Any,
) -> None:
    """Of two alike one can be missing, and the report says how they were compared."""
    shop.account.options.show_event_id = False
    shop.events.append({**shop.events[7], "unique_id": "twin"})
    shop.sync()
    assert shop.audit().agrees
    row = shop.events[7]
    shop.account.delete_events([row["unique_id"]])

    verdict = shop.audit()

    assert verdict.report["totals"]["missing"] == 1
    assert verdict.report["totals"]["unexpected"] == verdict.report["totals"]["moved"] == 0
    (note,) = verdict.metric(row["metric"])["notes"]
    assert note == (
        "All of Klaviyo's events do not show their unique_id (100): they were compared by "
        "profile, time and value."
    )


def test_young_events_are_pending(shop: Any) -> None:
    """What Klaviyo may not show yet is not missing, and leaves the audit clean."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    shop.events[0]["time"] = (now - timedelta(minutes=3)).isoformat()
    shop.sync()
    shop.account.delete_events([shop.events[0]["unique_id"]])

    verdict = shop.audit()
    assert verdict.agrees
    assert verdict.named("pending") == {"recurly-0"}

    verdict = shop.audit(settle_minutes=1)
    assert not verdict.agrees
    assert verdict.named("missing") == {"recurly-0"}


def test_only_the_days_asked_for_are_compared(shop: Any) -> None:
    """audit_from and audit_to bound both sides; that no event lay between them is said."""
    first = {**shop.events[0], "unique_id": "first", "time": "1999-06-15T12:00:00Z"}
    shop.events.append(first)
    shop.sync()
    shop.account.delete_events([row["unique_id"] for row in shop.events])
    verdict = shop.audit(audit_from="2000-01-01", audit_to="2000-12-31")
    assert verdict.agrees
    assert verdict.sentence == (
        "Klaviyo agrees with the source: no event lay between 2000-01-01 and 2000-12-31; "
        "40 profiles compared."
    )
    assert [len(metric["days"]) for metric in verdict.report["metrics"]] == [366] * 3

    old = {"time": "2000-06-15T12:00:00Z", "unique_id": "old"}
    shop.site.events({**shop.events[0], **old})
    verdict = shop.audit(audit_from="2000-01-01", audit_to="2000-12-31")
    assert verdict.named("unexpected") == {"old"}


def test_a_quiet_day_after_all_events_is_no_failure(shop: Any) -> None:
    """A small shop audits every day, and on most of them nothing happens."""
    shop.events = [{**shop.events[0], "time": "2020-06-15T12:00:00Z"}]
    shop.sync()
    verdict = shop.audit(audit_from=_in_days(0))
    assert verdict.agrees
    assert "no event lay between" in verdict.sentence


@pytest.mark.parametrize("mode", ["audit", "repair"])
def test_a_period_before_all_that_came_is_a_mistake(shop: Any, mode: str) -> None:
    """Events came, and not one was compared, which must not look like agreement."""
    shop.events = [
        {**shop.events[0], "time": "2020-06-15T12:00:00Z"},
        {**shop.events[1], "time": "2020-01-01T12:00:00Z"},
    ]
    with pytest.raises(SettingsError) as told:
        shop.audit(mode, audit_from="2019-01-01", audit_to="2019-12-31")
    assert str(told.value) == (
        "Nothing can be compared: the first of 2 events that came lies on 2020-01-01, after the "
        "period to audit ('audit_from' 2019-01-01, 'audit_to' 2019-12-31); correct it, or have the "
        "tap read what lies before."
    )


def test_values_are_compared_to_the_cent(shop: Any) -> None:
    """A cent is a difference, the last bit of a float is none."""
    for row in shop.events:
        row["value"] = 10.0
    shop.sync()
    for row in shop.events:
        row["value"] = 10.0 + 1e-9
    assert shop.audit().agrees
    shop.events[0]["value"] = 10.01
    assert shop.audit().named("altered") == {"recurly-0"}


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
    assert verdict.named("rejected") == {"recurly-4"}
    assert "in the rejects file" in verdict.report["sentence"]


def test_an_audit_of_nothing_but_bad_rows_fails(shop: Any) -> None:
    """Where no row can be sent there is nothing to compare, which must not look like agreement."""
    shop.events = [{**row, "time": "yesterday"} for row in shop.events[:3]]
    shop.profiles = []
    with pytest.raises(TooManyRejects, match=r"^Nothing can be compared, since of 3 rows none"):
        shop.audit()


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
        Fault(Trouble.ANSWER, "/api/events", status=429, headers={"Retry-After": "0"}),
        Fault(Trouble.ANSWER, "/api/metrics", status=503),
        Fault(Trouble.RESET_AFTER, "/api/profiles"),
    ]
    assert shop.audit().agrees


def test_an_audit_keeps_within_klaviyos_limits(shop: Any) -> None:
    """Alone on its account, it never sees a 429, and reads each metric in pages of 1,000."""
    shop.sync()
    shop.account.options.limits = True
    assert shop.audit().agrees
    assert shop.site.requests("/api/events") == 3
    assert shop.site.requests(status=429) == 0


def test_a_key_that_may_not_read_is_told_so_at_once(shop: Any) -> None:
    """One sentence names the scope; nothing of the feed is read before."""
    shop.account.add_key("write-only", {"events:write"})
    with pytest.raises(KlaviyoError, match="accounts:read"):
        shop.audit(api_key="write-only")


def _in_days(number: int) -> str:
    return (datetime.now(timezone.utc).date() + timedelta(days=number)).isoformat()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"audit_from": "last week"}, "'audit_from' must be a day"),
        ({"audit_from": "2026-02-01", "audit_to": "2026-01-01"}, "lies after 'audit_to'"),
        ({"source_timezone": "America/Gotham"}, "names no time zone"),
        ({"report_path": "audit.json"}, "names the page"),
        ({"settle_minutes": -1}, "'settle_minutes' must be at least 0"),
        ({"audit_profiles": -2}, "'audit_profiles' must be at least -1"),
        ({"audit_profiles": 10**20}, "'audit_profiles' must be .* at most 1,000,000,000"),
        ({"audit_from": "0001-01-01"}, "'audit_from' must be a day between 1990-01-01 and"),
        ({"audit_from": "9999-12-31"}, "'audit_from' must be a day between 1990-01-01 and"),
        ({"audit_from": _in_days(2)}, "'audit_from' lies in the future"),
        ({"audit_to": "9999-12-31"}, "'audit_to' must be a day between 1990-01-01 and"),
        ({"audit_to": "1989-12-31"}, "'audit_to' must be a day between 1990-01-01 and"),
    ],
)
def test_wrong_settings_are_sentences(shop: Any, settings: dict[str, Any], said: str) -> None:
    """Each names the setting and what it should be."""
    with pytest.raises(SettingsError, match=said):
        shop.site.sync([], mode="audit", **settings)


def test_every_metric_that_the_transform_can_make_is_audited(
    shop: Any, knowing: Callable[..., Any]
) -> None:
    """One without a single expected event too: what is there then is unexpected."""
    shop.sync()
    shop.events = [row for row in shop.events if row["metric"] != "Failed Payment"]
    assert shop.audit().agrees
    metrics = frozenset({"Failed Payment", "Refunded Payment"})
    verdict = shop.audit_knowing(knowing(metrics=metrics))
    assert not verdict.agrees
    assert verdict.report["totals"]["unexpected"] == 100
    assert verdict.metric("Refunded Payment")["agrees"]
    assert "Nothing expected and nothing found: Refunded Payment." in verdict.page.read_text()


def test_what_the_source_no_longer_shows_is_no_difference(
    shop: Any, knowing: Callable[..., Any]
) -> None:
    """Events of a vanishing metric outlive their source records; a missing one is missing still."""
    shop.sync()
    kept = [row for row in shop.events if row["metric"] != "Issued Invoice"]
    shop.events = kept
    vanishing = frozenset({"Issued Invoice"})
    verdict = shop.audit_knowing(knowing(metrics=vanishing, vanishing_metrics=vanishing))
    assert verdict.agrees
    assert verdict.report["totals"]["vanished"] == 100
    assert "100 events no longer shown by the source" in verdict.sentence


def test_a_value_that_follows_the_source_is_not_compared(
    shop: Any, knowing: Callable[..., Any]
) -> None:
    """A subscription costs more by now; Klaviyo keeps what it cost when it was sent first."""
    shop.sync()
    for row in shop.events:
        row["value"] = row.get("value", 0) + 5
    metrics = frozenset(row["metric"] for row in shop.events)
    assert shop.audit_knowing(knowing(metrics=metrics)).report["totals"]["altered"] > 0
    assert shop.audit_knowing(knowing(metrics=metrics, moving_value_metrics=metrics)).agrees


def test_events_of_another_site_are_not_ours(shop: Any, knowing: Callable[..., Any]) -> None:
    """Where sites share an account, only events that bear our site's name are judged."""
    for row in shop.events:
        row["properties"]["Recurly Site"] = "one"
    for row in shop.events[:6]:
        del row["properties"]["Recurly Site"]  # sent before the site's name was
    ours = list(shop.events)
    shop.events += [
        {**row, "unique_id": f"two-{number}", "properties": {"Recurly Site": "two"}}
        for number, row in enumerate(ours)
    ]
    shop.events.append({**ours[0], "unique_id": "nobody's", "properties": {}})
    shop.sync()
    shop.events = ours
    knowledge = knowing(event_scope={"Recurly Site": "one"})
    assert shop.audit_knowing(knowledge).agrees
    shop.account.delete_events([ours[7]["unique_id"]])
    verdict = shop.audit_knowing(knowledge)
    assert verdict.named("missing") == {"recurly-7"}
    assert verdict.report["totals"]["unexpected"] == 0
    assert verdict.report["totals"]["found"] == 299


@pytest.mark.parametrize("stays", [True, False])
def test_what_was_true_may_be_there_or_not(shop: Any, stays: bool) -> None:  # noqa: FBT001  (a table's column)
    """A bank debit that came back: its payment event is right if sent, and right if not."""
    shop.sync()
    returned = shop.events[2]
    if not stays:
        shop.account.delete_events([returned["unique_id"]])
    returned["was_true"] = True
    verdict = shop.audit()
    metric = verdict.metric(returned["metric"])
    assert verdict.agrees
    assert metric["expected"] == metric["found"] == 100 - (not stays)
    assert metric["formerly_true"] == stays
    assert shop.audit("repair").report["repair"]["events_sent"] == 0


def test_what_was_true_is_not_written_now(shop: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is for audits alone, and the summary says so."""
    caplog.set_level("INFO")
    shop.events[2]["was_true"] = True
    shop.sync()
    assert "1 event was not sent, being no longer true at the source." in caplog.text
    assert len(shop.account.events()) == 299
    assert shop.audit().agrees


def test_pages_that_overlap_count_each_event_once() -> None:
    """Events that arrive while pages are read push others onto the next page."""
    store = open_store()
    event = FoundEvent("E1", 1_700_000_000, "u1", 9.5, "EUR", {"id": "P1"}, {})
    replace_found(store, 1, [event, event], {})
    assert store.execute("SELECT count(*) FROM found").fetchone()[0] == 1
