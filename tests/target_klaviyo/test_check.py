"""`--check`: one message on account, key and revision, or one sentence on what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from recurly_klaviyo_sandbox.faults import Fault, Trouble
from target_klaviyo.check import CHECK_TIMEOUT, CHECK_TRIES, Scopes, revision_age
from target_klaviyo.config import read_settings
from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.client import Client

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Site

TO_WRITE = ["events:write", "lists:read", "lists:write", "profiles:read", "profiles:write"]
TO_AUDIT = ["accounts:read", "events:read", "metrics:read", "profiles:read"]


def test_the_message_names_account_scopes_and_revision(site: Site) -> None:
    """Account, time zone, kind of account, every scope the mode needs, and the revision's age."""
    message = site.check()
    assert "Sandbox Store (test account, time zone Europe/Stockholm)" in message
    assert (
        "the key has what mode 'write' needs (events:write, lists:read, lists:write, "
        "profiles:read and profiles:write);"
    ) in message
    assert "API revision 2026-10-15" in message
    assert "supports for two years" not in message


@pytest.mark.parametrize("mode", ["write", "audit", "repair"])
def test_a_check_stores_nothing(site: Site, mode: str) -> None:
    """No event, no profile, no import job is there after a check in any mode."""
    site.check(mode=mode)
    assert site.account.events() == []
    assert site.account.profiles() == []
    assert site.account.jobs == []


def test_what_asks_to_write_carries_no_rows(site: Site) -> None:
    """A scope to write is told by an empty object, in which there is nothing to store."""
    site.check()
    bodies = [request.body for request in site.recorder.requests if request.method == "POST"]
    assert bodies == [b"{}"] * 3
    assert site.requests(status=202) == 0


@pytest.mark.parametrize("lacking", TO_WRITE)
def test_a_scope_that_writing_needs_is_named(site: Site, lacking: str) -> None:
    """A key without one of the scopes is told apart, with just that scope, and the account."""
    site.account.add_key("weak", {*TO_WRITE, "accounts:read"} - {lacking})
    with pytest.raises(KlaviyoError) as told:
        site.check(api_key="weak")
    assert f"time zone Europe/Stockholm) lacks {lacking}; mode 'write' needs " in str(told.value)


@pytest.mark.parametrize("lacking", TO_AUDIT)
def test_a_scope_that_an_audit_needs_is_named(site: Site, lacking: str) -> None:
    """In mode audit other scopes count, and no write is tried."""
    site.account.add_key("weak", {*TO_AUDIT} - {lacking})
    with pytest.raises(KlaviyoError, match=f" lacks {lacking}; mode 'audit' needs "):
        site.check(api_key="weak", mode="audit")
    assert not [request for request in site.recorder.requests if request.method == "POST"]


def test_writing_needs_no_scope_for_the_account(site: Site) -> None:
    """A key that may only write passes; the message says why it names no account."""
    site.account.add_key("writer", TO_WRITE)
    assert "whose name the key may not read (accounts:read)" in site.check(api_key="writer")


def test_only_scopes_of_the_rows_that_may_come_are_needed(site: Site) -> None:
    """Who sends events only needs no scopes for profiles."""
    site.account.add_key("events", ["events:write", "accounts:read"])
    message = site.check(api_key="events", profile_streams=[])
    assert "has what mode 'write' needs (events:write);" in message


def test_a_list_that_exists_passes(site: Site) -> None:
    """The list that profiles are to join is looked up."""
    joined = site.account.add_list("Customers")
    assert "lists:read" in site.check(list_id=joined.id)


@pytest.mark.parametrize("list_id", ["NoSuch", "a/b c"])
def test_an_unknown_list_is_named(site: Site, list_id: str) -> None:
    """A list that Klaviyo does not know is the setting's fault."""
    with pytest.raises(KlaviyoError, match="list_id"):
        site.check(list_id=list_id)


def test_a_wrong_key_is_told(site: Site) -> None:
    """401 is about the key."""
    with pytest.raises(KlaviyoError, match="does not accept the API key"):
        site.check(api_key="another")


def test_a_retired_revision_is_told(site: Site) -> None:
    """A revision that Klaviyo no longer supports is named as the cause."""
    with pytest.raises(KlaviyoError, match="revision"):
        site.check(revision="2022-10-17")


def test_an_old_revision_is_warned_of(site: Site) -> None:
    """From a year on the message says until when Klaviyo supports the revision."""
    assert "supports for two years only, until 2027-07" in site.check(revision="2025-07-15")


def test_an_address_where_nothing_answers_is_named(site: Site, closed_port: int) -> None:
    """The sentence names the address."""
    url = f"http://127.0.0.1:{closed_port}"
    with pytest.raises(KlaviyoError, match=f"cannot be reached at {url}"):
        site.check(api_url=url)


