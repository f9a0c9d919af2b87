"""The sandbox's answers have the shapes of answers that real accounts were recorded to give.

The recordings, rewritten, lie beside the repository on machines that have them; elsewhere these
tests are skipped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]
RECORDED = Path(__file__).resolve().parents[4] / "shared/recorded/klaviyo"
HEADERS = (
    "content-type",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "www-authenticate",
)
# What the sandbox does not serve: no part of the product asks for it.
NOT_SERVED = {
    "metric_aggregates_200",
    "malformed_event_id_400",
    "profile_bulk_import_jobs_complete_200",
}


def _events(client: Client, bodies: type[Bodies]) -> requests.Response:
    """Two people's events, one with a value; of the people only the address is asked for."""
    valued = bodies.event("one", value=3, value_currency="EUR", time="2026-11-01T10:00:00Z")
    plain = bodies.event("two", time="2026-11-01T09:00:00Z")
    client.send(
        bodies.entry(bodies.profile(), valued), bodies.entry(bodies.profile("bob@shop.se"), plain)
    )
    return client.get(
        "/api/events", include="profile,metric", page_size=2, **{"fields[profile]": "email"}
    )


def _job(client: Client, bodies: type[Bodies], sparse: str, path: str = "") -> requests.Response:
    job = client.bulk_import(bodies.profile()).json()["data"]["id"]
    parameters = {"fields[profile-bulk-import-job]": sparse} if sparse else {}
    return client.get(f"/api/profile-bulk-import-jobs/{job}{path}", **parameters)


def _metrics(client: Client, bodies: type[Bodies]) -> requests.Response:
    client.send(bodies.entry(bodies.profile(), bodies.event(), bodies.event("x", metric="Paid")))
    return client.get("/api/metrics", include="flow-triggers")


def _send(client: Client, bodies: type[Bodies]) -> requests.Response:
    return client.send(bodies.entry(bodies.profile(), bodies.event()))


def _twice(client: Client, bodies: type[Bodies]) -> requests.Response:
    client.upsert(bodies.profile())
    patch = {"patch_properties": {"append": {"tags": ["x"]}}}
    return client.upsert(bodies.profile(meta=patch, location={"city": "Town"}))


def _conflict(client: Client, bodies: type[Bodies]) -> requests.Response:
    client.post("/api/profiles", {"data": bodies.profile()})
    return client.post("/api/profiles", {"data": bodies.profile()})


def _throttled(client: Client, _bodies: type[Bodies]) -> requests.Response:
    client.get("/api/accounts")
    return client.get("/api/accounts")


def _without_scope(client: Client, _bodies: type[Bodies]) -> requests.Response:
    client.key = "reader"
    return client.get("/api/accounts")


def _wrong(client: Client, authorization: str) -> requests.Response:
    return client.call("GET", "/api/accounts", headers={"Authorization": authorization})


SPARSE = "status,completed_count,failed_count,total_count"
REQUESTS: dict[str, Callable[[Client, type[Bodies]], requests.Response]] = {
    "accounts_200": lambda client, _: client.get("/api/accounts"),
    "bulk_bad_email_400": lambda client, bodies: client.bulk_import(bodies.profile("bad")),
    "duplicate_profile_409": _conflict,
    "event_bulk_create_202": _send,
    "event_create_202": lambda client, bodies: client.post(
        "/api/events", bodies.single(bodies.profile(), bodies.event())
    ),
    "events_200": _events,
    "forbidden_403": _without_scope,
    "import_errors_none_200": lambda client, bodies: _job(client, bodies, "", "/import-errors"),
    "metrics_200": _metrics,
    "not_found_404": lambda client, _: client.get("/api/lists/none"),
    "profile_bulk_import_202": lambda client, bodies: client.bulk_import(bodies.profile()),
    "profile_bulk_import_job_queued_200": lambda client, bodies: _job(client, bodies, SPARSE),
    "profile_create_201": lambda client, bodies: client.post(
        "/api/profiles", {"data": bodies.profile()}
    ),
    "profile_import_200": _twice,
    "steady_window_headers_202": _send,
    "throttled_429": _throttled,
    "wrong_oauth_token_401": lambda client, _: _wrong(client, "Bearer wrong"),
    "wrong_private_key_401": lambda client, _: _wrong(client, "Klaviyo-API-Key wrong"),
}


def _recorded() -> list[str]:
    names = {path.stem for path in RECORDED.glob("*.json")} or set(REQUESTS)
    return sorted(names - NOT_SERVED)


@pytest.mark.parametrize("name", _recorded())
def test_answers_have_the_recorded_shape(
    open_account: Callable[..., Opened], bodies: type[Bodies], name: str
) -> None:
    """Status, the headers that matter, and every member of the body, kind by kind."""
    path = RECORDED / f"{name}.json"
    if not path.exists():
        pytest.skip("The recorded answers are not beside this repository.")
    recorded = json.loads(path.read_text())
    first = "steady" if name.startswith("steady") else "burst"
    account, client = open_account(limits=True, real_time=lambda: 0.5, first_window=first)
    account.add_key("reader", ["metrics:read"])
    response = REQUESTS[name](client, bodies)
    assert response.status_code == recorded["status"]
    sent = {header for header in HEADERS if header in response.headers}
    assert sent == recorded["headers"].keys() & set(HEADERS)
    # These were recorded at other endpoints.
    if "ratelimit-limit" in sent and not name.startswith(("steady", "forbidden", "bulk_bad")):
        window = response.headers["ratelimit-limit"].partition(",")[0]
        assert window == recorded["headers"]["ratelimit-limit"].partition(",")[0]
        assert response.headers["ratelimit-reset"] == "0"
    if recorded["body"] is None:
        assert response.content == b""
    else:
        _compare(json.loads(response.content), recorded["body"], "body")


def _compare(answer: Any, recorded: Any, path: str) -> None:
    """The same members of the same kinds; a null says nothing of its kind, ids and texts differ."""
    if answer is None or recorded is None:
        return
    if path.endswith(("/properties", "/event_properties")):  # a client's own, but for Klaviyo's
        answer, recorded = (
            {name: value for name, value in each.items() if name.startswith("$")}
            for each in (answer, recorded)
        )
    if isinstance(recorded, dict):
        assert isinstance(answer, dict), path
        assert answer.keys() == recorded.keys(), path
        for name, value in recorded.items():
            _compare(answer[name], value, f"{path}/{name}")
    elif isinstance(recorded, list):
        assert isinstance(answer, list), path
        for ours, theirs in zip(answer, recorded, strict=False):
            _compare(ours, theirs, f"{path}/0")
    else:
        kinds = [
            float if isinstance(each, (int, float)) and not isinstance(each, bool) else type(each)
            for each in (answer, recorded)
        ]
        assert kinds[0] is kinds[1], path
    if path.endswith(("/self", "/related")):
        assert answer.endswith("/") == recorded.endswith("/"), path
    if path.endswith(("/code", "/pointer")):
        assert answer == recorded or path.endswith("errors/0/code"), path
