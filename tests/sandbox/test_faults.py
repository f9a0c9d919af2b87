"""Injected trouble looks to an HTTP client like the real thing."""

from __future__ import annotations

import http.client
import socket
import time
from typing import TYPE_CHECKING

import pytest
from starlette.responses import PlainTextResponse

from recurly_klaviyo_sandbox.faults import Fault, FaultInjection, Trouble
from recurly_klaviyo_sandbox.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

BODY = "all is well " * 1000


class Service:
    """Answers everything with one long text and remembers what it has done."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.network = FaultInjection(self._serve)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.done.append(scope["path"])
        await PlainTextResponse(BODY)(scope, receive, send)


class Caller:
    """Makes requests on one keep-alive connection, a new one after each break."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def call(self, path: str, method: str = "GET", body: bytes = b"") -> tuple[int, str]:
        """Status and body; raises what the network raises."""
        try:
            self._connection.request(method, path, body)
            response = self._connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


@pytest.fixture
def service() -> Service:
    """The service behind the trouble."""
    return Service()


@pytest.fixture
def caller(service: Service) -> Iterator[Caller]:
    """Somebody who calls the service over real HTTP."""
    with LocalServer(service.network) as server:
        caller = Caller(server.port)
        yield caller
        caller.close()


def test_a_refusal_never_reaches_the_service(service: Service, caller: Caller) -> None:
    """ANSWER sends its own status, headers and body back."""
    service.network.faults.append(Fault(Trouble.ANSWER, status=503, body=b"busy"))
    assert caller.call("/a") == (503, "busy")
    assert service.done == []
    assert caller.call("/a") == (200, BODY)


def test_a_refused_upload_is_read_to_its_end(service: Service, caller: Caller) -> None:
    """ANSWER lets a client finish its body, so that the connection stays usable."""
    service.network.faults.append(Fault(Trouble.ANSWER, status=429))
    assert caller.call("/a", "POST", b"x" * 1_000_000) == (429, "")
    assert caller.call("/a") == (200, BODY)


@pytest.mark.parametrize(
    ("trouble", "committed"), [(Trouble.RESET_BEFORE, []), (Trouble.RESET_AFTER, ["/a"])]
)
def test_a_reset_breaks_the_connection_before_or_after_the_deed(
    service: Service, caller: Caller, trouble: Trouble, committed: list[str]
) -> None:
    """The client sees the same reset, whether the service has acted or not."""
    service.network.faults.append(Fault(trouble))
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        caller.call("/a")
    assert service.done == committed
    assert service.network.answered == {("GET", "/a", 0): 1}


def test_a_truncated_body_ends_short_of_its_length(service: Service, caller: Caller) -> None:
    """TRUNCATE sends half of what Content-Length promised, then breaks."""
    service.network.faults.append(Fault(Trouble.TRUNCATE))
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        caller.call("/a")
    assert service.done == ["/a"]


def test_a_replaced_body_keeps_the_status(service: Service, caller: Caller) -> None:
    """REPLACE_BODY commits and garbles what comes back."""
    service.network.faults.append(Fault(Trouble.REPLACE_BODY, body=b"{"))
    assert caller.call("/a") == (200, "{")
    assert service.done == ["/a"]


def test_a_hang_keeps_the_client_waiting(service: Service, caller: Caller) -> None:
    """HANG answers nothing for its seconds, then resets."""
    service.network.faults.append(Fault(Trouble.HANG, seconds=0.2))
    begin = time.monotonic()
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        caller.call("/a")
    assert time.monotonic() - begin >= 0.2


def test_slowness_and_latency_only_delay(service: Service, caller: Caller) -> None:
    """SLOW delays the struck request, latency every one; both are answered right."""
    service.network.faults.append(Fault(Trouble.SLOW, seconds=0.2))
    begin = time.monotonic()
    assert caller.call("/a") == (200, BODY)
    assert time.monotonic() - begin >= 0.2
    service.network.latency = 0.1
    begin = time.monotonic()
    assert caller.call("/a") == (200, BODY)
    assert 0.1 <= time.monotonic() - begin < 5


def test_a_fault_strikes_the_requests_it_names(service: Service, caller: Caller) -> None:
    """Method, path with query, the first to pass and how many to strike decide."""
    fault = Fault(Trouble.ANSWER, r"^/a\?page=\d", "GET", after=1, times=2, status=500)
    service.network.faults.append(fault)
    paths = ["/b", "/a", "/a?page=1", "/a?page=2", "/a?page=3", "/a?page=4"]
    assert [caller.call(path)[0] for path in paths] == [200, 200, 200, 500, 500, 200]
    assert caller.call("/a?page=5", "POST")[0] == 200


def test_a_fault_may_strike_every_so_manyth_request(service: Service, caller: Caller) -> None:
    """Of the matching requests behind the first ones, each third is struck, twice in all."""
    fault = Fault(Trouble.ANSWER, after=1, every=3, times=2, status=500)
    service.network.faults.append(fault)
    statuses = [caller.call("/a")[0] for _ in range(11)]
    assert statuses == [200] + [200, 200, 500] * 2 + [200] * 4
    assert fault.left == 0


def test_all_answers_are_counted(service: Service, caller: Caller) -> None:
    """By method, path without query, and status."""
    service.network.faults.append(Fault(Trouble.ANSWER, times=None, path="/bad", status=500))
    for path in ("/a?x=1", "/a?x=2", "/bad"):
        caller.call(path)
    assert service.network.answered == {("GET", "/a", 200): 2, ("GET", "/bad", 500): 1}


def test_a_taken_port_is_told_in_a_sentence(service: Service) -> None:
    """A second server on the same port says which port, and what to do."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match=rf"Port {taken.getsockname()[1]} .*: end what .*\.$"),
    ):
        LocalServer(service.network, port=taken.getsockname()[1])


def test_a_server_that_never_started_can_be_stopped(service: Service) -> None:
    """Stopping gives the port back in any case."""
    LocalServer(service.network).stop()
