"""Events: what is refused, what is stored, and what is silently not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]
BASE = "/data/attributes/events-bulk-create/data"


def test_bulk_events_are_stored(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """A bulk request is answered 202 without a body, and its events are there."""
    response = client.send(
        bodies.entry(
            bodies.profile("ann@shop.se", first_name="Ann"),
            bodies.event("one", value=12.5, value_currency="SEK"),
            bodies.event("two", metric="Failed Payment"),
        ),
        bodies.entry(bodies.profile("bob@shop.se"), bodies.event("one")),
    )
    assert (response.status_code, response.content) == (202, b"")
    assert account.metric_counts() == {"Successfully Paid": 2, "Failed Payment": 1}
    first = account.events()[0]
    assert (first.email, first.unique_id, first.value) == ("ann@shop.se", "one", 12.5)
    assert first.value_currency == "SEK"
    ann = account.profile("ann@shop.se")
    assert ann is not None
    assert ann.attributes["first_name"] == "Ann"


def test_a_single_event_is_stored(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """POST /api/events answers 202 without a body; meta stands inside the attributes there."""
    meta = {"patch_properties": {"append": {"Plans": "gold"}}}
    profile = bodies.profile()
    profile["attributes"]["meta"] = meta
    response = client.post("/api/events", bodies.single(profile, bodies.event()))
    assert (response.status_code, response.content) == (202, b"")
    assert len(account.events()) == 1
    ann = account.profile("ann@shop.se")
    assert ann is not None
    assert ann.properties == {"Plans": ["gold"]}
    beside = bodies.single(bodies.profile(meta=meta), bodies.event("two"))
    assert client.pointers(client.post("/api/events", beside)) == [
        "/data/attributes/profile/data/meta"
    ]


def test_in_bulk_meta_stands_beside_the_attributes(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """In bulk entries `meta` is refused inside the attributes and works beside them."""
    meta = {"patch_properties": {"append": {"Plans": ["gold"]}}}
    profile = bodies.profile()
    profile["attributes"]["meta"] = meta
    assert client.pointers(client.send(bodies.entry(profile, bodies.event()))) == [
        f"{BASE}/0/attributes/profile/data/attributes/meta"
    ]
    client.send(bodies.entry(bodies.profile(meta=meta), bodies.event()))
    ann = account.profile("ann@shop.se")
    assert ann is not None
    assert ann.properties == {"Plans": ["gold"]}


def test_the_first_of_a_key_wins_across_requests(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """A second event of the same profile, metric and unique_id is dropped without a word."""
    for value in (1, 2):
        event = bodies.event("one", value=value)
        assert client.send(bodies.entry(bodies.profile(), event)).status_code == 202
    assert [event.value for event in account.events()] == [1.0]


def test_a_key_twice_in_one_request_fails_it(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Duplicates inside one bulk request are a 400 for the whole, across entries too."""
    response = client.send(
        bodies.entry(bodies.profile("ann@shop.se"), bodies.event("one"), bodies.event("two")),
        bodies.entry(bodies.profile("ANN@shop.se"), bodies.event("three"), bodies.event("one")),
    )
    assert client.pointers(response) == [f"{BASE}/1/attributes/events/data/1/attributes/unique_id"]
    assert account.events() == []


