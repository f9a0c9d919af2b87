"""Klaviyo changes while a person's row is on its way: it ends right all the same, or is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.target_klaviyo.people.rows import person, shown

from recurly_klaviyo_sandbox.faults import Fault, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target_klaviyo.conftest import Site


def once_at(site: Site, method: str, path: str, happens: Callable[[], Any]) -> None:
    """Let something happen just before the first such request is carried out."""
    done: list[bool] = []

    def before(request_method: str, request_path: str) -> None:
        if not done and request_method == method and path in request_path:
            done.append(True)
            happens()

    site.account.http.before_each_request = before


def test_a_form_may_take_the_new_address_just_before(site: Site) -> None:
    """Another profile has got the new address since Klaviyo was asked: the person moves there."""
    site.profiles(person("acc-1", "old@shop.io", Plan="Gold"))
    once_at(site, "PATCH", "/api/profiles/", lambda: site.account.add_profile("new@shop.io"))
    run = site.profiles(person("acc-1", "new@shop.io", Plan="Gold"))
    assert run.rejects == []
    assert shown(site) == {("new@shop.io", "acc-1", "Gold"), ("old@shop.io", None, "")}


def test_a_form_may_make_a_new_persons_profile_just_before(site: Site) -> None:
    """An import of a new person finds the address taken, and gives it the anchor."""
    once_at(site, "POST", "bulk-import", lambda: site.account.add_profile("ada@shop.io"))
    site.profiles(person("acc-1", "ada@shop.io", Plan="Gold"))
    assert shown(site) == {("ada@shop.io", "acc-1", "Gold")}


@pytest.mark.parametrize("new_address", ["ada@shop.io", "new@shop.io"])
def test_a_profile_may_be_erased_just_before(site: Site, new_address: str) -> None:
    """A profile that is gone when it is written to is made anew."""
    site.profiles(person("acc-1", "ada@shop.io", Plan="Gold"))
    erase = lambda: site.account.delete_profile("ada@shop.io")  # noqa: E731
    once_at(site, "PATCH", "/api/profiles/", erase)
    if new_address == "ada@shop.io":
        once_at(site, "POST", "bulk-import", erase)
    run = site.profiles(person("acc-1", new_address, Plan="Silver"))
    assert run.rejects == []
    assert shown(site) == {(new_address, "acc-1", "Silver")}


def test_a_profile_to_be_merged_may_be_gone(site: Site) -> None:
    """What is gone need not be merged."""
    site.profiles(person("acc-1", "old@shop.io", Plan="Gold"))
    site.account.add_profile("new@shop.io")
    erase = lambda: site.account.delete_profile("old@shop.io")  # noqa: E731
    once_at(site, "POST", "/api/profile-merge", erase)
    run = site.profiles(person("acc-1", "new@shop.io", Plan="Gold"), on_email_change="merge")
    assert run.rejects == []
    assert shown(site) == {("new@shop.io", "acc-1", "Gold")}


def test_what_klaviyo_refuses_for_good_is_rejected(site: Site) -> None:
    """A refusal that a second look does not explain goes to the rejects file, with its reason."""
    site.account.refuse_imports({"ada@shop.io": "Not this one."})
    run = site.profiles(person("acc-1", "ada@shop.io"), person("acc-2", "bob@shop.io"))
    assert run.reasons == ["Klaviyo refused it: Not this one."]
    assert {each.email for each in site.account.profiles()} == {"bob@shop.io"}


def test_a_refusal_that_stays_as_it_is_costs_few_imports(site: Site) -> None:
    """Where a second look finds nothing changed the same is not sent again."""
    site.account.refuse_imports({"ada@shop.io": "Not this one."})
    run = site.profiles(
        person("acc-1", "ada@shop.io", "acc-2", Plan="Gold"),
        person("acc-1", "ada@shop.io", "acc-2", Plan="Silver"),
        person("acc-3", "bob@shop.io"),
    )
    assert run.reasons == ["Klaviyo refused it: Not this one."] * 2
    assert site.requests("bulk-import-jobs", 202) == 3


HTML = b"<html><body>Please log in.</body></html>"
FAULTS = {
    "busy": Fault(Trouble.ANSWER, status=503),
    "limited": Fault(Trouble.ANSWER, status=429, headers={"Retry-After": "1"}),
    "portal": Fault(Trouble.ANSWER, status=200, body=HTML),
    "empty object": Fault(Trouble.ANSWER, status=200, body=b'{"data": [{}]}'),
    "lost": Fault(Trouble.RESET_AFTER),
}
ENDPOINTS = {"GET": "/api/profiles", "PATCH": "/api/profiles/", "POST": "profile-merge"}


@pytest.mark.parametrize("trouble", FAULTS)
@pytest.mark.parametrize(
    ("method", "on_email_change"), [("GET", "move"), ("PATCH", "move"), ("POST", "merge")]
)
def test_no_trouble_makes_two_of_a_person(
    site: Site, method: str, trouble: str, on_email_change: str
) -> None:
    """Lost replies, busy servers and login pages pass; none of them means that nobody is known."""
    before = [person("acc-1", "old@shop.io", Plan="Gold"), person("acc-2", "two@shop.io", Plan="P")]
    site.profiles(*before)
    site.account.add_profile("new@shop.io")
    kind = FAULTS[trouble]
    site.account.network.faults.append(
        Fault(
            kind.trouble,
            method=method,
            path=ENDPOINTS[method],
            status=kind.status,
            body=kind.body,
            headers=kind.headers,
        )
    )
    run = site.profiles(
        person("acc-1", "new@shop.io", Plan="Gold"),
        person("acc-2", "deux@shop.io", Plan="P"),
        on_email_change=on_email_change,
    )
    assert run.rejects == []
    left = {("old@shop.io", None, "")} if on_email_change == "move" else set()
    assert shown(site) == {
        ("new@shop.io", "acc-1", "Gold"),
        ("deux@shop.io", "acc-2", "P"),
        *left,
    }


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        ("external_id_merges", False),
        ("import_conflict", "email"),
        ("import_conflict", "external_id"),
        ("conflict_status", 400),
        ("import_order", "reversed"),
        ("bulk_unset_effective", False),
        ("merged_ids_resolve", False),
        ("merged_keys_known", False),
        ("original_payload", "attributes"),
        ("absent_links", "omitted"),
    ],
)
@pytest.mark.parametrize("on_email_change", ["move", "merge"])
def test_whatever_klaviyo_leaves_open_a_person_has_one_profile(
    site: Site, switch: str, value: object, on_email_change: str
) -> None:
    """Every fact that nobody has verified may be otherwise."""
    setattr(site.account.options, switch, value)
    settings = {"on_email_change": on_email_change, "clear_with": "single"}
    site.profiles(
        person("acc-1", "one@shop.io", Plan="Gold", Card="1"),
        person("acc-2", "two@shop.io", "acc-3", Plan="Silver"),
        person("acc-4", Plan="Iron"),
        **settings,
    )
    site.account.add_profile("uno@shop.io")
    site.account.add_profile("four@shop.io")
    rows = [
        person("acc-1", "uno@shop.io", Plan="Gold", Card=None),
        person("acc-2", "deux@shop.io", Plan="Silver"),
        person("acc-3", "two@shop.io", Plan="Tin"),
        person("acc-4", "four@shop.io", Plan="Iron"),
    ]
    run = site.profiles(*rows, **settings)
    assert run.rejects == []
    left = {("one@shop.io", None, "")} if on_email_change == "move" else set()
    assert shown(site) == {
        ("uno@shop.io", "acc-1", "Gold"),
        ("deux@shop.io", "acc-2", "Silver"),
        ("two@shop.io", "acc-3", "Tin"),
        ("four@shop.io", "acc-4", "Iron"),
        *left,
    }
    site.recorder.requests.clear()
    site.profiles(*rows, **settings)
    assert {each.method for each in site.recorder.requests} == {"GET"}
