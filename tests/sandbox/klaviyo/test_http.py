"""Who may do what, how often, and in which form."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]


def _error(response: Any) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["errors"][0]
    return error


def test_the_default_key_opens_every_endpoint(client: Client) -> None:
    """The account answers its key with its time zone, currency and name."""
    response = client.get("/api/accounts")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.api+json"
    (account,) = response.json()["data"]
    assert account["attributes"]["timezone"] == "Europe/Stockholm"
    assert account["attributes"]["contact_information"]["organization_name"] == "Sandbox Store"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "not_authenticated"),
        ("Klaviyo-API-Key wrong", "not_authenticated"),
        ("Bearer sandbox-klaviyo-key", "authentication_failed"),
        ("sandbox-klaviyo-key", "authentication_failed"),
    ],
)
def test_a_missing_or_wrong_key_is_401(
    client: Client, authorization: str | None, code: str
) -> None:
    """Without a valid private key in the right scheme the answer is 401."""
    response = client.call("GET", "/api/accounts", headers={"Authorization": authorization})
    assert response.status_code == 401
    assert _error(response)["code"] == code


def test_a_key_without_the_scope_is_403(account: KlaviyoAccount, client: Client) -> None:
    """A key may do what its scopes say, and the refusal names the missing ones."""
    account.add_key("reader", ["metrics:read", "accounts:read"])
    client.key = "reader"
    assert client.get("/api/metrics").status_code == 200
    response = client.send()
    assert response.status_code == 403
    assert "events:write" in _error(response)["detail"]


def test_a_revoked_key_is_401(account: KlaviyoAccount, client: Client) -> None:
    """A key that is revoked midway is refused from then on."""
    assert client.get("/api/metrics").status_code == 200
    account.revoke_key(account.api_key)
    assert client.get("/api/metrics").status_code == 401


@pytest.mark.parametrize(
    ("revision", "status"),
    [
        ("2026-07-15", 200),
        ("2026-07-15.pre", 200),
        ("2025-01-15", 200),
        (None, 400),
        ("2026-07-16", 400),
        ("latest", 400),
        ("2024-02-15", 200),
    ],
)
def test_the_revision_must_be_published(client: Client, revision: str | None, status: int) -> None:
    """A missing or unknown revision is 400; one older than two years falls forward silently."""
    response = client.call("GET", "/api/metrics", headers={"revision": revision})
    assert response.status_code == status


def test_a_client_can_opt_out_of_falling_forward(client: Client) -> None:
    """With the header a retired revision is 410, and a served one is served."""
    client.headers["X-Klaviyo-Revision-Fall-Forward-Opt-Out"] = "1"
    for revision, status in (("2024-02-15", 410), ("2026-10-15", 200)):
        assert client.call("GET", "/api/metrics", headers={"revision": revision}).status_code == (
            status
        )


@pytest.mark.parametrize("path", ["/api/accounts/", "/api/nothing", "/api/metrics/a/b", "/"])
def test_other_paths_are_404(client: Client, path: str) -> None:
    """Unknown paths and trailing slashes are not found."""
    assert client.get(path).status_code == 404


def test_other_methods_are_405(client: Client) -> None:
    """A method the path does not have is refused, and the allowed ones are named."""
    response = client.call("DELETE", "/api/profiles")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_bodies_that_are_not_json_api_are_415(client: Client, kind: str | None) -> None:
    """A body must be declared as JSON:API."""
    response = client.call(
        "POST", "/api/profile-import", data=b"{}", headers={"Content-Type": kind}
    )
    assert response.status_code == 415


def test_plain_json_is_a_switch(open_account: Callable[..., Opened]) -> None:
    """Bodies declared as application/json pass by default and can be refused."""
    for accepted, status in ((True, 400), (False, 415)):
        _, client = open_account(accept_plain_json=accepted)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        assert client.post("/api/profile-import", {}, headers=headers).status_code == status


def test_gzip_is_a_switch_and_counts_unpacked(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """Gzip bodies are refused by default; where accepted, 5 MB count decompressed."""
    body = json.dumps({"data": bodies.profile()}).encode()
    headers = {"Content-Encoding": "gzip"}
    _, client = open_account()
    refused = client.call("POST", "/api/profile-import", data=gzip.compress(body), headers=headers)
    assert refused.status_code == 415
    _, client = open_account(accept_gzip=True)
    taken = client.call("POST", "/api/profile-import", data=gzip.compress(body), headers=headers)
    assert taken.status_code == 201
    bomb = gzip.compress(body + b" " * 5_000_000)
    large = client.call("POST", "/api/event-bulk-create-jobs", data=bomb, headers=headers)
    assert large.status_code == 413


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/api/event-bulk-create-jobs", 5_000_000), ("/api/profile-import", 100_000)],
)
def test_bodies_above_their_limit_are_413(client: Client, path: str, limit: int) -> None:
    """5 MB is the limit of bulk requests, 100 KB that of single profiles."""
    assert client.call("POST", path, data=b" " * limit).status_code == 400
    assert client.call("POST", path, data=b" " * (limit + 1)).status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"nothing", b'{"data": NaN}', b'{"a": "\\ud800"}'])
def test_bodies_that_are_not_json_are_400(client: Client, body: bytes) -> None:
    """What cannot be parsed is refused as malformed."""
    response = client.call("POST", "/api/profile-import", data=body)
    assert response.status_code == 400
    assert _error(response)["code"] == "parse_error"


class _Seconds:
    """A real clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_limits_are_two_fixed_windows_per_endpoint(open_account: Callable[..., Opened]) -> None:
    """Eleven calls in a second are one too many; the next second takes ten more."""
    seconds = _Seconds()
    _, client = open_account(limits=True, real_time=seconds)
    statuses = [client.get("/api/metrics").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert client.get("/api/accounts").status_code == 200  # another endpoint, another budget
    seconds.now += 1
    assert client.get("/api/metrics").status_code == 200


def test_the_steady_window_holds_a_minute(open_account: Callable[..., Opened]) -> None:
    """After 15 account calls in a minute the refusal lasts until the minute is over."""
    seconds = _Seconds()
    _, client = open_account(limits=True, real_time=seconds)
    for _ in range(15):
        assert client.get("/api/accounts").status_code == 200
        seconds.now += 2
    refused = client.get("/api/accounts")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "30"
    seconds.now += 30
    assert client.get("/api/accounts").status_code == 200


def test_all_keys_share_the_limits(open_account: Callable[..., Opened]) -> None:
    """Limits belong to the account, not to a key."""
    account, client = open_account(limits=True, real_time=_Seconds())
    account.add_key("second", ["accounts:read"])
    assert client.get("/api/accounts").status_code == 200
    client.key = "second"
    assert client.get("/api/accounts").status_code == 429


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("burst", [("10", "9", "1"), ("10", "8", "1")]),
        ("steady", [("150", "149", "60"), ("150", "148", "60")]),
        ("alternating", [("10", "9", "1"), ("150", "148", "60")]),
    ],
)
def test_limit_headers_speak_of_the_window_named_first(
    open_account: Callable[..., Opened], first: str, told: list[tuple[str, str, str]]
) -> None:
    """Remaining and Reset are those of the first member of Limit: a switch says which that is."""
    _, client = open_account(limits=True, real_time=_Seconds(), first_window=first)
    for limit, remaining, reset in told:
        headers = client.get("/api/metrics").headers
        assert headers["ratelimit-limit"] == f"{limit}, 10;w=1, 150;w=60"
        assert (headers["ratelimit-remaining"], headers["ratelimit-reset"]) == (remaining, reset)