def test_a_path_that_is_not_klaviyos_is_told(site: Site) -> None:
    """An API of another kind says 404 in Klaviyo's form: the address is what to look at."""
    with pytest.raises(KlaviyoError, match=r"404 for /api/accounts\); check the setting 'api_url'"):
        site.check(api_url=f"{site.url}/v2")


def test_a_key_that_may_do_nothing_is_told_what_it_lacks(site: Site) -> None:
    """Whose key it is, is left out where the key may not tell."""
    site.account.add_key("nothing", [])
    with pytest.raises(KlaviyoError) as told:
        site.check(api_key="nothing")
    assert str(told.value).startswith("The API key lacks events:write, profiles:read and ")


def test_what_cannot_be_told_is_said(site: Site) -> None:
    """A probe to write is never repeated: when it fails, the message says what was not checked."""
    site.account.network.faults.append(
        Fault(Trouble.ANSWER, "event-bulk-create-jobs", status=503, times=None)
    )
    assert "not checked: events:write" in site.check()
    assert site.requests("event-bulk-create-jobs") == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Trouble.ANSWER, status=200, body=b"<html>", times=None),
        Fault(Trouble.ANSWER, status=503, times=None),
    ],
    ids=["HTML", "503"],
)
def test_a_check_of_what_is_no_klaviyo_ends_soon(site: Site, fault: Fault) -> None:
    """Three tries are enough: somebody is waiting for the sentence, which names the address."""
    site.account.network.faults.append(replace(fault))
    with pytest.raises(KlaviyoError) as told:
        site.check()
    assert "account endpoint failed 3 times in a row" in str(told.value)
    assert f"check what answers at {site.url} (the setting 'api_url', a proxy" in str(told.value)
    assert site.requests() == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_check_waits_for_no_used_up_limit(site: Site, status: int) -> None:
    """A Retry-After of a minute ends the check with a sentence at once."""
    site.account.network.faults.append(
        Fault(Trouble.ANSWER, status=status, headers={"Retry-After": "60"}, times=None)
    )
    with pytest.raises(KlaviyoError, match="asks to wait 60 s"):
        site.check()
    assert site.requests() == 1


def test_a_check_waits_five_seconds_for_an_answer(site: Site) -> None:
    """Whatever `request_timeout` a run has, three answers that do not come take 15 s and pauses."""
    given = read_settings({**site.config, "request_timeout": 60})
    assert CHECK_TRIES * CHECK_TIMEOUT + 2 < 20
    assert Client.configured(given, longest_timeout=CHECK_TIMEOUT).timeout == CHECK_TIMEOUT


def test_the_command_checks(site: Site) -> None:
    """`target-klaviyo --check` reads no input, prints the message alone and ends with 0."""
    with site.start("--check") as process:
        out, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert out.decode().startswith("Connected to Sandbox Store")
    assert len(out.splitlines()) == 1


def test_the_command_tells_what_is_wrong(site: Site) -> None:
    """What is wrong is the last line on stderr, with exit code 1 and an empty stdout."""
    with site.start("--check", api_key="another") as process:
        out, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == b""
    assert "does not accept the API key" in log.decode().splitlines()[-1]


@pytest.mark.parametrize(
    ("held", "refused", "lacking", "unknown"),
    [
        ([], [], [], []),
        (["a"], [("a", "b")], ["b"], []),
        ([], [("a", "b")], ["a", "b"], []),
        (["a"], [("a", "b"), ("c",)], ["b", "c"], []),
        ([], [("a", "b"), ("b",)], ["b"], ["a"]),
    ],
)
def test_a_refusal_names_the_scopes_it_can_be_about(
    held: list[str], refused: Any, lacking: list[str], unknown: list[str]
) -> None:
    """Scopes shown to be held are not to blame, nor those beside one that surely is lacking."""
    scopes = Scopes({*held}, refused)
    assert scopes.lacking == {*lacking}
    assert scopes.unknown == {*unknown}


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 7, 15), " (0 months old)"),
        (date(2026, 8, 15), " (1 month old)"),
        (date(2027, 7, 14), " (11 months old)"),
        (date(2027, 7, 15), " (12 months old), which Klaviyo supports for two years only"),
        (date(2026, 7, 1), " (0 months old)"),
    ],
)
def test_the_revisions_age_is_counted_in_months(today: date, said: str) -> None:
    """Klaviyo keeps a revision stable for a year, so from then on there is a warning."""
    age = revision_age("2026-07-15", today)
    assert age.startswith(said)
    assert ("upgrade" in age) is ("two years" in said)