def test_the_same_unique_id_is_fine_for_another_metric_or_profile(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """The key is profile, metric and unique_id together."""
    client.send(
        bodies.entry(bodies.profile("ann@shop.se"), bodies.event(), bodies.event(metric="Other")),
        bodies.entry(bodies.profile("bob@shop.se"), bodies.event()),
    )
    assert len(account.events()) == 3


def test_without_unique_id_the_second_is_the_key(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """One event per profile, metric and second; a unique_id of the same digits is another key."""
    for time in ("2026-11-01T10:00:00.1Z", "2026-11-01T10:00:00.9Z", "2026-11-01T10:00:01Z"):
        client.send(bodies.entry(bodies.profile(), bodies.event(None, time=time)))
    assert len(account.events()) == 2
    digits = str(account.events()[0].time)
    client.send(bodies.entry(bodies.profile(), bodies.event(digits)))
    assert len(account.events()) == 3


def test_event_id_in_properties_is_not_the_key(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """`$event_id` among the properties does not de-duplicate against unique_id."""
    properties = {"$event_id": "one"}
    client.send(bodies.entry(bodies.profile(), bodies.event("one")))
    client.send(bodies.entry(bodies.profile(), bodies.event(None, properties=properties)))
    assert len(account.events()) == 2


@pytest.mark.parametrize("domain", ["example.com", "test.com", "EXAMPLE.com"])
def test_test_domains_are_dropped_silently(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], domain: str
) -> None:
    """Events for example.com and test.com get 202 and are never stored, nor is their profile."""
    response = client.send(bodies.entry(bodies.profile(f"ann@{domain}"), bodies.event()))
    assert response.status_code == 202
    assert account.events() == []
    assert account.profiles() == []


def test_backfill_keeps_flows_quiet(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Only events without `backfill` trigger flows; the event's own word beats the entry's."""
    client.send(
        bodies.entry(
            bodies.profile(),
            bodies.event("history"),
            bodies.event("live", backfill=False),
            backfill=True,
        ),
        bodies.entry(
            bodies.profile("bob@shop.se"),
            bodies.event("quiet", backfill=True),
            bodies.event("loud"),
        ),
    )
    assert [flow.unique_id for flow in account.flows_triggered] == ["live", "loud"]
    assert [event.backfill for event in account.events()] == [True, False, True, False]


def test_a_dropped_duplicate_triggers_nothing(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """An event that came before as history does not trigger a flow when it comes again live."""
    client.send(bodies.entry(bodies.profile(), bodies.event(backfill=True)))
    client.send(bodies.entry(bodies.profile(), bodies.event()))
    assert account.flows_triggered == []


def test_time_is_truncated_and_defaults_to_receipt(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Fractions of a second are cut off; without a time it is that of the receipt."""
    client.send(
        bodies.entry(
            bodies.profile(),
            bodies.event("cut", time="2026-11-01T12:00:00.999+02:00"),
            bodies.event("now", time=None),
        )
    )
    cut, now = account.events()
    assert cut.time == 1_793_527_200
    assert now.time == int(account.state.now())


@pytest.mark.parametrize(
    ("time", "good"),
    [
        ("2026-11-01", True),
        ("2026-11-01T10:00Z", True),
        ("2026-11-01T10:00:00.123456", True),
        ("1990-01-01T00:00:00Z", True),
        ("2027-11-20T12:00:00Z", True),
        ("1989-12-31T23:59:59Z", False),
        ("2027-12-01T00:00:00Z", False),
        ("2026-02-30T00:00:00Z", False),
        ("1793527200", False),
        ("yesterday", False),
        ("2026-11-01T25:00:00Z", False),
    ],
)
def test_times_are_iso_8601_between_1990_and_a_year_ahead(
    client: Client, bodies: type[Bodies], time: str, *, good: bool
) -> None:
    """Other forms of time and times out of range are refused with their pointer."""
    response = client.send(bodies.entry(bodies.profile(), bodies.event(time=time)))
    if good:
        assert response.status_code == 202
    else:
        assert client.pointers(response) == [f"{BASE}/0/attributes/events/data/0/attributes/time"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"metric": "m" * 128}, "/metric/data/attributes/name"),
        ({"metric": ""}, "/metric/data/attributes/name"),
        ({"unique_id": "u" * 256}, "/unique_id"),
        ({"unique_id": ""}, "/unique_id"),
        ({"value": 2**63}, "/value"),
        ({"value": "1"}, "/value"),
        ({"value": True}, "/value"),
        ({"properties": None}, "/properties"),
        ({"properties": []}, "/properties"),
        ({"properties": {f"p{i}": i for i in range(401)}}, "/properties"),
        ({"properties": {"s": "x" * 100_001}}, "/properties/s"),
        ({"properties": {"a": [0] * 4_001}}, "/properties/a"),
        ({"properties": {"n": 2**63}}, "/properties"),
        ({"properties": {"a/b": {"c": "é" * 50_001}}}, "/properties/a~1b/c"),
        ({"extra": 1}, "/extra"),
    ],
)
def test_an_event_out_of_bounds_is_refused(
    account: KlaviyoAccount,
    client: Client,
    bodies: type[Bodies],
    changes: dict[str, Any],
    pointer: str,
) -> None:
    """Every documented limit of an event is a 400 that points at the offender."""
    good = bodies.event("good")
    bad = bodies.event(**changes)
    response = client.send(bodies.entry(bodies.profile(), good, bad))
    assert client.pointers(response) == [f"{BASE}/0/attributes/events/data/1/attributes{pointer}"]
    assert account.events() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "m" * 127},
        {"unique_id": "u" * 255},
        {"value": 2**63 - 1},
        {"properties": {f"p{i}": i for i in range(400)}},
        {"properties": {"s": "x" * 100_000}},
        {"properties": {"a": [0] * 4_000}},
        {"properties": {"n": 2**63 - 1, "m": -(2**63), "s": "9" * 30, "f": 1.5e30}},
        {"properties": {}},
        {"value": None, "value_currency": None, "backfill": None},
    ],
)
def test_an_event_at_its_bounds_is_taken(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], changes: dict[str, Any]
) -> None:
    """What just fits is stored as sent."""
    event = bodies.event(**changes)
    assert client.send(bodies.entry(bodies.profile(), event)).status_code == 202
    assert account.events()[0].properties == event["attributes"]["properties"]


