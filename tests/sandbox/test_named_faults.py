"""Faults by name: what a client sees of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
import requests

from recurly_klaviyo_sandbox.named_faults import NAMES, FaultOrder
from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWERS = [name for name in NAMES if name.isdigit()]
PATHS = {"recurly": "/accounts", "klaviyo": "/api/accounts"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Both services over an empty business."""
    with Sandbox(accounts=0, days=1) as running:
        yield running


def ask(sandbox: Sandbox, service: str) -> requests.Response:
    """A request that is answered with 401 when nothing befalls it."""
    base = sandbox.recurly_url if service == "recurly" else sandbox.klaviyo_url
    return requests.get(base + PATHS[service], timeout=10)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("service", ["recurly", "klaviyo"])
def test_a_status_has_the_form_of_who_answers(sandbox: Sandbox, service: Any, name: str) -> None:
    """What the service says itself is its kind of JSON, what a gateway says is a page."""
    sandbox.faults.add(FaultOrder(service, name))
    response = ask(sandbox, service)
    assert response.status_code == int(name)
    if name == "204":
        assert response.content == b""
    elif name not in {"429", "500", "503"}:
        assert response.headers["Content-Type"] == "text/html"
        assert response.text.startswith("<!doctype html>")
    elif service == "recurly":
        assert set(response.json()["error"]) == {"type", "message", "params"}
    else:
        (error,) = response.json()["errors"]
        assert error["status"] == int(name)
    assert ("Retry-After" in response.headers) is (name == "429")
    assert ask(sandbox, service).status_code == 401


@pytest.mark.parametrize("name", ["reset", "lost-reply", "truncated", "hang"])
def test_a_broken_connection_is_an_error_of_the_network(sandbox: Sandbox, name: str) -> None:
    """No answer comes, or none that is whole."""
    sandbox.faults.add(FaultOrder("klaviyo", name, seconds=0.05))
    with pytest.raises(requests.RequestException):
        ask(sandbox, "klaviyo")
    assert ask(sandbox, "klaviyo").status_code == 401


def test_a_garbled_answer_is_not_json(sandbox: Sandbox) -> None:
    """The status is the service's, the body nobody's."""
    sandbox.faults.add(FaultOrder("klaviyo", "garbled"))
    response = ask(sandbox, "klaviyo")
    assert response.status_code == 401
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.text)


def test_slowness_changes_nothing_else(sandbox: Sandbox) -> None:
    """The right answer comes, late."""
    sandbox.faults.add(FaultOrder("recurly", "slow", seconds=0.05))
    response = ask(sandbox, "recurly")
    assert response.status_code == 401
    assert response.elapsed.total_seconds() >= 0.05


RECURLY = {"Accept": "application/vnd.recurly.v2021-02-25"}


@pytest.fixture(scope="module")
def merchant() -> Iterator[Sandbox]:
    """Both services, with some customers, and some of them in Klaviyo."""
    with Sandbox(accounts=60, days=60) as running:
        for number in range(30):
            running.klaviyo.add_profile(f"p{number}@shop.se")
        yield running


def page(merchant: Sandbox, service: str, address: str = "") -> requests.Response:
    """A page of ten people, or the one at that address."""
    if service == "recurly":
        url = urljoin(merchant.recurly_url, address or "/accounts?limit=10&order=asc")
        return requests.get(url, auth=(merchant.recurly.api_key, ""), headers=RECURLY, timeout=10)
    key = {"Authorization": f"Klaviyo-API-Key {merchant.klaviyo.api_key}"}
    url = address or f"{merchant.klaviyo_url}/api/profiles?page[size]=10"
    return requests.get(url, headers={**key, "revision": "2026-10-15"}, timeout=10)


def following(answer: dict[str, Any]) -> str | None:
    """Where the next page is."""
    found = answer["next"] if "has_more" in answer else answer["links"]["next"]
    assert answer.get("has_more", found is not None) is (found is not None)
    return None if found is None else str(found)


@pytest.mark.parametrize("service", ["recurly", "klaviyo"])
def test_pages_can_lead_astray(merchant: Sandbox, service: Any) -> None:
    """Back to the first, to an empty one that says more will come, or to an end too soon."""
    first = page(merchant, service).json()
    second = following(first)
    assert second is not None
    merchant.faults.add(FaultOrder(service, "circle"))
    back = following(page(merchant, service, second).json())
    assert back is not None
    assert page(merchant, service, back).json()["data"] == first["data"]
    merchant.faults.add(FaultOrder(service, "empty-pages"))
    empty = page(merchant, service, second).json()
    assert (empty["data"], bool(following(empty))) == ([], True)
    merchant.faults.add(FaultOrder(service, "short-read"))
    short = page(merchant, service).json()
    assert (short["data"], following(short)) == (first["data"][:5], None)


@pytest.mark.parametrize(("name", "broken"), [("half-emoji", rb"\ud83d"), ("bad-byte", b"\xff")])
def test_a_text_can_be_broken(merchant: Sandbox, name: str, broken: bytes) -> None:
    """One text of one row, as compressed as any answer; the rest is as it was."""
    whole = page(merchant, "recurly").content
    merchant.faults.add(FaultOrder("recurly", name))
    body = page(merchant, "recurly").content
    assert broken in body
    assert body.replace(broken, b"", 1) == whole


def test_success_can_be_a_portals_page(merchant: Sandbox) -> None:
    """For a share of requests: every second one."""
    merchant.faults.add(FaultOrder("klaviyo", "200", times=None, every=2))
    kinds = [page(merchant, "klaviyo").headers["Content-Type"] for _ in range(4)]
    merchant.faults.clear()
    assert kinds == ["application/vnd.api+json", "text/html"] * 2
