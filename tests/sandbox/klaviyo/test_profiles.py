"""Profiles: identity, import jobs, and what null means where."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount
    from recurly_klaviyo_sandbox.klaviyo.profiles import Profile

Opened = tuple["KlaviyoAccount", "Client"]
ROWS = "/data/attributes/profiles/data"


def _pointers(response: Any) -> list[str]:
    assert response.status_code == 400, response.text
    return [error["source"]["pointer"] for error in response.json()["errors"]]


def _ann(account: KlaviyoAccount) -> Profile:
    ann = account.profile("ann@shop.se")
    assert ann is not None
    return ann


def _status(client: Client, job: str) -> dict[str, Any]:
    answer = client.get(f"/api/profile-bulk-import-jobs/{job}").json()
    attributes: dict[str, Any] = answer["data"]["attributes"]
    return attributes


def test_an_import_is_a_job_that_goes_from_queued_to_complete(
    client: Client, bodies: type[Bodies]
) -> None:
    """The answer is 202 with a queued job; status reads find it processing, then complete."""
    response = client.bulk_import(bodies.profile("ann@shop.se"), bodies.profile("bob@shop.se"))
    assert response.status_code == 202
    job = response.json()["data"]
    assert job["attributes"]["status"] == "queued"
    assert job["attributes"]["total_count"] == 2
    assert _status(client, job["id"])["status"] == "processing"
    done = _status(client, job["id"])
    assert (done["status"], done["completed_count"], done["failed_count"]) == ("complete", 2, 0)
    emails = [
        profile["attributes"]["email"]
        for profile in client.pages(f"/api/profile-bulk-import-jobs/{job['id']}/profiles")
    ]
    assert emails == ["ann@shop.se", "bob@shop.se"]


def test_how_long_a_job_takes_is_a_switch(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """A job ends after the given number of polls, or after its time, whichever is first."""
    account, client = open_account(job_polls=3, job_duration=timedelta(minutes=1))
    by_polls = client.bulk_import(bodies.profile("ann@shop.se")).json()["data"]["id"]
    statuses = [_status(client, by_polls)["status"] for _ in range(4)]
    assert statuses == ["processing"] * 3 + ["complete"]
    by_time = client.bulk_import(bodies.profile("bob@shop.se")).json()["data"]["id"]
    assert client.get("/api/profiles", filter='equals(email,"bob@shop.se")').json()["data"] == []
    account.state.clock.advance(timedelta(minutes=1))
    assert len(client.get("/api/profiles", filter='equals(email,"bob@shop.se")').json()["data"])
    assert _status(client, by_time)["status"] == "complete"


def test_a_job_may_be_cancelled(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """A cancelled job imports nothing; the next one works again."""
    account.cancel_jobs(1)
    first = client.bulk_import(bodies.profile()).json()["data"]["id"]
    second = client.bulk_import(bodies.profile("bob@shop.se")).json()["data"]["id"]
    account.profiles()
    assert _status(client, first)["status"] == "cancelled"
    assert _status(client, second)["status"] == "complete"
    assert [profile.email for profile in account.profiles()] == ["bob@shop.se"]


def test_a_job_expires_after_a_week(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Seven days later the job is not found any more."""
    job = client.bulk_import(bodies.profile()).json()["data"]["id"]
    account.state.clock.advance(timedelta(days=7))
    assert client.get(f"/api/profile-bulk-import-jobs/{job}").status_code == 404
    assert client.pages("/api/profile-bulk-import-jobs") == []