def test_a_429_tells_when_to_come_back_and_nothing_else(
    open_account: Callable[..., Opened],
) -> None:
    """Retry-After, no RateLimit headers, no content type."""
    _, client = open_account(limits=True, real_time=_Seconds())
    client.get("/api/accounts")
    refused = client.get("/api/accounts").headers
    assert refused["retry-after"] == "1"
    assert {name.lower() for name in refused} == {"retry-after", "content-length"}


def test_limits_can_be_off(client: Client) -> None:
    """With limits off nothing is refused and no limit is announced."""
    for _ in range(20):
        response = client.get("/api/accounts")
        assert response.status_code == 200
    assert "ratelimit-limit" not in response.headers


def test_windows_begin_with_the_clocks_second(open_account: Callable[..., Opened]) -> None:
    """A window that began late in a second is over with it."""
    seconds = _Seconds()
    seconds.now += 0.9
    _, client = open_account(limits=True, real_time=seconds)
    client.get("/api/accounts")
    seconds.now += 0.5
    assert client.get("/api/accounts").status_code == 200


def test_limits_run_on_real_time(open_account: Callable[..., Opened]) -> None:
    """Advancing the business clock refills no budget."""
    account, client = open_account(limits=True, real_time=_Seconds())
    client.get("/api/accounts")
    account.state.clock.advance(timedelta(days=1))
    assert client.get("/api/accounts").status_code == 429


def test_errors_have_the_published_form(client: Client) -> None:
    """An error object carries id, status, code, title, detail, source; most have links and meta."""
    error = _error(client.get("/api/lists/none"))
    assert set(error) == {"id", "status", "code", "title", "detail", "source"}
    assert error["status"] == 404
    assert error["detail"] == "A list with id none does not exist."
