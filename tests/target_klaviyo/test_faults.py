"""Whatever networks and services do, nothing is lost and nothing comes twice."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from recurly_klaviyo_sandbox.faults import Fault, Trouble
from target_klaviyo.errors import KlaviyoError, TooManyRejects

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Run, Samples, Site

ENDPOINTS = [
    "event-bulk-create-jobs",
    "profile-bulk-import-jobs$",
    "profile-bulk-import-jobs/[^/]+$",
    "import-errors",
    "profile-import$",
]
HTML = b"<html><body>Attention required! Cloudflare</body></html>"
TROUBLES = {
    "429": Fault(Trouble.ANSWER, status=429, headers={"Retry-After": "1"}),
    "500": Fault(Trouble.ANSWER, status=500),
    "503": Fault(Trouble.ANSWER, status=503, body=HTML),
    "504": Fault(Trouble.ANSWER, status=504),
    "524": Fault(Trouble.ANSWER, status=524, body=HTML),
    "403 HTML": Fault(Trouble.ANSWER, status=403, body=HTML),
    "malformed": Fault(Trouble.REPLACE_BODY, body=b'{"data": {"id": '),
    "reset before": Fault(Trouble.RESET_BEFORE),
    "reset after": Fault(Trouble.RESET_AFTER),
    "truncated": Fault(Trouble.TRUNCATE),
    "slow": Fault(Trouble.SLOW, seconds=0.2),
    "hanging": Fault(Trouble.HANG, seconds=0.3),
}


def sync_everything(site: Site, sample: Samples, **config: Any) -> Run:
    """Events, profiles, one refused in its job, one that clears an attribute."""
    site.account.refuse_imports({"user3@shop.io": "Not this one."})
    return site.sync(
        [
            sample.schema("events"),
            sample.schema("profiles"),
            *(sample.record("events", sample.event(number)) for number in range(20)),
            *(sample.record("profiles", sample.profile(number)) for number in range(10)),
            sample.record("profiles", sample.profile(10, first_name=None)),
            sample.state({"all": True}),
        ],
        **config,
    )


def assert_everything_is_there(site: Site, run: Run) -> None:
    """Each row is stored or rejected, and the STATE says so."""
    assert sorted(seen.unique_id or "" for seen in site.account.events()) == sorted(
        f"payment-{number}" for number in range(20)
    )
    imported = {each.email for each in site.account.profiles()} - {"user3@shop.io"}
    assert imported >= {f"user{number}@shop.io" for number in range(11) if number != 3}
    assert run.reasons == ["Klaviyo refused it: Not this one."]
    assert run.states == [{"all": True}]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.campaign
def test_no_trouble_loses_or_doubles_a_row(
    site: Site, sample: Samples, trouble: str, endpoint: str
) -> None:
    """Every fault on every endpoint passes without a trace in the data."""
    site.account.network.faults.append(_fault(trouble, endpoint))
    assert_everything_is_there(site, sync_everything(site, sample))


@pytest.mark.parametrize("shift", [0, 1])
def test_trouble_everywhere_at_once_loses_and_doubles_nothing(
    site: Site, sample: Samples, shift: int
) -> None:
    """A trouble of its own on each endpoint, in one run, passes without a trace in the data."""
    troubles = ["503", "429", "403 HTML", "malformed", "reset after"]
    for number, endpoint in enumerate(ENDPOINTS):
        trouble = troubles[(number + shift) % len(troubles)]
        site.account.network.faults.append(_fault(trouble, endpoint))
    assert_everything_is_there(site, sync_everything(site, sample))


def _fault(trouble: str, endpoint: str) -> Fault:
    kind = TROUBLES[trouble]
    return Fault(
        kind.trouble,
        path=endpoint,
        status=kind.status,
        body=kind.body,
        headers=kind.headers,
        seconds=kind.seconds,
    )


def test_an_answer_that_takes_too_long_is_asked_for_again(site: Site, sample: Samples) -> None:
    """After request_timeout the request is sent again, and its event stored once."""
    site.account.network.faults.append(Fault(Trouble.SLOW, path="event-bulk", seconds=0.8))
    site.events(sample.event(1), request_timeout=0.3)
    assert len(site.account.events()) == 1
    assert site.requests("event-bulk") == 2


def test_cancelled_jobs_are_submitted_again(site: Site, sample: Samples) -> None:
    """A job that Klaviyo cancels arrives with the next submission."""
    site.account.cancel_jobs(1)
    run = site.profiles(sample.profile(1))
    assert site.account.profile("user1@shop.io") is not None
    assert run.rejects == []
    assert len(site.account.jobs) == 2


@pytest.mark.campaign
def test_jobs_cancelled_for_ever_become_rejects(site: Site, sample: Samples) -> None:
    """After three cancelled submissions the rows are rejected, with that reason."""
    site.account.cancel_jobs(99)
    events = site.messages("events", [sample.event(9)])
    profiles = site.messages("profiles", [sample.profile(1), sample.profile(2)])
    run = site.sync([*events, *profiles])
    assert len(run.rejects) == 2
    assert "was cancelled, 3 times over" in run.reasons[0]
    assert run.states[-1] == {"done": 2}


@pytest.mark.campaign
def test_a_trouble_that_does_not_pass_stops_the_run(site: Site, sample: Samples) -> None:
    """An address where nothing answers is given up soon, and no STATE is printed."""
    with pytest.raises(KlaviyoError, match="cannot be reached"):
        site.events(sample.event(1), api_url="http://127.0.0.1:9")
    assert site.capture() == ""


def test_a_key_revoked_midway_stops_the_run_behind_its_last_state(
    site: Site, sample: Samples
) -> None:
    """After 401 the run ends with a sentence, and STATE covers only what was stored."""
    unauthorized = b'{"errors": [{"code": "not_authenticated", "detail": "No.", "title": "No."}]}'
    site.account.network.faults.append(
        Fault(Trouble.ANSWER, path="event-bulk", status=401, body=unauthorized, after=2, times=None)
    )
    messages = [sample.schema("events")]
    for number in range(5000):
        messages.append(sample.record("events", sample.event(number)))
        if number % 500 == 499:
            messages.append(sample.state(number + 1))
    with pytest.raises(KlaviyoError, match="does not accept the API key"):
        site.sync(messages, concurrency=1)
    stored = {seen.unique_id for seen in site.account.events()}
    assert len(stored) == 2000
    states = [int(line) for line in site.capture().split()]
    assert all(f"payment-{number}" in stored for state in states for number in range(state))


def test_missing_scopes_are_named(site: Site, sample: Samples) -> None:
    """A key without the scope stops the run with the scope's name."""
    site.account.add_key("weak", ["profiles:read"])
    with pytest.raises(KlaviyoError, match="events:write"):
        site.events(sample.event(1), api_key="weak")


