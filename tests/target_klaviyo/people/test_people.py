"""One person, one profile: what is in Klaviyo after runs over real HTTP against the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.target_klaviyo.people.rows import person, shown

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Site


def test_a_new_person_gets_a_profile_with_address_and_anchor(site: Site) -> None:
    """Nobody is known: one bulk import makes the profile."""
    run = site.profiles(person("acc-1", "Ada@Shop.io", Plan="Gold"))
    assert shown(site) == {("ada@shop.io", "acc-1", "Gold")}
    assert run.states == [{"done": 1}]


def test_nothing_is_written_for_a_person_to_whom_nothing_happened(site: Site) -> None:
    """The second time the profile shows all that the row says."""
    row = person("acc-1", "ada@shop.io", Plan="Gold", Seats=2, Card=None)
    site.profiles(row)
    site.recorder.requests.clear()
    run = site.profiles(row, row)
    assert {each.method for each in site.recorder.requests} == {"GET"}
    assert run.states == [{"done": 2}]


def test_only_what_differs_is_imported(site: Site) -> None:
    """What a row says already, and what others have put there, stays as it is."""
    site.profiles(person("acc-1", "ada@shop.io", Plan="Gold", Seats=2))
    site.account.alter_profile("ada@shop.io", Size="M")
    site.recorder.requests.clear()
    site.profiles(person("acc-1", "ada@shop.io", Plan="Gold", Seats=3))
    (body,) = (each.body for each in site.recorder.requests if each.method == "POST")
    assert b"Gold" not in body
    (found,) = site.account.profiles()
    assert found.properties == {"Plan": "Gold", "Seats": 3, "Size": "M"}


def test_a_form_sign_up_becomes_the_persons_profile(site: Site) -> None:
    """A profile with the address and nothing else gets the anchor."""
    site.account.add_profile("ada@shop.io")
    site.profiles(person("acc-1", "ada@shop.io", Plan="Gold"))
    assert shown(site) == {("ada@shop.io", "acc-1", "Gold")}


def test_the_profile_of_a_younger_account_is_anchored_anew(site: Site) -> None:
    """The person's further ids are theirs: the oldest becomes the anchor."""
    site.profiles(person("acc-2", "ada@shop.io", Plan="Gold"))
    site.profiles(person("acc-1", "ada@shop.io", "acc-2", Plan="Gold"))
    assert shown(site) == {("ada@shop.io", "acc-1", "Gold")}


