"""A catalog of faults on every way of reading: exact output, or one sentence and a way on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import pytest

from tap_recurly.http.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _pytest.mark import ParameterSet
    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite

RETRY = RetryPolicy(
    max_tries=3, max_tries_unreached=3, min_backoff_seconds=0, min_interval_seconds=0
)


def refused(kind: str) -> bytes:
    """Recurly's error body."""
    return json.dumps({"error": {"type": kind, "message": "So it is."}}).encode()


CUT_OFF = {"Content-Length": "999", "Connection": "close"}
HTML = b"<html><body>Bad gateway</body></html>"
PASSING: dict[str, Answer] = {
    "429": (429, {"Retry-After": "0"}, refused("rate_limited")),
    "408": (408, {}, b""),
    "409 for now": (409, {}, refused("simultaneous_request")),
    "500": (500, {}, refused("internal_server_error")),
    "501": (501, {}, b""),
    "502 in HTML": (502, {"Content-Type": "text/html"}, HTML),
    "503": (503, {}, refused("service_not_available")),
    "504": (504, {}, HTML),
    "a reset": (0, {}, b""),
    "half a body": (200, CUT_OFF, b'{"object": "list", "data": [{"id": '),
    "half a body that claims to be all": (200, {}, b'{"object": "list", "data": [{"id": '),
    "a body that is no gzip": (200, {"Content-Encoding": "gzip"}, b"no gzip"),
    "half a gzip stream": (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08\x00\x00\x00"),
    "HTML with status 200": (200, {}, HTML),
    "an empty body": (200, {}, b""),
    "a list without data": (200, {}, b'{"object": "list", "has_more": false}'),
    "a row that is no object": (200, {}, b'{"data": [1], "has_more": false}'),
}
"""What another try can overcome."""

LASTING: dict[str, Answer] = {
    "302": (302, {"Location": "http://127.0.0.1:1/"}, b""),
    "400": (400, {}, refused("bad_request")),
    "401": (401, {}, refused("unauthorized")),
    "403": (403, {}, refused("invalid_permissions")),
    "404": (404, {}, refused("not_found")),
    "404 in HTML": (404, {}, HTML),
    "406": (406, {}, refused("invalid_api_version")),
    "409": (409, {}, refused("transaction")),
    "410": (410, {}, b""),
    "422": (422, {}, refused("validation")),
    "a list that leads nowhere": (200, {}, b'{"data": [], "has_more": true}'),
}
"""What every try meets again."""

READINGS = {
    "transactions": "/transactions",
    "invoices": "/invoices",
    "account_snapshots": "/subscriptions",
    "general_ledger_accounts": "/general_ledger_accounts",
    "account_notes": "/accounts/accounts-3/notes",
}
"""A stream of every way of reading, and a list that it asks for."""


@dataclass
class Fault:
    """Answers GETs of one list, from a certain one on and so many times, with trouble."""

    answer: Answer
    path: str
    begin: int
    times: int = 10**6
    method: str = "GET"
    seen: int = 0

    def __call__(self, method: str, path: str, params: dict[str, str]) -> Answer | None:
        """Answer in the site's place."""
        if (method, path) != (self.method, self.path) or params.get("limit") == "1":
            return None
        self.seen += 1
        return self.answer if self.begin <= self.seen < self.begin + self.times else None


@pytest.fixture(autouse=True)
def _merchant(site: HandmadeSite) -> None:
    for path in ("/transactions", "/invoices", "/general_ledger_accounts"):
        site.fill(path, 450)
    site.fill("/accounts", 5)
    for index in range(450):
        owner = f"accounts-{index % 5}"
        site.put("/subscriptions", f"sub-{index:03}", account={"id": owner})
    for index in range(5):
        for number in range(30):
            site.put(f"/accounts/accounts-{index}/notes", f"note-{index}-{number:02}")


def _all(site: HandmadeSite, stream: str) -> set[str]:
    return {*site.rows("/accounts" if stream == "account_snapshots" else READINGS[stream])}


def _ids(run: Run, stream: str) -> set[str]:
    for row in run.records(stream):
        assert len(row.get("subscriptions", range(90))) == 90
    return {row["id"] for row in run.records(stream)}


def cases(faults: Iterable[str], representative: str) -> list[ParameterSet]:
    """Faults x streams x first or second page; by default every fault once, every stream once."""
    return [
        pytest.param(
            name,
            stream,
            begin,
            id=f"{name}, {stream}, page {begin}",
            marks=()
            if begin == 2 and (stream == "transactions" or name == representative)
            else pytest.mark.campaign,
        )
        for name, stream, begin in product(faults, READINGS, (1, 2))
    ]


@pytest.mark.parametrize(("name", "stream", "begin"), cases(PASSING, "503"))
def test_passing_fault_changes_nothing(
    site: HandmadeSite, sync: Callable[..., Run], name: str, stream: str, begin: int
) -> None:
    """A fault that passes leaves the output exact, each row once."""
    # Waiting out a 429 takes a second, by its own clock; one page must do.
    path = READINGS[stream]
    site.before = Fault(PASSING[name], path, begin, times=1 if name == "429" else 2)
    run = sync([stream], retry=RETRY)
    assert run.code == 0, run.stderr
    assert len(run.records(stream)) == len(_all(site, stream))
    assert _ids(run, stream) == _all(site, stream)


@pytest.mark.parametrize(
    ("name", "stream", "begin"),
    cases([*LASTING, *(name for name in PASSING if name != "429")], "404"),
)
def test_lasting_fault_is_a_sentence_and_the_next_run_goes_on(
    site: HandmadeSite, sync: Callable[..., Run], name: str, stream: str, begin: int
) -> None:
    """A fault that lasts ends the run in bounds and in one sentence; the next run has the rest."""
    fault = Fault((LASTING | PASSING)[name], READINGS[stream], begin)
    site.before = fault
    first = sync([stream], retry=RETRY)
    site.before = lambda *_: None
    gone = stream == "account_notes" and name.startswith("404")
    if gone and begin == 1:
        assert first.code == 0, "a parent that has gone has no rows"
        return
    assert first.code == 1
    assert first.stderr.endswith(".")
    assert READINGS[stream] in first.stderr or name == "401"
    assert fault.seen <= begin + 2 * RETRY.max_tries
    second = sync([stream], state=first.state, retry=RETRY)
    assert second.code == 0, second.stderr
    assert _ids(first, stream) | _ids(second, stream) == _all(site, stream)


@pytest.mark.parametrize("name", ["405", "500", "a reset"])
@pytest.mark.parametrize("stream", ["transactions", "account_snapshots", "account_notes"])
def test_head_that_fails_slows_only(
    site: HandmadeSite, sync: Callable[..., Run], name: str, stream: str
) -> None:
    """Where HEAD is not answered everything is read all the same."""
    answers = {**LASTING, **PASSING, "405": (405, {}, b"")}
    site.before = lambda method, *_: answers[name] if method == "HEAD" else None
    run = sync([stream], retry=RETRY)
    assert run.code == 0, run.stderr
    assert _ids(run, stream) == _all(site, stream)


def test_rejected_cursor_is_an_error(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """A cursor that Recurly no longer takes is a sentence; the next run reads on without it."""
    rejected: Answer = (400, {}, refused("validation"))
    site.before = lambda _method, _path, params: rejected if "cursor" in params else None
    first = sync(["transactions"], retry=RETRY)
    assert first.code == 1
    assert "/transactions (So it is" in first.stderr
    site.before = lambda *_: None
    second = sync(["transactions"], state=first.state, retry=RETRY)
    assert _ids(first, "transactions") | _ids(second, "transactions") == _all(site, "transactions")


def test_rows_without_id_or_time_pass(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """A row that lacks what every row should have is written like the others."""
    rows = [{"id": None, "amount": 1}, {"amount": 2}, {"id": "c", "updated_at": None}, {}]
    body = json.dumps({"data": rows, "has_more": False}).encode()
    counted = {"Recurly-Total-Records": str(len(rows))}
    for stream in ("transactions", "invoices", "account_snapshots", "gift_cards"):
        site.before = lambda *_: (200, counted, body)
        run = sync([stream], retry=RETRY)
        assert run.code == 0, run.stderr
        assert len(run.records(stream)) == len(rows)