def test_a_key_that_may_not_read_jobs_is_named_too(site: Site, sample: Samples) -> None:
    """Following import jobs needs scopes of its own."""
    site.account.add_key("weak", ["profiles:write", "lists:write"])
    with pytest.raises(KlaviyoError, match="lists:read and profiles:read"):
        site.profiles(sample.profile(1), api_key="weak")


def test_an_unknown_list_stops_the_run(site: Site, sample: Samples) -> None:
    """A list that is not there is the setting's fault, not the rows'."""
    with pytest.raises(KlaviyoError, match="list_id"):
        site.profiles(sample.profile(1), list_id="NoSuch")


@pytest.mark.parametrize("revision", ["2026-07-16", "2022-10-17"])
def test_a_refused_revision_stops_the_run(site: Site, sample: Samples, revision: str) -> None:
    """A revision that Klaviyo does not know or has retired is named as the cause."""
    with pytest.raises(KlaviyoError, match="revision"):
        site.events(sample.event(1), revision=revision)


def test_a_wrong_path_in_api_url_stops_the_run(site: Site, sample: Samples) -> None:
    """An api_url that leads elsewhere is named, and no row is blamed for it."""
    with pytest.raises(KlaviyoError, match="api_url"):
        site.events(sample.event(1), api_url=site.url + "/v2")
    assert site.rejects() == []


NO_JOB = [b'{"data": null}', b'{"data": []}', b'{"data": "x"}', b"null", b'{"data": {"id": 7}}']


@pytest.mark.parametrize("endpoint", ["profile-bulk-import-jobs$", "jobs/[^/]+$", "import-errors"])
@pytest.mark.parametrize("body", NO_JOB)
def test_json_of_another_shape_is_asked_for_again(
    site: Site, sample: Samples, body: bytes, endpoint: str
) -> None:
    """Whatever JSON an import is answered with, its rows come to their end."""
    site.account.network.faults.append(Fault(Trouble.REPLACE_BODY, path=endpoint, body=body))
    site.account.refuse_imports({"user3@shop.io": "Not this one."})
    run = site.profiles(*(sample.profile(number) for number in range(5)))
    assert run.reasons == ["Klaviyo refused it: Not this one."]
    assert site.account.profile("user4@shop.io") is not None
    assert run.states == [{"done": 5}]