def test_failed_rows_are_import_errors_in_pages(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Each failed row is an error with its payload and pointer, 20 to a page."""
    emails = [f"p{number}@shop.se" for number in range(50)]
    account.refuse_imports(dict.fromkeys(emails[:45], "Refused for the test."))
    rows = [bodies.profile(email) for email in emails]
    job = client.bulk_import(*rows).json()["data"]["id"]
    account.profiles()
    assert _status(client, job)["failed_count"] == 45
    path = f"/api/profile-bulk-import-jobs/{job}/import-errors"
    assert len(client.get(path).json()["data"]) == 20
    errors = client.pages(path)
    assert len(errors) == 45
    assert errors[7]["attributes"] == {
        "code": "invalid",
        "title": "Invalid input.",
        "detail": "Refused for the test.",
        "source": {"pointer": f"{ROWS}/7/attributes/email"},
        "original_payload": rows[7],
    }
    assert len(client.get(path, page_size=100).json()["data"]) == 45
    assert client.get(path, page_size=101).status_code == 400


def test_the_payload_of_an_import_error_is_a_switch(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """An import error may show the attributes alone instead of the row as sent."""
    account, client = open_account(original_payload="attributes")
    account.refuse_imports({"ann@shop.se": "No."})
    job = client.bulk_import(bodies.profile(title="Dr")).json()["data"]["id"]
    account.profiles()
    (error,) = client.pages(f"/api/profile-bulk-import-jobs/{job}/import-errors")
    assert error["attributes"]["original_payload"] == {"email": "ann@shop.se", "title": "Dr"}


def test_null_is_ignored_in_bulk_and_clears_in_profile_import(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """The same nulls change nothing in a bulk import and clear in a single one."""
    full = bodies.profile(first_name="Ann", location={"city": "Umeå"}, properties={"Plan": "gold"})
    client.bulk_import(full)
    nulls = bodies.profile(first_name=None, location={"city": None}, properties={"Plan": None})
    client.bulk_import(nulls)
    ann = _ann(account)
    assert (ann.attributes, ann.location) == ({"first_name": "Ann"}, {"city": "Umeå"})
    assert ann.properties == {"Plan": "gold"}
    assert client.upsert(nulls).status_code == 200
    assert (ann.attributes, ann.location, ann.properties) == ({}, {}, {})


def test_what_is_absent_stays(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Fields and properties that a payload does not name keep their values."""
    client.upsert(bodies.profile(first_name="Ann", properties={"a": 1, "b": 2}))
    client.upsert(bodies.profile(last_name="Berg", properties={"b": 3}))
    assert _ann(account).attributes == {"first_name": "Ann", "last_name": "Berg"}
    assert _ann(account).properties == {"a": 1, "b": 3}


def test_patch_properties_append_unappend_and_unset(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Lists grow without doubles, shrink, and properties go."""
    client.upsert(bodies.profile(properties={"plans": ["a"], "old": 1, "older": 2}))
    patch = {"append": {"plans": ["b", "a"], "new": "x"}, "unset": ["old", "older"]}
    client.upsert(bodies.profile(meta={"patch_properties": patch}))
    assert _ann(account).properties == {"plans": ["a", "b"], "new": ["x"]}
    patch = {"unappend": {"plans": "a", "absent": "y"}, "unset": "new"}
    client.upsert(bodies.profile(meta={"patch_properties": patch}))
    assert _ann(account).properties == {"plans": ["b"]}


@pytest.mark.parametrize(("effective", "left"), [(True, {}), (False, {"old": 1})])
def test_unset_in_bulk_is_a_switch(
    open_account: Callable[..., Opened],
    bodies: type[Bodies],
    left: dict[str, int],
    *,
    effective: bool,
) -> None:
    """Whether `unset` works in a bulk import is unverified, so both can be tried."""
    account, client = open_account(bulk_unset_effective=effective)
    client.bulk_import(bodies.profile(properties={"old": 1}))
    account.profiles()
    client.bulk_import(bodies.profile(meta={"patch_properties": {"unset": ["old"]}}))
    assert _ann(account).properties == left


def test_an_invalid_phone_is_dropped_in_bulk_and_refused_singly(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Bulk imports take the row without the number; the synchronous endpoints answer 400."""
    job = client.bulk_import(bodies.profile(phone_number="070-123 45 67")).json()["data"]["id"]
    assert _ann(account).phone_number is None
    assert _status(client, job)["failed_count"] == 0
    pointer = ["/data/attributes/phone_number"]
    assert _pointers(client.upsert(bodies.profile(phone_number="070-1"))) == pointer
    body = {"data": bodies.profile(None, phone_number="070-1")}
    assert _pointers(client.post("/api/profiles", body)) == pointer


@pytest.mark.parametrize(
    "email",
    [
        "no address",
        "@shop.se",
        "ann@",
        "ann@shop",
        "ann@@shop.se",
        "ann@shop..se",
        ".ann@shop.se",
        "a b@shop.se",
        "ann@-shop.se",
        f"{'a' * 60}@{'b' * 40}.se",
        "ann@shop.se\n",
        "",
    ],
)
def test_a_malformed_address_fails_the_whole_import(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], email: str
) -> None:
    """One bad address is a 400 for all rows, with its pointer."""
    response = client.bulk_import(bodies.profile("good@shop.se"), bodies.profile(email, title="x"))
    assert f"{ROWS}/1/attributes/email" in _pointers(response)
    assert account.profiles() == []


@pytest.mark.parametrize(
    "email", ["o'hara+tag@sub.shop.co.uk", "åsa@exempel.se", "a@b.museum", "x_y-z@shop.se"]
)
def test_usual_addresses_pass(client: Client, bodies: type[Bodies], email: str) -> None:
    """Plus tags, apostrophes, letters of other alphabets and long endings are fine."""
    assert client.bulk_import(bodies.profile(email)).status_code == 202


def test_all_errors_of_an_import_are_named(client: Client, bodies: type[Bodies]) -> None:
    """Problems of form and of content come together."""
    response = client.bulk_import(
        bodies.profile("bad"),
        bodies.profile(nickname="x"),
        bodies.profile(None),
        bodies.profile(external_id="e" * 256),
        bodies.profile(location={"city": 1}),
        bodies.profile(properties={"s": "x" * 100_000}),
    )
    assert sorted(_pointers(response)) == [
        f"{ROWS}/0/attributes/email",
        f"{ROWS}/1/attributes/nickname",
        f"{ROWS}/2/attributes",
        f"{ROWS}/3/attributes/external_id",
        f"{ROWS}/4/attributes/location/city",
        f"{ROWS}/5",
    ]


def test_ten_thousand_profiles_an_import(client: Client, bodies: type[Bodies]) -> None:
    """10,000 rows pass, 10,001 do not."""
    rows = [bodies.profile(f"p{number}@shop.se") for number in range(10_001)]
    assert _pointers(client.bulk_import(*rows)) == [ROWS]
    assert client.bulk_import(*rows[:10_000]).status_code == 202


def test_one_person_one_profile(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Address in any case and phone number lead to the same profile."""
    client.upsert(bodies.profile("Ann@Shop.se", phone_number="+46701234567"))
    client.upsert(bodies.profile("ann@shop.se", first_name="Ann"))
    client.upsert(bodies.profile(None, phone_number="+46701234567", last_name="Berg"))
    (ann,) = account.profiles()
    assert ann.attributes == {"first_name": "Ann", "last_name": "Berg"}


def test_external_id_takes_no_part_in_merging(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Alone it finds its profile; beside an unknown address it makes a duplicate."""
    client.upsert(bodies.profile(None, external_id="acct-1"))
    client.upsert(bodies.profile(None, external_id="acct-1", first_name="Ann"))
    assert len(account.profiles()) == 1
    client.upsert(bodies.profile("ann@shop.se", external_id="acct-1"))
    assert [profile.external_id for profile in account.profiles()] == ["acct-1", "acct-1"]


def test_identifiers_of_two_people_are_refused(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """Singly it is 400 "Duplicate email found" or, as reported, 409; in bulk an import error."""
    mixed = bodies.profile("ann@shop.se", phone_number="+46701234567")
    for status in (400, 409):
        account, client = open_account(conflict_status=status)
        client.upsert(bodies.profile("ann@shop.se"))
        client.upsert(bodies.profile("bob@shop.se", phone_number="+46701234567"))
        assert client.upsert(mixed).status_code == status
        job = client.bulk_import(mixed).json()["data"]["id"]
        account.profiles()
        (error,) = client.pages(f"/api/profile-bulk-import-jobs/{job}/import-errors")
        assert error["attributes"]["detail"] == "Duplicate email found."
        assert len(account.profiles()) == 2


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
    assert patch(email="bob@shop.se").status_code == 409
    other = {"data": {"type": "profile", "id": "x", "attributes": {}}}
    assert client.call("PATCH", f"/api/profiles/{ann}", json=other).status_code == 400
    unknown = client.call("PATCH", "/api/profiles/x", json=other)
    assert unknown.status_code == 404


def test_order_is_not_guaranteed(open_account: Callable[..., Opened], bodies: type[Bodies]) -> None:
    """Rows of one person in one job, or in two open jobs, may be written in any order."""
    first, second = (bodies.profile(properties={"n": number}) for number in (1, 2))
    for order, kept in (("sent", 2), ("reversed", 1)):
        account, client = open_account(import_order=order)
        client.bulk_import(first, second)
        assert _ann(account).properties == {"n": kept}
        account, client = open_account(import_order=order)
        client.bulk_import(first)
        client.bulk_import(second)
        assert _ann(account).properties == {"n": kept}


def test_imported_profiles_join_lists_without_consent(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Joining a list by import changes no consent; an unknown list is 404."""
    body = {"data": {"type": "list", "attributes": {"name": "Customers"}}}
    created = client.post("/api/lists", body)
    assert created.status_code == 201
    identifier = created.json()["data"]["id"]
    assert client.bulk_import(bodies.profile(), lists=(identifier,)).status_code == 202
    assert _ann(account).lists == (identifier,)
    assert account.consents == []
    assert client.bulk_import(bodies.profile(), lists=("none",)).status_code == 404
    assert (
        client.get(f"/api/lists/{identifier}").json()["data"]["attributes"]["name"] == "Customers"
    )
    assert [each["id"] for each in client.pages("/api/lists")] == [identifier]


def test_consent_is_logged(account: KlaviyoAccount, client: Client) -> None:
    """A subscription job leaves its mark, so that a test can see that none was sent."""
    consent = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    attributes = {"email": "ann@shop.se", "subscriptions": consent}
    job = {
        "type": "profile-subscription-bulk-create-job",
        "attributes": {"profiles": {"data": [{"type": "profile", "attributes": attributes}]}},
    }
    response = client.post("/api/profile-subscription-bulk-create-jobs", {"data": job})
    assert response.status_code == 202
    assert [(each.email, each.channels) for each in account.consents] == [
        ("ann@shop.se", ("email",))
    ]


def test_imports_keep_test_domains_unless_switched(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """Whether imports drop example.com as events do is unknown, so it is a switch."""
    for drop, kept in ((False, 1), (True, 0)):
        account, client = open_account(drop_test_profiles=drop)
        client.bulk_import(bodies.profile("ann@example.com"))
        assert len(account.profiles()) == kept


def test_a_profile_can_be_altered_behind_the_back(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Tests may change and remove properties that an audit then has to find."""
    client.upsert(bodies.profile(properties={"a": 1, "b": 2}))
    account.alter_profile("ann@shop.se", a=9, b=None)
    assert _ann(account).properties == {"a": 9}
    with pytest.raises(KeyError):
        account.alter_profile("nobody@shop.se", a=1)
