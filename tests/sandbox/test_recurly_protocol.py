"""Authentication, versions, headers and errors of the sandbox's Recurly, over real HTTP."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from recurly_klaviyo_sandbox.recurly.endpoints import LISTINGS

if TYPE_CHECKING:
    from collections.abc import Callable

TOP_LEVEL = [listing for listing in LISTINGS if "{" not in listing.path]
OTHER_VERSIONS = ["*/*", "application/json", "application/vnd.recurly.v2018-08-09"]


def error_of(response: Any) -> dict[str, Any]:
    """The error object of an answer."""
    error: dict[str, Any] = response.json()["error"]
    return error


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sandbox-recurly-key"}])
def test_no_basic_credentials_are_unauthorized(
    open_site: Callable[..., Any], headers: dict[str, str]
) -> None:
    """Without HTTP Basic credentials the answer is 401 unauthorized."""
    response = open_site().ask("/accounts", auth=None, headers=headers)
    assert (response.status_code, error_of(response)["type"]) == (401, "unauthorized")


@pytest.mark.parametrize(("status", "kind"), [(401, "unauthorized"), (403, "invalid_api_key")])
def test_a_wrong_key_is_refused_in_either_way(
    open_site: Callable[..., Any], status: int, kind: str
) -> None:
    """A key that does not exist gets 401 or, by switch, 403 invalid_api_key."""
    reader = open_site(wrong_key_status=status)
    response = reader.ask("/accounts", auth=("another-key", ""))
    assert (response.status_code, error_of(response)["type"]) == (status, kind)


@pytest.mark.parametrize("accept", OTHER_VERSIONS)
def test_any_other_version_is_not_acceptable(open_site: Callable[..., Any], accept: str) -> None:
    """Only v2021-02-25 is served; 406 names what would be acceptable."""
    response = open_site().ask("/accounts", headers={"Accept": accept})
    error = error_of(response)
    assert (response.status_code, error["type"]) == (406, "invalid_api_version")
    assert error["acceptable_accept_headers"] == ["application/vnd.recurly.v2021-02-25"]


def test_answers_carry_the_documented_headers(open_site: Callable[..., Any]) -> None:
    """Version, request id, the sandbox's own date, ETag and the three limit headers."""
    reader = open_site()
    response = reader.ask("/accounts")
    assert response.headers["Recurly-Version"] == "recurly.v2021-02-25"
    assert response.headers["X-Request-Id"]
    assert parsedate_to_datetime(response.headers["Date"]) == reader.site.clock.now()
    assert response.headers["ETag"] == reader.ask("/accounts").headers["ETag"]
    assert response.headers["X-RateLimit-Limit"] == "5000"


def test_an_empty_list_is_a_list(open_site: Callable[..., Any]) -> None:
    """The list object has exactly object, has_more, next and data."""
    expected = {"object": "list", "has_more": False, "next": None, "data": []}
    assert open_site().page("/invoices") == expected


def test_a_deprecated_version_announces_its_end(open_site: Callable[..., Any]) -> None:
    """The two headers of a version that will be switched off, by switch."""
    headers = open_site(deprecated=True).ask("/accounts").headers
    assert headers["Recurly-Deprecated"] == "TRUE"
    assert headers["Recurly-Sunset-Date"]
    assert "Recurly-Deprecated" not in open_site().ask("/accounts").headers


def test_gzip_is_answered_to_those_who_accept_it(open_site: Callable[..., Any]) -> None:
    """A long body is compressed on request only, and is the same body."""
    reader = open_site()
    for number in range(20):
        reader.site.store.put("accounts", {"id": f"a{number:02}"})
    packed = reader.ask("/accounts", headers={"Accept-Encoding": "gzip"})
    plain = reader.ask("/accounts", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()


def test_each_resource_knows_its_own_prefix_only(open_site: Callable[..., Any]) -> None:
    """`uuid-` before an account's code, or `code-` before an invoice's number, finds nothing."""
    reader = open_site()
    reader.site.store.put("accounts", {"id": "someone", "code": "bob"})
    assert reader.ask("/accounts/code-bob").status_code == 200
    assert reader.ask("/accounts/uuid-bob").status_code == 404
    assert reader.ask("/accounts/number-bob/subscriptions").status_code == 404


@pytest.mark.parametrize(
    "path", ["/nothing", "/accounts/unknown/subscriptions", "/invoices/number-9"]
)
def test_unknown_addresses_are_not_found(open_site: Callable[..., Any], path: str) -> None:
    """404 not_found for unknown paths, parents and records."""
    response = open_site().ask(path)
    assert (response.status_code, error_of(response)["type"]) == (404, "not_found")


def test_writing_is_refused(open_site: Callable[..., Any]) -> None:
    """The sandbox is read-only."""
    assert open_site().ask("/accounts", method="POST").status_code == 405


def test_missing_features_and_permissions_are_told_apart(open_site: Callable[..., Any]) -> None:
    """422 missing_feature and 403 invalid_permissions, per endpoint, others untouched."""
    reader = open_site(missing_features={"/gift_cards"}, forbidden={"/accounts/{account_id}/notes"})
    reader.site.store.put("accounts", {"id": "someone"})
    answers = {path: reader.ask(path) for path in ("/gift_cards", "/accounts/someone/notes")}
    found = [(answer.status_code, error_of(answer)["type"]) for answer in answers.values()]
    assert found == [(422, "missing_feature"), (403, "invalid_permissions")]
    assert reader.ask("/accounts").status_code == 200


@pytest.mark.parametrize("code", ["a@b.c", "100%", "x+y z", "käufer-ß", "a/b?c", "code-in-code"])
def test_odd_account_codes_are_found_when_encoded(open_site: Callable[..., Any], code: str) -> None:
    """`code-` and the percent-encoded code find the account, whatever the code holds."""
    reader = open_site()
    reader.site.store.put("accounts", {"id": "someone", "code": code})
    assert reader.page(f"/accounts/code-{quote(code, safe='')}")["id"] == "someone"


def test_records_are_found_by_each_kind_of_name(merchant_site: Any) -> None:
    """id, code-, uuid- and number- name the same records."""
    for path, field in (
        ("/invoices", "number"),
        ("/subscriptions", "uuid"),
        ("/transactions", "uuid"),
    ):
        record = merchant_site.page(path, limit=1)["data"][0]
        assert merchant_site.page(f"{path}/{record['id']}") == record
        assert merchant_site.page(f"{path}/{field}-{record[field]}") == record


@pytest.mark.parametrize("listing", TOP_LEVEL, ids=lambda listing: listing.path)
def test_head_counts_every_list(merchant_site: Any, listing: Any) -> None:
    """HEAD has no body and tells in Recurly-Total-Records how many rows GET would yield."""
    response = merchant_site.ask(listing.path, method="HEAD")
    assert response.content == b""
    assert int(response.headers["Recurly-Total-Records"]) == len(merchant_site.rows(listing.path))


def test_missing_texts_are_empty_and_not_null(merchant_site: Any) -> None:
    """Recorded: e-mail, company, cc_emails and vat_number are "" where one expects null."""
    accounts = merchant_site.rows("/accounts", limit=200)
    for name in ("email", "company", "cc_emails", "vat_number", "last_name", "preferred_locale"):
        assert all(isinstance(account[name], str) for account in accounts)
    assert {account["email"] for account in accounts} >= {""}
    assert all(account["hosted_login_token"] for account in accounts)
