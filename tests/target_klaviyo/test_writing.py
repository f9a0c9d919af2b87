"""What is in Klaviyo after a run, over real HTTP against the sandbox."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site


def test_events_arrive_once_with_all_they_carry(site: Site, sample: Samples) -> None:
    """An event arrives with metric, profile, time, value, currency and properties."""
    run = site.events(sample.event(1, time="2026-01-31T12:00:00+01:00"))
    (seen,) = site.account.events()
    assert (seen.metric, seen.email, seen.unique_id) == (
        "Successfully Paid",
        "user1@shop.io",
        "payment-1",
    )
    assert seen.time == datetime(2026, 1, 31, 11, tzinfo=timezone.utc).timestamp()
    assert (seen.value, seen.value_currency) == (9.5, "EUR")
    assert seen.properties["Recurly ID"] == "1"
    assert run.states == [{"done": 1}]


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 3500])
def test_events_need_as_few_requests_as_klaviyo_allows(
    site: Site, sample: Samples, count: int
) -> None:
    """N events take ceil(N / 1,000) requests."""
    site.events(*map(sample.event, range(count)))
    assert len(site.account.events()) == count
    assert site.requests("event-bulk-create-jobs") == math.ceil(count / 1000)


def test_profiles_need_as_few_requests_as_klaviyo_allows(site: Site, sample: Samples) -> None:
    """N profiles take ceil(N / 10,000) import jobs, each followed to its end."""
    run = site.profiles(*map(sample.profile, range(10_001)))
    assert len(site.account.profiles()) == 10_001
    assert len(site.account.jobs) == 2
    assert run.states == [{"done": 10_001}]


def test_large_events_are_packed_by_bytes(site: Site, sample: Samples) -> None:
    """Events of 90 KB share requests of less than 5 MB."""
    site.events(*(sample.event(number, properties={"Text": "x" * 90_000}) for number in range(120)))
    assert len(site.account.events()) == 120
    assert site.requests(status=413) == 0
    assert site.requests("event-bulk-create-jobs") == 3


def test_history_does_not_trigger_flows(site: Site, sample: Samples) -> None:
    """Events older than live_window_days carry backfill, younger ones do not."""
    now = datetime.now(timezone.utc)
    ages = [timedelta(days=1), timedelta(days=3, minutes=1), timedelta(days=900)]
    site.events(
        *(sample.event(number, time=(now - age).isoformat()) for number, age in enumerate(ages))
    )
    by_id = {seen.unique_id: seen.backfill for seen in site.account.events()}
    assert by_id == {"payment-0": False, "payment-1": True, "payment-2": True}
    assert len(site.account.flows_triggered) == 1


def test_only_what_klaviyo_took_counts_as_history(
    site: Site, sample: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """An old event that is refused is told as rejected, and not as history that is there."""
    old = (datetime.now(timezone.utc) - timedelta(days=900)).isoformat()
    refused = sample.event(2, time=old, properties={"deep": _nested(10)})
    with caplog.at_level(logging.INFO):
        run = site.events(sample.event(1, time=old), refused, max_reject_percent=100)
    assert run.reasons[0].startswith("Klaviyo refused it")
    assert any("; 1 of the events is history" in message for message in caplog.messages)


def test_of_two_events_with_one_key_the_first_is_stored(site: Site, sample: Samples) -> None:
    """A second event of the same profile, metric and unique_id is merged away, never sent."""
    run = site.events(sample.event(1, value=1), sample.event(1, value=2), sample.event(2))
    assert [seen.value for seen in site.account.events()] == [1.0, 9.5]
    assert run.rejects == []
    assert site.requests(status=400) == 0


def test_one_unique_id_may_serve_two_people(site: Site, sample: Samples) -> None:
    """The key is (profile, metric, unique_id): another person's event is no duplicate."""
    site.events(
        sample.event(1, profile={"email": "ada@shop.io"}),
        sample.event(1, profile={"email": "bob@shop.io"}),
    )
    assert {seen.email for seen in site.account.events()} == {"ada@shop.io", "bob@shop.io"}


