"""Klaviyo's own Python client as an independent judge: it must be able to work with the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import ApiException

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]


@pytest.fixture
def official(account: KlaviyoAccount, client: Client) -> Any:
    """The official client, pointed at the sandbox, without retries."""
    return KlaviyoAPI(account.api_key, max_retries=1, test_host=client.url)


def _pages(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> list[Any]:
    """Everything a list endpoint has; the client itself finds cursors in https URLs only."""
    answer = call(*arguments, **parameters)
    found = list(answer.data)
    for _ in range(100):
        if answer.links.next is None:
            break
        (cursor,) = parse_qs(urlsplit(answer.links.next).query)["page[cursor]"]
        answer = call(*arguments, page_cursor=cursor, **parameters)
        found += answer.data
    return found


def _send(official: Any, *entries: dict[str, Any]) -> None:
    attributes = {"events-bulk-create": {"data": list(entries)}}
    job = {"data": {"type": "event-bulk-create-job", "attributes": attributes}}
    official.Events.bulk_create_events(job)


def test_it_reads_the_account(official: Any) -> None:
    """get_accounts finds one account with its time zone."""
    (account,) = official.Accounts.get_accounts().data
    assert account.attributes.timezone == "Europe/Stockholm"
    assert account.attributes.contact_information.organization_name == "Sandbox Store"


def test_it_sends_events_and_reads_them_back(official: Any, bodies: type[Bodies]) -> None:
    """Bulk and single events, metrics, filters, includes and pages work as it expects."""
    events = [bodies.event(str(number), value=number) for number in range(450)]
    _send(official, bodies.entry(bodies.profile(), *events))
    official.Events.create_event(
        bodies.single(bodies.profile("bob@shop.se"), bodies.event("x", metric="Failed Payment"))
    )
    metrics = {metric.attributes.name: metric.id for metric in _pages(official.Metrics.get_metrics)}
    assert set(metrics) == {"Successfully Paid", "Failed Payment"}
    found = _pages(
        official.Events.get_events,
        filter=f'equals(metric_id,"{metrics["Successfully Paid"]}"),'
        "greater-or-equal(datetime,2026-11-01T00:00:00Z)",
        sort="datetime",
        include=["metric", "profile"],
    )
    assert sorted(event.attributes.event_properties["$value"] for event in found) == list(
        range(450)
    )


def test_it_imports_profiles_and_follows_the_job(
    account: KlaviyoAccount, official: Any, bodies: type[Bodies]
) -> None:
    """Job, status, and every page of import errors."""
    account.refuse_imports({f"p{number}@shop.se": "No." for number in range(30)})
    rows = [bodies.profile(f"p{number}@shop.se", first_name="P") for number in range(50)]
    attributes = {"profiles": {"data": rows}}
    body = {"data": {"type": "profile-bulk-import-job", "attributes": attributes}}
    job = official.Profiles.bulk_import_profiles(body).data.id
    statuses = [
        official.Profiles.get_bulk_import_profiles_job(job).data.attributes.status for _ in range(3)
    ]
    assert statuses == ["processing", "complete", "complete"]
    errors = _pages(official.Profiles.get_errors_for_bulk_import_profiles_job, job)
    assert [error.attributes.original_payload for error in errors] == rows[:30]
    followed = official.Profiles.get_bulk_import_profiles_job(job).data.attributes
    assert (followed.completed_count, followed.failed_count) == (20, 30)


def test_it_keeps_profiles(official: Any, bodies: type[Bodies]) -> None:
    """profile-import, get, find, change; a known person is its 409 error."""
    new = official.Profiles.create_or_update_profile({"data": bodies.profile(title="Dr")})
    change = {"data": {"type": "profile", "id": new.data.id, "attributes": {"title": None}}}
    official.Profiles.update_profile(new.data.id, change)
    assert official.Profiles.get_profile(new.data.id).data.attributes.title is None
    (found,) = official.Profiles.get_profiles(filter='any(email,["ann@shop.se"])').data
    assert found.id == new.data.id
    with pytest.raises(ApiException) as raised:
        official.Profiles.create_profile({"data": bodies.profile()})
    assert raised.value.status == 409


def test_it_merges_and_finds_people(
    account: KlaviyoAccount, official: Any, bodies: type[Bodies]
) -> None:
    """Two profiles become one; filters and sparse fields; the 409 names the other profile."""
    old, new = (
        official.Profiles.create_profile({"data": bodies.profile(email)}).data.id
        for email in ("old@shop.se", "new@shop.se")
    )
    taken = {"type": "profile", "id": old, "attributes": {"email": "new@shop.se"}}
    with pytest.raises(ApiException) as raised:
        official.Profiles.update_profile(old, {"data": taken})
    assert new in str(raised.value.body)
    relationships = {"profiles": {"data": [{"type": "profile", "id": old}]}}
    body = {"data": {"type": "profile-merge", "id": new, "relationships": relationships}}
    assert official.Profiles.merge_profiles(body).data.id == new
    account.profiles()
    change = {"type": "profile", "id": new, "attributes": {"external_id": "acct-1"}}
    official.Profiles.update_profile(new, {"data": change})
    (found,) = official.Profiles.get_profiles(
        filter='any(external_id,["acct-1","acct-2"])', fields_profile=["email"], page_size=100
    )["data"]  # with sparse fields it gives plain JSON
    assert (found["id"], found["attributes"]) == (new, {"email": "new@shop.se"})


def test_it_raises_its_typed_errors(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Bad bodies, wrong keys, missing scopes and absent things are errors with their status."""
    account.add_key("reader", ["metrics:read"])
    account.add_key("lists", ["lists:read"])
    bad = {"data": bodies.profile("no address")}
    calls: list[tuple[str, Callable[[Any], Any], int]] = [
        (account.api_key, lambda it: it.Profiles.create_profile(bad), 400),
        ("wrong", lambda it: it.Metrics.get_metrics(), 401),
        ("reader", lambda it: it.Accounts.get_accounts(), 403),
        ("lists", lambda it: it.Lists.get_list("none"), 404),
    ]
    for key, call, status in calls:
        with pytest.raises(ApiException) as raised:
            call(KlaviyoAPI(key, max_retries=1, test_host=client.url))
        assert raised.value.status == status
