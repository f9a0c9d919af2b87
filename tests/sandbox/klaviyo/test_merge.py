"""Merging profiles, and people who come and go between a client's requests."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]


def _merge(client: Client, source: str, destination: str) -> requests.Response:
    relationships = {"profiles": {"data": [{"type": "profile", "id": source}]}}
    data = {"type": "profile-merge", "id": destination, "relationships": relationships}
    return client.post("/api/profile-merge", {"data": data})


def _two_people(client: Client, bodies: type[Bodies]) -> tuple[str, str]:
    """Old and new profile of Ann, with an event each and one that both have."""
    ids = []
    for email, unique_id in (("old@shop.se", "a"), ("new@shop.se", "b")):
        more = {"phone_number": "+46701234567", "properties": {"x": 1}} if unique_id == "a" else {}
        profile = bodies.profile(email, **more)
        ids.append(client.upsert(profile).json()["data"]["id"])
        client.send(bodies.entry(profile, bodies.event(unique_id), bodies.event("both")))
    return ids[0], ids[1]


def test_a_merge_comes_later_and_moves_everything(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """201 at once; then the source is gone, its events, phone and properties are the other's."""
    old, new = _two_people(client, bodies)
    answer = _merge(client, old, new)
    assert answer.status_code == 201
    assert answer.json()["data"]["id"] == new
    assert len(client.pages("/api/profiles")) == 2
    account.state.clock.advance(timedelta(seconds=2))
    (profile,) = client.pages("/api/profiles")
    attributes = profile["attributes"]
    assert profile["id"] == new
    assert (attributes["email"], attributes["phone_number"]) == ("new@shop.se", "+46701234567")
    assert attributes["properties"] == {"x": 1}
    found = client.pages("/api/events", filter=f'equals(profile_id,"{new}")')
    ids = sorted(each["attributes"]["event_properties"]["$event_id"] for each in found)
    assert ids == ["a", "b", "both"]
    assert client.get(f"/api/profiles/{old}").json()["data"]["id"] == new
    assert [each["id"] for each in client.pages("/api/profiles", filter=f'any(id,["{old}"])')] == [
        new
    ]


def test_a_merge_needs_two_known_people(client: Client, bodies: type[Bodies]) -> None:
    """Unknown ids are 404; a profile into itself is 400."""
    old, new = _two_people(client, bodies)
    assert _merge(client, "01AAAAAAAAAAAAAAAAAAAAAAAA", new).status_code == 404
    assert _merge(client, old, "01AAAAAAAAAAAAAAAAAAAAAAAA").status_code == 404
    assert _merge(client, new, new).status_code == 400


def test_people_are_found_a_hundred_at_a_time(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """By e-mail, external_id and id, with sparse fields, in pages of up to 100."""
    rows = [bodies.profile(f"P{n}@shop.se", external_id=f"acct-{n}") for n in range(130)]
    client.bulk_import(*rows)
    account.profiles()
    for field, values in (
        ("email", [f"p{n}@shop.se" for n in range(100)]),
        ("external_id", [f"acct-{n}" for n in range(100)]),
    ):
        wanted = ",".join(f'"{value}"' for value in values)
        answer = client.get(
            "/api/profiles",
            filter=f"any({field},[{wanted}])",
            page_size=100,
            **{"fields[profile]": "email,external_id"},
        )
        found = answer.json()
        assert [each["attributes"][field] for each in found["data"]] == values
        assert found["links"].get("next") is None
        assert set(found["data"][0]["attributes"]) == {"email", "external_id"}
    assert client.get("/api/profiles", page_size=101).status_code == 400
    assert client.get("/api/profiles", filter=f'equals(email,"{"a" * 9000}")').status_code == 414


def test_somebody_signs_up_between_two_requests(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """A form makes the profile that a client, having found none, is about to make."""

    def sign_up(method: str, path: str) -> None:
        if (method, path) == ("POST", "/api/profiles"):
            account.add_profile("ann@shop.se")

    account.http.before_each_request = sign_up
    assert client.pages("/api/profiles") == []
    assert client.post("/api/profiles", {"data": bodies.profile()}).status_code == 409


def test_a_person_can_be_forgotten(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """With their events; sending an event again makes the person anew."""
    client.send(bodies.entry(bodies.profile(), bodies.event()))
    account.delete_profile("ann@shop.se")
    assert (account.events(), account.profiles()) == ([], [])
    client.send(bodies.entry(bodies.profile(), bodies.event()))
    assert len(account.events()) == len(account.profiles()) == 1
    with pytest.raises(KeyError):
        account.delete_profile("nobody@shop.se")


def test_meta_stands_beside_the_attributes_since_revision_2026_10_15(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Of a single event's profile; up to 2026-07-15 it stands inside."""
    meta = {"patch_properties": {"append": {"plans": ["gold"]}}}
    beside, inside = bodies.profile(meta=meta), bodies.profile()
    inside["attributes"]["meta"] = meta
    for revision, right, wrong in (("2026-07-15", inside, beside), ("2026-10-15", beside, inside)):
        client.headers["revision"] = revision
        event = bodies.event(revision)
        assert client.post("/api/events", bodies.single(right, event)).status_code == 202
        assert client.post("/api/events", bodies.single(wrong, event)).status_code == 400
    assert account.profiles()[0].properties == {"plans": ["gold"]}


def test_whether_a_merged_id_resolves_is_a_switch(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """Recorded: for a while. Later, and here by choice at once, it does not."""
    account, client = open_account(merged_ids_resolve=False)
    old, new = _two_people(client, bodies)
    _merge(client, old, new)
    account.profiles()
    assert client.get(f"/api/profiles/{old}").status_code == 404


@pytest.mark.parametrize(("known", "stored"), [(True, 3), (False, 5)])
def test_whether_merged_unique_ids_are_known_is_a_switch(
    open_account: Callable[..., Opened], bodies: type[Bodies], stored: int, *, known: bool
) -> None:
    """What is sent again after a merge is stored once, or, if they are forgotten, twice."""
    account, client = open_account(merged_keys_known=known)
    old, new = _two_people(client, bodies)
    _merge(client, old, new)
    account.profiles()
    again = [bodies.event(unique_id) for unique_id in ("a", "b", "both")]
    client.send(bodies.entry(bodies.profile("new@shop.se"), *again))
    assert len(account.events()) == stored
