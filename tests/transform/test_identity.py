"""An account is known by its address, else by its id, and by its code only when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_to_klaviyo import Transform

    RecordFactory = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "written",
    [
        "anna@mail.dev",
        "  anna@mail.dev\n",
        "\ufeffanna@mail.dev",
        "\u200banna@mail.dev\u200b \u200b",
        "\u00a0anna@mail.dev\u00a0",
        "anna@mail.dev\u2060\u00ad",
    ],
)
def test_what_surrounds_an_address_goes(
    transform: Transform, transaction: RecordFactory, snapshot: RecordFactory, written: str
) -> None:
    """Spaces, marks and characters without width at the ends are no part of an address."""
    account = {"id": "acc1", "code": "anna", "email": written}
    ((_, event),) = transform.rows("transactions", transaction(account=account))
    ((_, profile),) = transform.rows("account_snapshots", snapshot(email=written))
    assert event["profile"] == {"email": "anna@mail.dev"}
    assert profile["email"] == "anna@mail.dev"


@pytest.mark.parametrize(
    ("settings", "identifiers"),
    [
        ({}, {"email": "anna@mail.dev", "external_id": "acc1"}),
        ({"link_accounts": False}, {"email": "anna@mail.dev"}),
        ({"identify_by": "account_code"}, {"external_id": "anna"}),
        ({"identify_by": "account_code", "site": "eu"}, {"external_id": "eu:anna"}),
        ({"site": "eu"}, {"email": "anna@mail.dev", "external_id": "acc1"}),
    ],
)
def test_the_settings_say_by_what_a_profile_is_known(
    transform_with: Callable[..., Transform],
    snapshot: RecordFactory,
    settings: dict[str, Any],
    identifiers: dict[str, str],
) -> None:
    """By default by address and oldest account; by address alone; by code alone."""
    ((_, row),) = transform_with(**settings).rows("account_snapshots", snapshot())
    assert {name: row[name] for name in row if name != "properties"} == identifiers


@pytest.mark.parametrize("email", [None, "", "\u200b"])
def test_a_profile_without_address_is_known_by_its_id(
    transform: Transform, snapshot: RecordFactory, email: str | None
) -> None:
    """Without address the account's own id is the external id, and no code is told as one."""
    ((_, row),) = transform.rows("account_snapshots", snapshot(email=email, code="anna@mail.dev"))
    assert {name: row[name] for name in row if name != "properties"} == {"external_id": "acc1"}


def test_an_address_that_was_not_read_makes_no_second_person(
    transform: Transform, snapshot: RecordFactory
) -> None:
    """With the field deselected a snapshot is refused; it must not be addressed by its id."""
    record = snapshot()
    del record["email"]
    with pytest.raises(ValueError, match=r"no field .email.*select the e-mail address again"):
        transform.rows("account_snapshots", record)


def test_without_code_nobody_is_known_by_it(
    transform_with: Callable[..., Transform], snapshot: RecordFactory
) -> None:
    """identify_by account_code refuses an account without code."""
    with pytest.raises(ValueError, match="has no code"):
        transform_with(identify_by="account_code").rows("account_snapshots", snapshot(code=None))


def test_a_site_stands_on_every_event(
    transform_with: Callable[..., Transform], transaction: RecordFactory
) -> None:
    """With `site`, events carry it, and the transform says so to the audit."""
    transform = transform_with(site="eu")
    ((_, row),) = transform.rows("transactions", transaction())
    assert transform.event_scope == {"Recurly Site": "eu"}
    assert transform.event_scope.items() <= row["properties"].items()
    assert transform_with().event_scope == {}
