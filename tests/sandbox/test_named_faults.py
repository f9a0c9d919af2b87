"""Faults by name: what a client sees of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from recurly_klaviyo_sandbox.faults.named import NAMES, FaultOrder
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
    sandbox.add_fault(FaultOrder(service, name))
    response = ask(sandbox, service)
    assert response.status_code == int(name)
    if name not in {"429", "500", "503"}:
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
    sandbox.add_fault(FaultOrder("klaviyo", name, seconds=0.05))
    with pytest.raises(requests.RequestException):
        ask(sandbox, "klaviyo")
    assert ask(sandbox, "klaviyo").status_code == 401


def test_a_garbled_answer_is_not_json(sandbox: Sandbox) -> None:
    """The status is the service's, the body nobody's."""
    sandbox.add_fault(FaultOrder("klaviyo", "garbled"))
    response = ask(sandbox, "klaviyo")
    assert response.status_code == 401
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.text)


def test_slowness_changes_nothing_else(sandbox: Sandbox) -> None:
    """The right answer comes, late."""
    sandbox.add_fault(FaultOrder("recurly", "slow", seconds=0.05))
    response = ask(sandbox, "recurly")
    assert response.status_code == 401
    assert response.elapsed.total_seconds() >= 0.05
