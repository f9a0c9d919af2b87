"""Both services together, from Python and over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import requests

from recurly_klaviyo_sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

ACCEPT = {"Accept": "application/vnd.recurly.v2021-02-25"}


def count(url: str, path: str) -> int:
    """How many rows a list of the sandbox's Recurly has."""
    response = requests.head(
        url + path, auth=("sandbox-recurly-key", ""), headers=ACCEPT, timeout=10
    )
    return int(response.headers["Recurly-Total-Records"])


def control(sandbox: Sandbox, method: str, name: str, body: object = None) -> requests.Response:
    """What the sandbox answers below /_sandbox/."""
    return requests.request(method, f"{sandbox.recurly_url}/_sandbox/{name}", json=body, timeout=10)


def test_a_sandbox_serves_both_and_lives_on() -> None:
    """Both ports answer; advancing brings new records and new expectations, never the future."""
    with Sandbox(accounts=60, days=200, behind=timedelta(days=10)) as sandbox:
        assert requests.get(f"{sandbox.klaviyo_url}/api/accounts", timeout=10).status_code == 401
        before = count(sandbox.recurly_url, "/transactions"), sandbox.ledger.counts()
        sandbox.advance(timedelta(days=7))
        after = count(sandbox.recurly_url, "/transactions"), sandbox.ledger.counts()
        assert before[0] < after[0]
        assert before[1] != after[1]
        sandbox.advance(timedelta(days=100))
        assert sandbox.clock.now() <= datetime.now(timezone.utc)


def test_another_process_can_advance_and_ask_for_the_ledger() -> None:
    """The addresses below /_sandbox/ need no key and answer with the present and the counts."""
    with Sandbox(accounts=30, days=100, behind=timedelta(days=10)) as sandbox:
        before = control(sandbox, "GET", "ledger").json()
        assert before["events"] == sandbox.ledger.counts()
        after = control(sandbox, "POST", "advance", {"days": 7, "seconds": 1}).json()
        moved = datetime.fromisoformat(after["now"]) - datetime.fromisoformat(before["now"])
        assert timedelta(days=7) <= moved < timedelta(days=7, minutes=1)
        assert after["passed_seconds"] == 7 * 86_400 + 1
        assert after["left_seconds"] == 3 * 86_400 - 1
        more = sum(after["events"].values()) - sum(before["events"].values())
        assert sum(after["new_events"].values()) == more > 0
        assert after["fresh_events"] == 0


def test_time_passes_up_to_the_present_and_its_last_days_are_fresh() -> None:
    """More than is left passes only so far; what then lies within three days counts as fresh."""
    with Sandbox(accounts=30, days=100, behind=timedelta(days=2)) as sandbox:
        after = control(sandbox, "POST", "advance", {"days": 7}).json()
        assert after["passed_seconds"] == 2 * 86_400
        assert after["left_seconds"] == 0
        assert 0 < after["fresh_events"] <= sum(after["new_events"].values())


@pytest.mark.parametrize("body", [b"", b"[]", b'{"weeks": 1}', b'{"days": "x"}', b'{"days": -1}'])
def test_a_step_that_makes_no_sense_is_refused(body: bytes) -> None:
    """400 with a hint on what to send."""
    with Sandbox(accounts=0, days=1) as sandbox:
        url = f"{sandbox.recurly_url}/_sandbox/advance"
        response = requests.post(url, data=body, timeout=10)
        assert response.status_code == 400
        assert "days" in response.json()["error"]
        assert control(sandbox, "GET", "other").status_code == 404


def test_a_sandbox_takes_switches_of_its_site() -> None:
    """What is not the sandbox's own argument is passed to the site."""
    with Sandbox(accounts=5, days=10, per_minute=100, embedded_line_items=2) as sandbox:
        assert sandbox.recurly.limiter.budget == 500


def accounts_status(sandbox: Sandbox) -> tuple[int, int]:
    """What Recurly and Klaviyo answer to a question for accounts, each asked without a key."""
    recurly = requests.get(f"{sandbox.recurly_url}/accounts", timeout=10)
    klaviyo = requests.get(f"{sandbox.klaviyo_url}/api/accounts", timeout=10)
    return recurly.status_code, klaviyo.status_code


def test_trouble_can_be_made_and_ended_from_another_process() -> None:
    """A fault befalls its service alone, is listed with what is left of it, and can be ended."""
    with Sandbox(accounts=0, days=1) as sandbox:
        order = {"service": "klaviyo", "name": "503", "times": 3}
        assert control(sandbox, "POST", "fault", order).status_code == 200
        assert accounts_status(sandbox) == (401, 503)
        (left,) = control(sandbox, "GET", "fault").json()["faults"]
        assert (left["service"], left["name"], left["times"]) == ("klaviyo", "503", 2)
        assert control(sandbox, "DELETE", "fault").json() == {"faults": []}
        assert accounts_status(sandbox) == (401, 401)


def test_trouble_leaves_the_sandboxs_own_addresses_alone() -> None:
    """Whatever befalls the services, the feed and the remote control answer."""
    with Sandbox(accounts=0, days=1) as sandbox:
        for service in ("recurly", "klaviyo"):
            order = {"service": service, "name": "reset", "times": None}
            control(sandbox, "POST", "fault", order)
        assert requests.get(f"{sandbox.klaviyo_url}/feed", timeout=10).status_code == 200
        assert control(sandbox, "GET", "ledger").status_code == 200


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"service": "klaviyo", "name": "418"}, "take one of"),
        ({"service": "klaviyo", "name": "503", "times": 0}, "1 or more"),
        ({"service": "klaviyo", "name": "503", "path": "("}, "regular expression"),
        ({"service": "stripe", "name": "503"}, "stripe"),
        ({"service": "klaviyo", "name": "503", "colour": "red"}, "colour"),
    ],
)
def test_trouble_that_makes_no_sense_is_refused(order: dict[str, object], said: str) -> None:
    """400 with a sentence that names what is wrong."""
    with Sandbox(accounts=0, days=1) as sandbox:
        response = control(sandbox, "POST", "fault", order)
        assert response.status_code == 400
        assert said in response.json()["error"]
