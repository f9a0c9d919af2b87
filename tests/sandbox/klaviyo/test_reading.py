"""Reading back: metrics, events, profiles; filters, sorting, sparse fields, pages."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurly_klaviyo_sandbox.klaviyo import filters
from recurly_klaviyo_sandbox.klaviyo.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]


@pytest.fixture
def filled(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> tuple[KlaviyoAccount, Client]:
    """Ten payments of ann, one a day from the first of November, and one failure of bob."""
    payments = [
        bodies.event(f"p{day}", time=f"2026-11-{day:02}T10:00:00Z", value=day)
        for day in range(1, 11)
    ]
    client.send(
        bodies.entry(bodies.profile("ann@shop.se"), *payments),
        bodies.entry(bodies.profile("bob@shop.se"), bodies.event("f", metric="Failed Payment")),
    )
    return account, client


def _metric_id(client: Client, name: str) -> str:
    found = [
        metric["id"]
        for metric in client.pages("/api/metrics")
        if metric["attributes"]["name"] == name
        and metric["attributes"]["integration"]["name"] == "API"
    ]
    assert len(found) == 1
    return str(found[0])


def test_metrics_belong_to_integrations(filled: Opened) -> None:
    """The native integration's metrics bear the same names and are other metrics."""
    account, client = filled
    account.seed_native_metric("Failed Payment", [1_793_000_000, 1_793_000_001])
    named = [
        (metric["attributes"]["integration"]["name"], metric["id"])
        for metric in client.pages("/api/metrics")
        if metric["attributes"]["name"] == "Failed Payment"
    ]
    assert sorted(name for name, _ in named) == ["API", "Recurly"]
    assert len({identifier for _, identifier in named}) == 2
    native = client.pages("/api/metrics", filter='equals(integration.name,"Recurly")')
    assert [metric["attributes"]["name"] for metric in native] == ["Failed Payment"]
    assert account.metric_counts()["Failed Payment"] == 1
    assert account.metric_counts(integration="Recurly") == {"Failed Payment": 2}


def test_metrics_refuse_page_size_and_filter_by_name(filled: Opened) -> None:
    """GET /api/metrics has neither page[size] nor a filter by name."""
    _, client = filled
    refused = client.get("/api/metrics", page_size=10)
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert error["detail"] == "'page_size' is not a valid field for the resource 'metric'."
    assert client.get("/api/metrics", filter='equals(name,"x")').status_code == 400


def test_metrics_come_in_pages_of_200(client: Client, bodies: type[Bodies]) -> None:
    """More than 200 metrics take a second page."""
    events = [bodies.event("one", metric=f"Metric {number}") for number in range(250)]
    client.send(bodies.entry(bodies.profile(), *events))
    assert len(client.get("/api/metrics").json()["data"]) == 200
    assert len({metric["id"] for metric in client.pages("/api/metrics")}) == 250


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ("greater-or-equal(datetime,2026-11-09T10:00:00Z)", [10, 9]),
        ("greater-than(datetime,2026-11-09T10:00:00Z)", [10]),
        ("less-than(datetime,2026-11-02T11:00:00+01:00)", [1]),
        ("less-or-equal(datetime,2026-11-02T11:00:00+01:00)", [2, 1]),
        ("greater-than(timestamp,1794218400)", [10]),
        ("and(greater-than(datetime,2026-11-04),less-than(datetime,2026-11-06))", [5, 4]),
        ("greater-than(datetime,2026-11-04),less-than(datetime,2026-11-06)", [5, 4]),
        ("less-than(datetime,2020-01-01)", []),
    ],
)
def test_events_are_filtered(filled: Opened, condition: str, days: list[int]) -> None:
    """Each operator on time, alone and joined, newest first."""
    _, client = filled
    metric = _metric_id(client, "Successfully Paid")
    found = client.pages("/api/events", filter=f'equals(metric_id,"{metric}"),{condition}')
    assert [event["attributes"]["event_properties"]["$value"] for event in found] == days


def test_events_of_a_profile(filled: Opened) -> None:
    """Events can be filtered by profile; an unknown one has none."""
    account, client = filled
    bob = account.profile("bob@shop.se")
    assert bob is not None
    assert len(client.pages("/api/events", filter=f'equals(profile_id,"{bob.id}")')) == 1
    assert client.pages("/api/events", filter='equals(profile_id,"nobody")') == []
    assert len(client.pages("/api/events", filter="has(profile)")) == 11


def test_events_page_through_ties(client: Client, bodies: type[Bodies]) -> None:
    """Pages of any size give each event once, in both orders, also within one second."""
    events = [bodies.event(str(number)) for number in range(25)]
    client.send(bodies.entry(bodies.profile(), *events))
    for sort in ("datetime", "-datetime", "timestamp", ""):
        found = client.pages("/api/events", page_size=7, **({"sort": sort} if sort else {}))
        assert len({event["id"] for event in found}) == len(found) == 25


def test_pages_do_not_shift_when_rows_arrive(filled: Opened, bodies: type[Bodies]) -> None:
    """A row that arrives between two pages neither hides nor repeats another."""
    _, client = filled
    first = client.get("/api/events", page_size=5).json()
    client.send(bodies.entry(bodies.profile(), bodies.event("late", time="2026-11-15T00:00:00Z")))
    second = client.get(first["links"]["next"]).json()
    ids = [event["id"] for page in (first, second) for event in page["data"]]
    assert len(ids) == len(set(ids)) == 10


