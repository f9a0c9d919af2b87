"""Threads that wait for the network: busy in order, and gone when nobody wants their answers."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from tap_recurly.reading.workers import in_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import Answer, HandmadeSite


def _ours() -> set[threading.Thread]:
    names = ("caller-", "connection-")
    return {thread for thread in threading.enumerate() if thread.name.startswith(names)}


def test_nobody_goes_on_when_a_run_has_failed(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """Threads that would try again for a quarter of a minute end with the run."""
    before = _ours()
    site.fill("/accounts", 20)
    refused = json.dumps({"error": {"type": "bad_request", "message": "No."}}).encode()

    def fail(_method: str, path: str, _params: dict[str, str]) -> Answer | None:
        if path == "/accounts/accounts-0/notes":
            return 400, {}, refused
        return (503, {}, b"") if path.endswith("/notes") else None

    site.before = fail
    run = sync(["account_notes"])
    assert run.code == 1
    assert "/accounts/accounts-0/notes" in run.stderr
    for thread in _ours() - before:
        thread.join(5)
        assert not thread.is_alive()


def test_what_has_not_begun_never_does() -> None:
    """A consumer that leaves early costs no more than what is under way."""
    others = _ours()
    begun: list[int] = []
    held = threading.Event()

    def wait(number: int) -> int:
        begun.append(number)
        if number:
            held.wait(5)
        return number

    results = in_order(wait, range(100), connections=2)
    assert next(results) == 0
    results.close()
    before = len(begun)
    held.set()
    for thread in _ours() - others:
        thread.join(5)
    assert before <= len(begun) <= 3