@pytest.mark.parametrize(("depth", "status"), [(10, 202), (11, 400)])
def test_properties_nest_ten_levels(
    client: Client, bodies: type[Bodies], depth: int, status: int
) -> None:
    """Ten levels of nesting pass, eleven do not."""
    nested: Any = 1
    for _ in range(depth):
        nested = {"a": nested}
    response = client.send(bodies.entry(bodies.profile(), bodies.event(properties=nested)))
    assert response.status_code == status


def test_a_thousand_events_a_request(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """1,000 events pass, 1,001 fail as a whole, however they are grouped."""
    events = [bodies.event(str(number)) for number in range(1_001)]
    split = [
        bodies.entry(bodies.profile(), *events[:600]),
        bodies.entry(bodies.profile("b@shop.se"), *events[600:]),
    ]
    assert client.pointers(client.send(*split)) == [BASE]
    assert client.send(bodies.entry(bodies.profile(), *events[:1_000])).status_code == 202
    assert len(account.events()) == 1_000


def test_a_profile_inside_an_event_has_95_kb(client: Client, bodies: type[Bodies]) -> None:
    """A profile object of an event above 95 KB is refused."""
    for size, status in ((94_000, 202), (95_000, 400)):
        profile = bodies.profile(properties={"s": "x" * size})
        assert client.send(bodies.entry(profile, bodies.event())).status_code == status


def test_somebody_must_be_identified(client: Client, bodies: type[Bodies]) -> None:
    """A profile without any identifier is refused; empty strings identify nobody."""
    nobody = f"{BASE}/0/attributes/profile/data/attributes"
    for profile in (bodies.profile(None), bodies.profile(None, phone_number="", first_name="A")):
        assert client.pointers(client.send(bodies.entry(profile, bodies.event()))) == [nobody]


def test_all_errors_are_named_at_once(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """One answer names every problem, of form and of content, and nothing is stored."""
    response = client.send(
        bodies.entry(bodies.profile("not an address"), bodies.event(time="never")),
        bodies.entry(bodies.profile(nickname="A"), {"type": "event", "attributes": {}}),
        bodies.entry(bodies.profile("good@shop.se"), bodies.event(value="much")),
        bodies.entry(bodies.profile("fine@shop.se"), bodies.event()),
    )
    assert sorted(client.pointers(response)) == [
        f"{BASE}/0/attributes/events/data/0/attributes/time",
        f"{BASE}/0/attributes/profile/data/attributes/email",
        f"{BASE}/1/attributes/events/data/0/attributes/metric",
        f"{BASE}/1/attributes/events/data/0/attributes/properties",
        f"{BASE}/1/attributes/profile/data/attributes/nickname",
        f"{BASE}/2/attributes/events/data/0/attributes/value",
    ]
    details = [error["detail"] for error in response.json()["errors"]]
    assert "'nickname' is not a valid field for the resource 'profile'." in details
    assert account.events() == []


def test_an_invalid_phone_of_an_event_is_dropped(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """The event is kept, without the number."""
    profile = bodies.profile(phone_number="070-123")
    assert client.send(bodies.entry(profile, bodies.event())).status_code == 202
    assert len(account.events()) == 1
    assert account.profiles()[0].phone_number is None


def test_visibility_lags(open_account: Callable[..., Opened], bodies: type[Bodies]) -> None:
    """With a visibility lag an event is taken at once and readable only after it."""
    account, client = open_account(visibility_lag=timedelta(minutes=3))
    client.send(bodies.entry(bodies.profile(), bodies.event()))
    assert len(account.events()) == 1
    assert client.get("/api/events").json()["data"] == []
    account.state.clock.advance(timedelta(minutes=3))
    assert len(client.get("/api/events").json()["data"]) == 1


def test_deleted_events_can_come_again(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Deleting forgets the key, so that a repair can bring the event back."""
    client.send(bodies.entry(bodies.profile(), bodies.event("one"), bodies.event("two")))
    assert account.delete_events(["one", "never was"]) == 1
    client.send(bodies.entry(bodies.profile(), bodies.event("one"), bodies.event("two")))
    assert sorted(str(event.unique_id) for event in account.events()) == ["one", "two"]


def test_the_same_requests_leave_the_same_account(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """Ids of events, profiles and metrics are the same in every run."""
    seen = []
    for _ in range(2):
        account, client = open_account()
        client.send(
            bodies.entry(bodies.profile("ann@shop.se"), bodies.event("one"), bodies.event("two")),
            bodies.entry(bodies.profile("bob@shop.se"), bodies.event("one", metric="Other")),
        )
        seen.append((account.events(), client.get("/api/events", include="metric,profile").text))
    assert seen[0] == seen[1]