def test_an_event_shows_its_value_and_neither_unique_id(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """`$value` is among the properties; `$event_id` only when switched on."""
    for shown in (False, True):
        _, client = open_account(show_event_id=shown)
        client.send(bodies.entry(bodies.profile(), bodies.event("one", value=3)))
        (event,) = client.pages("/api/events")
        assert set(event["attributes"]) == {"timestamp", "event_properties", "datetime", "uuid"}
        properties = event["attributes"]["event_properties"]
        assert properties["$value"] == 3
        assert ("$event_id" in properties) is shown


def test_related_resources_are_included(filled: Opened) -> None:
    """`include` adds each metric and profile of the page once."""
    _, client = filled
    answer = client.get("/api/events", include="metric,profile").json()
    kinds = sorted(resource["type"] for resource in answer["included"])
    assert kinds == ["metric", "metric", "profile", "profile"]
    assert client.get("/api/events", include="lists").status_code == 400


def test_sparse_fields(filled: Opened) -> None:
    """`fields` thins attributes, parts of objects too, and refuses unknown names."""
    _, client = filled
    (event, *_) = client.get("/api/events", **{"fields[event]": "timestamp"}).json()["data"]
    assert set(event["attributes"]) == {"timestamp"}
    fields = {"fields[profile]": "email,location.city"}
    (profile, *_) = client.get("/api/profiles", **fields).json()["data"]
    assert profile["attributes"] == {"email": "ann@shop.se", "location": {"city": None}}
    assert client.get("/api/events", **{"fields[event]": "nothing"}).status_code == 400


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({"unknown": "1"}, "unknown"),
        ({"page_size": "0"}, "page[size]"),
        ({"page_size": "1001"}, "page[size]"),
        ({"page_size": "many"}, "page[size]"),
        ({"page_cursor": "broken"}, "page[cursor]"),
        ({"page_cursor": "e30="}, "page[cursor]"),
        ({"page_cursor": "WyJ4Il0="}, "page[cursor]"),
        ({"sort": "value"}, "sort"),
        ({"filter": "equals(metric_id"}, "filter"),
        ({"filter": 'equals(value,"1")'}, "filter"),
        ({"filter": 'any(metric_id,["a"])'}, "filter"),
        ({"filter": "greater-than(datetime,soon)"}, "filter"),
        ({"filter": '"'}, "filter"),
    ],
)
def test_wrong_parameters_are_named(
    client: Client, parameters: dict[str, str], parameter: str
) -> None:
    """A parameter that is unknown, malformed or out of bounds is a 400 that names it."""
    response = client.get("/api/events", **parameters)
    assert response.status_code == 400
    assert response.json()["errors"][0]["source"] == {"parameter": parameter}


@pytest.mark.parametrize(
    ("condition", "emails"),
    [
        ('equals(email,"ANN@shop.se")', ["ann@shop.se"]),
        ('any(email,["ann@shop.se","nobody@shop.se"])', ["ann@shop.se"]),
        ('equals(external_id,"acct \\"1\\"")', ["bob@shop.se"]),
        ('equals(phone_number,"+46701234567")', ["ann@shop.se"]),
        ("greater-than(created,2026-11-01)", ["ann@shop.se", "bob@shop.se"]),
        ("less-than(updated,2026-11-01)", []),
        ('equals(id,"nobody")', []),
    ],
)
def test_profiles_are_filtered(
    client: Client, bodies: type[Bodies], condition: str, emails: list[str]
) -> None:
    """Profiles are found by identifiers, quoted and escaped, and by their times."""
    client.upsert(bodies.profile("ann@shop.se", phone_number="+46701234567"))
    client.upsert(bodies.profile("bob@shop.se", external_id='acct "1"'))
    found = client.pages("/api/profiles", filter=condition)
    assert [profile["attributes"]["email"] for profile in found] == emails


def test_profiles_are_sorted_and_paged(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Pages of profiles follow the sort, 20 unless asked otherwise and 100 at most."""
    client.bulk_import(*(bodies.profile(f"p{number:02}@shop.se") for number in range(45)))
    account.profiles()
    assert len(client.get("/api/profiles").json()["data"]) == 20
    down = [
        profile["attributes"]["email"]
        for profile in client.pages("/api/profiles", sort="-email", page_size=9)
    ]
    assert down == sorted(down, reverse=True)
    assert len(down) == 45
    assert client.get("/api/profiles", page_size=101).status_code == 400


@given(text=st.text())
def test_any_string_survives_a_filter(text: str) -> None:
    """Whatever a quoted string holds, with quotes and backslashes escaped, is read back."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    (condition,) = filters.parse(f'equals(email,"{quoted}")')
    assert condition.values == (text,)


@given(text=st.text(alphabet="anduqls(),[]\"'\\ 0123.-", max_size=40))
def test_a_filter_is_read_or_refused(text: str) -> None:
    """No text makes the parser fail in any other way than by a 400."""
    with contextlib.suppress(Refusal):
        filters.parse(text)


def test_the_summary_counts_for_other_processes(filled: Opened) -> None:
    """GET /_sandbox/summary tells counts per metric without a key."""
    account, client = filled
    answer: dict[str, Any] = client.call(
        "GET", "/_sandbox/summary", headers={"Authorization": None, "revision": None}
    ).json()
    assert answer == account.summary()
    assert answer["metrics"] == {"Successfully Paid": 10, "Failed Payment": 1}
    assert (answer["profiles"], answer["flows_triggered"]) == (2, 11)


def test_absent_links_are_a_switch(open_account: Callable[..., Opened]) -> None:
    """The last page's `next` is null, or left out where the schema is to be kept to the letter."""
    for switch, keys in (("null", {"self", "next", "prev"}), ("omitted", {"self"})):
        _, client = open_account(absent_links=switch)
        assert set(client.get("/api/events").json()["links"]) == keys