def test_payloads_too_large_for_the_server_are_split(site: Site, sample: Samples) -> None:
    """413 splits a request until its parts are taken."""
    site.account.network.faults.append(
        Fault(Trouble.ANSWER, path="event-bulk", status=413, times=3)
    )
    run = site.events(*map(sample.event, range(50)))
    assert len(site.account.events()) == 50
    assert run.rejects == []


REFUSAL = b'{"errors": [{"code": "invalid", "detail": "Something.", "title": "Invalid."}]}'


def test_a_refusal_without_pointer_is_narrowed_down(site: Site, sample: Samples) -> None:
    """When a 400 names no row, halves are sent until the guilty row stands alone."""
    site.account.network.faults.append(
        Fault(Trouble.ANSWER, path="event-bulk", status=400, body=REFUSAL, times=3)
    )
    run = site.events(*map(sample.event, range(4)), concurrency=1)
    assert len(site.account.events()) + len(run.rejects) == 4
    assert set(run.reasons) == {"Klaviyo refused it: Something."}


@pytest.mark.parametrize(
    ("status", "said"),
    [(400, "Klaviyo refused it: Invalid at the request. "), (413, "Payload too large at ")],
)
def test_halving_is_told_once_with_what_klaviyo_said(
    site: Site, sample: Samples, caplog: pytest.LogCaptureFixture, status: int, said: str
) -> None:
    """Whoever watches a run that takes long can read why, without what an answer quotes."""
    for path in ("event-bulk", "profile-bulk-import-jobs$"):
        site.account.network.faults.append(
            Fault(Trouble.ANSWER, path=path, status=status, body=REFUSAL, times=4)
        )
    with caplog.at_level(logging.WARNING):
        site.events(*map(sample.event, range(16)))
        site.profiles(*map(sample.profile, range(12)))
    about_events, about_profiles = [each for each in caplog.messages if "in halves" in each]
    assert said in about_events
    assert "which of 16 events is" in about_events
    assert "which of 12 profiles is" in about_profiles
    assert "Something." not in caplog.text


def test_a_flood_of_rejects_stops_the_run(site: Site, sample: Samples) -> None:
    """More than max_reject_percent of 100 rows or more is a systemic fault, told with its rule."""
    rows = [sample.event(number) for number in range(100)]
    for row in rows[:30]:
        row["metric"] = None
    with pytest.raises(TooManyRejects, match="no metric"):
        site.events(*rows)
    assert len(site.rejects()) >= 11


@pytest.mark.parametrize(
    "answer", [(200, HTML), (200, b""), (204, b"")], ids=["HTML", "empty", "204"]
)
def test_a_login_page_in_between_loses_and_doubles_nothing(
    site: Site, sample: Samples, answer: tuple[int, bytes]
) -> None:
    """Where every second answer is not Klaviyo's, each row is stored once before its STATE."""
    status, body = answer
    site.account.network.faults.append(
        Fault(Trouble.ANSWER, status=status, body=body, every=2, times=None)
    )
    assert_everything_is_there(site, sync_everything(site, sample))
    assert site.requests(status=status) > 0


@pytest.mark.parametrize("status", [429, 503])
def test_an_hour_is_not_waited_for(site: Site, sample: Samples, status: int) -> None:
    """Whoever asks for an hour ends the run behind its last STATE, with the time to come back."""
    hour = {"Retry-After": "3600"}
    site.account.network.faults.append(
        Fault(Trouble.ANSWER, "event-bulk", status=status, headers=hour, after=1, times=None)
    )
    messages = [sample.schema("events")]
    messages += [sample.record("events", sample.event(number)) for number in range(2_500)]
    with pytest.raises(KlaviyoError, match=r"asks to wait 3600 s.*so run again then\.$"):
        site.sync(messages, concurrency=1)
    assert site.requests("event-bulk") == 2
    assert len(site.account.events()) == 1_000


def test_a_retry_after_of_a_503_is_waited_for(
    site: Site, sample: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the wait, and then the event is stored."""
    site.account.network.faults.append(
        Fault(Trouble.ANSWER, "event-bulk", status=503, headers={"Retry-After": "1"})
    )
    site.events(sample.event(1))
    assert len(site.account.events()) == 1
    assert "failed (HTTP status 503); trying again in 1 s (try 2 of 7)." in caplog.text


def test_a_retry_after_of_nothing_does_not_end_the_run(site: Site, sample: Samples) -> None:
    """Refusals that ask to wait 0 s are answered with pauses of one's own."""
    site.account.network.faults.append(
        Fault(Trouble.ANSWER, "event-bulk", status=429, headers={"Retry-After": "0"}, times=3)
    )
    run = site.events(sample.event(1))
    assert len(site.account.events()) == 1
    assert run.states == [{"done": 1}]
