"""Who is who: identifiers, and what happens when they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]


def test_one_person_one_profile(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Address in any case and phone number lead to the same profile."""
    client.upsert(bodies.profile("Ann@Shop.se", phone_number="+46701234567"))
    client.upsert(bodies.profile("ann@shop.se", first_name="Ann"))
    client.upsert(bodies.profile(None, phone_number="+46701234567", last_name="Berg"))
    (ann,) = account.profiles()
    assert ann.attributes == {"first_name": "Ann", "last_name": "Berg"}


def test_any_identifier_finds_its_profile_and_the_others_are_added(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """One known identifier beside another new one: the known profile's other one is updated."""
    client.upsert(bodies.profile(None, external_id="acct-1"))
    client.bulk_import(bodies.profile("ann@shop.se", external_id="acct-1"))
    assert len(account.profiles()) == 1
    client.send(bodies.entry(bodies.profile("new@shop.se", external_id="acct-1"), bodies.event()))
    client.upsert(bodies.profile("new@shop.se", external_id="acct-2"))
    (ann,) = account.profiles()
    assert (ann.email, ann.external_id) == ("new@shop.se", "acct-2")
    assert account.profile("ann@shop.se") is None


def test_identifiers_of_two_people_are_refused(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """Singly it is 409 or 400 "Duplicate email found"; in bulk an import error."""
    for beside in ({"phone_number": "+46701234567"}, {"external_id": "acct-1"}):
        mixed = bodies.profile("ann@shop.se", **beside)
        for status in (400, 409):
            account, client = open_account(conflict_status=status)
            client.upsert(bodies.profile("ann@shop.se"))
            client.upsert(bodies.profile("bob@shop.se", **beside))
            assert client.upsert(mixed).status_code == status
            job = client.bulk_import(mixed).json()["data"]["id"]
            account.profiles()
            (error,) = client.pages(f"/api/profile-bulk-import-jobs/{job}/import-errors")
            assert error["attributes"]["detail"] == "Duplicate email found."
            assert len(account.profiles()) == 2


@pytest.mark.parametrize("winner", ["email", "external_id"])
def test_who_wins_when_identifiers_are_two_peoples_is_a_switch(
    open_account: Callable[..., Opened], bodies: type[Bodies], winner: str
) -> None:
    """The winner's profile is written; neither loses an identifier."""
    account, client = open_account(import_conflict=winner, event_conflict=winner)
    client.upsert(bodies.profile("ann@shop.se", external_id="acct-1"))
    client.upsert(bodies.profile("bob@shop.se", external_id="acct-2"))
    mixed = bodies.profile("ann@shop.se", external_id="acct-2", title="Dr")
    client.bulk_import(mixed)
    client.send(bodies.entry(mixed, bodies.event()))
    people = {profile.email: profile for profile in account.profiles()}
    written = "ann@shop.se" if winner == "email" else "bob@shop.se"
    assert [email for email, each in people.items() if each.attributes] == [written]
    assert people["ann@shop.se"].external_id == "acct-1"
    assert people["bob@shop.se"].external_id == "acct-2"
    assert [event.email for event in account.events()] == [written]


def test_an_event_of_two_people_can_be_dropped(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """The worst reading of what nobody documents: 202, and the event is nowhere."""
    account, client = open_account(event_conflict="drop")
    client.upsert(bodies.profile("ann@shop.se"))
    client.upsert(bodies.profile("bob@shop.se", external_id="acct-2"))
    mixed = bodies.profile("ann@shop.se", external_id="acct-2")
    assert client.send(bodies.entry(mixed, bodies.event())).status_code == 202
    assert account.events() == []


def test_profile_import_tells_new_from_known(client: Client, bodies: type[Bodies]) -> None:
    """201 for a new profile, 200 for an updated one, 404 for an unknown id."""
    first = client.upsert(bodies.profile())
    assert first.status_code == 201
    identifier = first.json()["data"]["id"]
    assert client.upsert(bodies.profile()).status_code == 200
    renamed = client.upsert(bodies.profile("new@shop.se", id=identifier))
    assert renamed.status_code == 200
    assert renamed.json()["data"]["attributes"]["email"] == "new@shop.se"
    assert client.upsert(bodies.profile(id="unknown")).status_code == 404


def test_creating_a_known_person_is_a_conflict(client: Client, bodies: type[Bodies]) -> None:
    """POST /api/profiles answers 409 and names the profile that has the identifier."""
    created = client.post("/api/profiles", {"data": bodies.profile()})
    assert created.status_code == 201
    again = client.post("/api/profiles", {"data": bodies.profile()})
    assert again.status_code == 409
    (error,) = again.json()["errors"]
    assert error["code"] == "duplicate_profile"
    assert error["meta"] == {"duplicate_profile_id": created.json()["data"]["id"]}


def test_a_profile_can_be_changed_by_id(client: Client, bodies: type[Bodies]) -> None:
    """PATCH clears nulls, keeps the rest, refuses another's address and an id not in the path."""
    ann = client.upsert(bodies.profile(first_name="Ann", title="Dr")).json()["data"]["id"]
    client.upsert(bodies.profile("bob@shop.se"))

    def patch(**attributes: Any) -> Any:
        data = {"type": "profile", "id": ann, "attributes": attributes}
        return client.call("PATCH", f"/api/profiles/{ann}", json={"data": data})

    changed = patch(title=None, last_name="Berg").json()["data"]["attributes"]
    assert (changed["first_name"], changed["last_name"], changed["title"]) == ("Ann", "Berg", None)
    taken = patch(email="bob@shop.se")
    assert taken.status_code == 409
    bob = client.pages("/api/profiles", filter='equals(email,"bob@shop.se")')[0]["id"]
    assert taken.json()["errors"][0]["meta"] == {"duplicate_profile_id": bob}
    assert patch(external_id="acct-1").status_code == 200
    body = {"data": bodies.profile(None, external_id="acct-1")}
    assert client.post("/api/profiles", body).status_code == 409
    other: Any = {"data": {"type": "profile", "id": "x", "attributes": {}}}
    assert client.call("PATCH", f"/api/profiles/{ann}", json=other).status_code == 400
    assert client.call("PATCH", "/api/profiles/x", json=other).status_code == 400
    other["data"]["id"] = "01AAAAAAAAAAAAAAAAAAAAAAAA"
    unknown = client.call("PATCH", f"/api/profiles/{other['data']['id']}", json=other)
    assert unknown.status_code == 404


def test_whether_external_id_merges_is_a_switch(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """As an older page says: beside an unknown address it makes a duplicate, and both are found."""
    account, client = open_account(external_id_merges=False)
    client.upsert(bodies.profile(None, external_id="acct-1"))
    client.upsert(bodies.profile("ann@shop.se", external_id="acct-1"))
    assert [profile.external_id for profile in account.profiles()] == ["acct-1", "acct-1"]
    assert len(client.pages("/api/profiles", filter='any(external_id,["acct-1"])')) == 2