def test_rows_of_one_person_end_as_the_last_one_says(site: Site, sample: Samples) -> None:
    """Rows of one e-mail address are merged in order: later fields win, other fields stay."""
    run = site.profiles(
        sample.profile(1, first_name="Ada", properties={"Plan": "Silver", "Seats": 1}),
        sample.profile(2),
        sample.profile(1, properties={"Plan": "Gold"}),
    )
    ada = site.account.profile("user1@shop.io")
    assert ada is not None
    assert ada.properties == {"Plan": "Gold", "Seats": 1}
    assert ada.attributes["first_name"] == "Ada"
    assert run.states == [{"done": 3}]


def test_jobs_processed_in_any_order_end_as_the_last_row_says(site: Site, sample: Samples) -> None:
    """A person's next row waits for the job of the one before, whatever Klaviyo does first."""
    site.account.options.import_order = "reversed"
    site.account.options.job_polls = 3
    rows = [
        sample.profile(number % 5, properties={"Seen": turn})
        for turn in range(3)
        for number in range(5)
    ]
    run = site.profiles(*rows, batch_size_rows=4)
    assert {each.properties["Seen"] for each in site.account.profiles()} == {2}
    assert run.states == [{"done": 15}]


@pytest.mark.parametrize("clear_with", ["bulk", "single"])
def test_a_null_property_is_cleared(site: Site, sample: Samples, clear_with: str) -> None:
    """A null clears the property, in bulk or one by one, and leaves the others."""
    site.profiles(sample.profile(1, properties={"Card": "2027-01-31", "Plan": "Gold"}))
    site.profiles(sample.profile(1, properties={"Card": None}), clear_with=clear_with)
    ada = site.account.profile("user1@shop.io")
    assert ada is not None
    assert ada.properties == {"Plan": "Gold"}
    assert bool(site.requests("/api/profile-import")) >= (clear_with == "single")


def test_a_null_attribute_is_cleared_one_by_one(site: Site, sample: Samples) -> None:
    """Bulk import cannot clear attributes, so such a row goes through profile-import."""
    site.profiles(sample.profile(1, first_name="Ada", location={"city": "Lund", "zip": "1"}))
    site.profiles(sample.profile(1, first_name=None, location={"city": None}))
    ada = site.account.profile("user1@shop.io")
    assert ada is not None
    assert not ada.attributes.get("first_name")


def test_imported_profiles_join_the_list(site: Site, sample: Samples) -> None:
    """With list_id all profiles join the list, also those whose attributes are cleared."""
    joined = site.account.add_list("Customers")
    site.profiles(sample.profile(1), sample.profile(2, first_name=None), list_id=joined.id)
    assert [each.lists for each in site.account.profiles()] == [(joined.id,), (joined.id,)]
    asked = {path for _, path, _ in site.account.network.answered}
    assert not any("subscription" in path for path in asked)


def test_a_row_that_fails_in_the_job_is_rejected_with_its_reason(
    site: Site, sample: Samples
) -> None:
    """Import errors on all pages are matched to their rows; the other rows are stored."""
    bad = {f"user{number}@shop.io": "Klaviyo knows why." for number in range(0, 600, 4)}
    site.account.refuse_imports(bad)
    run = site.profiles(*map(sample.profile, range(600)), max_reject_percent=50)
    assert {message["record"]["email"] for message in run.rejects} == set(bad)
    assert set(run.reasons) == {"Klaviyo refused it: Klaviyo knows why."}
    assert len(site.account.profiles()) == 450
    assert run.states == [{"done": 600}]


def test_a_refused_row_does_not_take_along_those_merged_with_it(
    site: Site, sample: Samples
) -> None:
    """The rows of a merged profile that is refused are tried one after the other."""
    site.account.refuse_imports({"user1@shop.io": "No."})
    run = site.profiles(sample.profile(1), sample.profile(1, first_name="Ada"), sample.profile(2))
    assert len(run.rejects) == 2
    assert [each.email for each in site.account.profiles()] == ["user2@shop.io"]


