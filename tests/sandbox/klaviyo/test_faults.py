"""Trouble on the way to Klaviyo, as a client meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from recurly_klaviyo_sandbox.faults import Fault, Trouble

if TYPE_CHECKING:
    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount


def test_a_reply_lost_after_commit_leaves_the_events_stored(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """The connection is reset after the commit; sending again stores nothing twice."""
    account.network.faults.append(Fault(Trouble.RESET_AFTER, path="event-bulk"))
    entry = bodies.entry(bodies.profile(), bodies.event())
    with pytest.raises(requests.ConnectionError):
        client.send(entry)
    assert len(account.events()) == 1
    assert client.send(entry).status_code == 202
    assert len(account.events()) == 1


def test_a_reset_before_leaves_nothing(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """The connection is reset before the service sees the request."""
    account.network.faults.append(Fault(Trouble.RESET_BEFORE, method="POST"))
    with pytest.raises(requests.ConnectionError):
        client.send(bodies.entry(bodies.profile(), bodies.event()))
    assert account.events() == []


@pytest.mark.parametrize("status", [403, 429, 500, 503, 504, 524])
def test_gateways_answer_in_the_service_s_place(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies], status: int
) -> None:
    """A burst of injected answers passes by, with their headers and HTML, and then all works."""
    account.network.faults.append(
        Fault(
            Trouble.ANSWER,
            times=2,
            status=status,
            body=b"<html>sorry</html>",
            headers={"Content-Type": "text/html", "Retry-After": "1"},
        )
    )
    entry = bodies.entry(bodies.profile(), bodies.event())
    answers = [client.send(entry) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 202]
    assert answers[0].text == "<html>sorry</html>"
    assert answers[0].headers["retry-after"] == "1"
    assert len(account.events()) == 1


def test_malformed_json_can_come_back(account: KlaviyoAccount, client: Client) -> None:
    """An answer may be something else than JSON."""
    account.network.faults.append(Fault(Trouble.REPLACE_BODY, path="accounts", body=b'{"data":'))
    with pytest.raises(requests.JSONDecodeError):
        client.get("/api/accounts").json()


def test_an_answer_can_be_cut_short(account: KlaviyoAccount, client: Client) -> None:
    """Half a body and a reset are an error of the connection."""
    account.network.faults.append(Fault(Trouble.TRUNCATE, path="accounts"))
    with pytest.raises(requests.RequestException):
        client.get("/api/accounts")


def test_requests_are_counted(account: KlaviyoAccount, client: Client) -> None:
    """Every answer is counted by method, path and status."""
    client.get("/api/metrics")
    client.get("/api/metrics")
    client.get("/api/nothing")
    client.get("/api/lists")  # what came before it is counted by now
    assert account.network.answered["GET", "/api/metrics", 200] == 2
    assert account.network.answered["GET", "/api/nothing", 404] == 1
