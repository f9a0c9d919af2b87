"""What a profile takes and keeps: nulls, patches, phones, addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount
    from recurly_klaviyo_sandbox.klaviyo.profiles import Profile

Opened = tuple["KlaviyoAccount", "Client"]
ROWS = "/data/attributes/profiles/data"


def _ann(account: KlaviyoAccount) -> Profile:
    ann = account.profile("ann@shop.se")
    assert ann is not None
    return ann


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
    assert client.job(job)["failed_count"] == 0
    pointer = ["/data/attributes/phone_number"]
    assert client.pointers(client.upsert(bodies.profile(phone_number="070-1"))) == pointer
    body = {"data": bodies.profile(None, phone_number="070-1")}
    assert client.pointers(client.post("/api/profiles", body)) == pointer


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
    assert f"{ROWS}/1/attributes/email" in client.pointers(response)
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
    assert sorted(client.pointers(response)) == [
        f"{ROWS}/0/attributes/email",
        f"{ROWS}/1/attributes/nickname",
        f"{ROWS}/2/attributes",
        f"{ROWS}/3/attributes/external_id",
        f"{ROWS}/4/attributes/location/city",
        f"{ROWS}/5",
    ]


def test_a_profile_can_be_altered_behind_the_back(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Tests may change and remove properties that an audit then has to find."""
    client.upsert(bodies.profile(properties={"a": 1, "b": 2}))
    account.alter_profile("ann@shop.se", a=9, b=None)
    assert _ann(account).properties == {"a": 9}
    with pytest.raises(KeyError):
        account.alter_profile("nobody@shop.se", a=1)