def test_a_row_that_is_imported_unasked_counts_as_sent(
    site: Site, sample: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has one identifier is not looked up, and so never needs no change."""
    with caplog.at_level(logging.INFO):
        site.profiles(sample.profile(1), sample.profile(2, first_name=None))
    assert "Klaviyo took 0 events and 2 profiles in 3 requests and 1 import job." in caplog.text


def test_rows_held_back_are_sent_at_the_end_without_any_state(site: Site, sample: Samples) -> None:
    """What comes free by the last answer is sent too, though no STATE waits for it."""
    site.account.refuse_imports({"user1@shop.io": "No."})
    rows = [sample.profile(1), sample.profile(1, first_name="Ada"), sample.profile(2)]
    run = site.sync(site.messages("profiles", rows)[:-1])
    assert len(run.rejects) == 2


def test_a_row_klaviyo_refuses_does_not_poison_its_batch(site: Site, sample: Samples) -> None:
    """A 400 is mapped by pointer to its rows; all others are sent again and stored."""
    bad = sample.event(500, properties={"deep": _nested(10)})  # at the limit here, beyond it there
    run = site.events(*map(sample.event, range(400)), bad, *map(sample.event, range(600, 900)))
    stored = {seen.unique_id for seen in site.account.events()}
    rejected = {message["record"]["unique_id"] for message in run.rejects}
    assert len(stored) + len(rejected) == 701
    assert rejected <= {"payment-500"}


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"in": value}
    return value


def test_events_and_profiles_share_a_run(site: Site, sample: Samples) -> None:
    """Interleaved kinds each fill their own requests."""
    messages = [sample.schema("events"), sample.schema("profiles")]
    for number in range(300):
        messages += [
            sample.record("events", sample.event(number)),
            sample.record("profiles", sample.profile(number)),
        ]
    site.sync(messages)
    assert len(site.account.events()) == 300
    assert len(site.account.profiles()) == 300
    assert len(site.account.jobs) == 1


def test_other_streams_are_ignored(
    site: Site, sample: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream that is neither rows nor a transform's is left out, said once."""
    caplog.set_level("INFO")
    site.sync(
        [
            *(sample.schema(stream) for stream in ("plans", "addons", "events")),
            *(sample.record("plans", {"a": number}) for number in range(2)),
            sample.record("addons", {"a": 1}),
            sample.state("all"),
        ]
    )
    assert site.requests() == 0
    assert sum("addons and plans" in message for message in caplog.messages) == 1


def test_stream_names_are_configurable(site: Site, sample: Samples) -> None:
    """event_streams and profile_streams name the streams that are rows."""
    site.sync(
        [
            sample.schema("payments"),
            sample.record("payments", sample.event(1)),
            sample.schema("people"),
            sample.record("people", sample.profile(9)),
        ],
        event_streams=["payments"],
        profile_streams=["people"],
    )
    assert len(site.account.events()) == 1
    assert site.account.profile("user9@shop.io") is not None


def test_stream_maps_shape_any_tap_into_rows(site: Site, sample: Samples) -> None:
    """The SDK's stream maps turn a plain table into event rows."""
    site.sync(
        [
            sample.schema("orders"),
            sample.record("orders", {"no": 7, "mail": "ada@shop.io", "sum": "12.5"}),
        ],
        stream_maps={
            "orders": {
                "__alias__": "events",
                "__else__": None,
                "metric": "'Placed Order'",
                "unique_id": "str(no)",
                "time": "'2026-01-01T00:00:00Z'",
                "profile": "{'email': mail}",
                "value": "float(sum)",
            }
        },
    )
    (seen,) = site.account.events()
    assert (seen.metric, seen.email, seen.value) == ("Placed Order", "ada@shop.io", 12.5)


def test_silently_dropped_addresses_are_sent_and_said(
    site: Site, sample: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """Klaviyo drops events at example.com without a word; the log says so for it."""
    site.events(sample.event(1, profile={"email": "ada@example.com"}))
    assert any("example.com" in message for message in caplog.messages)
    assert site.requests("event-bulk", 202) == 1


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"properties": None}])
@pytest.mark.parametrize(
    "settings", [{}, {"flattening_enabled": True, "flattening_max_depth": 1}], ids=["", "flattened"]
)
def test_a_schema_may_leave_all_properties_open(
    site: Site, sample: Samples, schema: dict[str, Any], settings: dict[str, Any]
) -> None:
    """JSON Schema asks for none, so neither a stream of ours nor an ignored one ends the run."""
    other = {**sample.schema("others"), "schema": schema}
    messages = [other, sample.record("others", {"id": 1})]
    messages += [{**sample.schema("events"), "schema": schema}]
    messages += [sample.record("events", sample.event(1)), sample.state("all")]
    assert site.sync(messages, **settings).states == ["all"]
    assert [event.unique_id for event in site.account.events()] == ["payment-1"]