def test_a_foreign_external_id_is_left_alone(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Another system knows the profile by an id of its own, which stays; the run tells of it."""
    caplog.set_level("INFO")
    site.account.add_profile("ada@shop.io", "shop-17")
    site.profiles(person("acc-1", "ada@shop.io", Plan="Gold"))
    assert shown(site) == {("ada@shop.io", "shop-17", "Gold")}
    assert any("1 profile keeps" in each for each in caplog.messages)


def test_a_changed_address_changes_the_address_of_the_profile(site: Site) -> None:
    """The profile stays the same one, with all events, and its event follows it."""
    site.profiles(person("acc-1", "old@shop.io", Plan="Gold"))
    (before,) = site.account.profiles()
    site.profiles(person("acc-1", "new@shop.io", Plan="Silver"))
    (after,) = site.account.profiles()
    assert (after.id, after.email, after.properties) == (
        before.id,
        "new@shop.io",
        {"Plan": "Silver"},
    )


def test_a_lost_address_stays_in_klaviyo(site: Site) -> None:
    """A person without an address is known by the anchor, and keeps the address there."""
    site.profiles(person("acc-1", "ada@shop.io", Plan="Gold"))
    site.profiles(person("acc-1", Plan="Silver"))
    assert shown(site) == {("ada@shop.io", "acc-1", "Silver")}


def test_a_late_address_comes_to_the_profile(site: Site) -> None:
    """A person without an address gets one: the profile stays the same."""
    site.profiles(person("acc-1", Plan="Gold"))
    site.profiles(person("acc-1", "ada@shop.io", Plan="Gold"))
    assert shown(site) == {("ada@shop.io", "acc-1", "Gold")}


def test_at_a_known_address_a_person_moves_in(site: Site) -> None:
    """What is ours goes over, and is cleared where the person was; all else stays."""
    site.profiles(person("acc-1", "old@shop.io", Plan="Gold"))
    site.account.alter_profile("old@shop.io", Size="M")
    site.account.add_profile("new@shop.io")
    site.profiles(person("acc-1", "new@shop.io", Plan="Gold"))
    assert shown(site) == {("new@shop.io", "acc-1", "Gold"), ("old@shop.io", None, "")}
    old = site.account.profile("old@shop.io")
    assert old is not None
    assert old.properties == {"Size": "M"}


def test_at_a_known_address_two_profiles_are_merged_when_that_is_wanted(site: Site) -> None:
    """With `on_email_change: merge` the former profile goes into that of the new address."""
    site.profiles(person("acc-1", "old@shop.io", Plan="Gold", Card="1111"))
    site.account.add_profile("new@shop.io")
    run = site.profiles(
        person("acc-1", "new@shop.io", Plan="Silver", Card=None), on_email_change="merge"
    )
    (found,) = site.account.profiles()
    assert (found.email, found.external_id) == ("new@shop.io", "acc-1")
    assert found.properties == {"Plan": "Silver"}
    assert run.rejects == []


def test_a_nameless_profile_is_merged_into_the_persons(site: Site) -> None:
    """What is known by our id alone is nobody else's, and takes its events along."""
    site.profiles(person("acc-1", Plan="Gold"))
    site.account.add_profile("ada@shop.io")
    run = site.profiles(person("acc-1", "ada@shop.io", Plan="Gold"))
    assert shown(site) == {("ada@shop.io", "acc-1", "Gold")}
    assert run.rejects == []


@pytest.mark.parametrize("last", [False, True])
def test_of_a_shared_address_the_account_that_leaves_takes_the_profile(
    site: Site, *, last: bool
) -> None:
    """One account leaves a shared address, another stays: each has a profile of its own."""
    site.profiles(person("acc-1", "both@shop.io", "acc-2", Plan="Gold"))
    rows = [
        person("acc-1", "own@shop.io", Plan="Gold"),
        person("acc-2", "both@shop.io", Plan="Silver"),
    ]
    site.profiles(*(reversed(rows) if last else rows))
    assert shown(site) == {
        ("own@shop.io", "acc-1", "Gold"),
        ("both@shop.io", "acc-2", "Silver"),
    }


@pytest.mark.parametrize("people", [2, 3])
def test_people_may_exchange_their_addresses(site: Site, people: int) -> None:
    """In whatever ring addresses move on, everybody ends with one profile that is right."""
    rows = [person(f"acc-{it}", f"user{it}@shop.io", Plan=f"P{it}") for it in range(people)]
    site.profiles(*rows)
    for number, row in enumerate(rows):
        row["email"] = f"user{(number + 1) % people}@shop.io"
    run = site.profiles(*rows)
    assert shown(site) == {
        (f"user{(it + 1) % people}@shop.io", f"acc-{it}", f"P{it}") for it in range(people)
    }
    assert run.rejects == []


def test_addresses_may_be_handed_on(site: Site) -> None:
    """Who takes over an address that another gives up keeps the own profile, events and all."""
    rows = [person(f"acc-{it}", f"user{it}@shop.io", Plan=f"P{it}") for it in range(4)]
    site.profiles(*rows)
    ids = {each.external_id: each.id for each in site.account.profiles()}
    for number, row in enumerate(rows):
        row["email"] = f"user{number + 1}@shop.io"
    site.profiles(*rows)
    assert {each.external_id: each.id for each in site.account.profiles()} == ids
    assert {each.email for each in site.account.profiles()} == {
        f"user{it + 1}@shop.io" for it in range(4)
    }
