"""What each answer of Klaviyo means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.endpoints import (
    ACCOUNTS,
    BULK_EVENTS,
    BULK_PROFILES,
    EVENTS,
    IMPORT_ERRORS,
    IMPORT_JOB,
    LIST,
    METRICS,
    PROFILE_IMPORT,
    PROFILES,
    Answer,
    Endpoint,
    NoAnswer,
)
from target_klaviyo.klaviyo.outcomes import (
    NotFound,
    RateLimited,
    Rejected,
    Retryable,
    Success,
    api_errors,
    classify,
    limits_told,
)
from target_klaviyo.klaviyo.retry import pause_before


def refusal(detail: str, pointer: str = "/data") -> bytes:
    """An error document."""
    error = {"code": "c", "title": "t", "detail": detail, "source": {"pointer": pointer}}
    return json.dumps({"errors": [error]}).encode()


@pytest.mark.parametrize(
    ("answer", "endpoint", "kind"),
    [
        (Answer(202, {}, b""), BULK_EVENTS, Success),
        (Answer(202, {}, b"{gar"), BULK_EVENTS, Success),
        (Answer(200, {}, b'{"data": {"attributes": {"status": "queued"}}}'), IMPORT_JOB, Success),
        (Answer(202, {}, b'{"data": {"id": "job-1"}}'), BULK_PROFILES, Success),
        (Answer(200, {}, b'{"data": {"id": "P1"}}'), PROFILE_IMPORT, Success),
        (Answer(201, {}, b'{"data": {"id": "P1"}}'), PROFILE_IMPORT, Success),
        (Answer(429, {"Retry-After": "7"}, b""), BULK_EVENTS, RateLimited),
        (Answer(500, {}, b""), BULK_EVENTS, Retryable),
        (Answer(524, {}, b"<html>"), BULK_EVENTS, Retryable),
        (Answer(408, {}, b""), BULK_EVENTS, Retryable),
        (Answer(403, {}, b"<html>"), BULK_EVENTS, Retryable),
        (Answer(413, {}, b""), BULK_EVENTS, Rejected),
        (Answer(400, {}, refusal("Invalid email.", "/data/x")), BULK_EVENTS, Rejected),
        (Answer(409, {}, refusal("Duplicate.")), BULK_EVENTS, Rejected),
        (Answer(404, {}, refusal("A profile-bulk-import-job is gone.")), IMPORT_JOB, NotFound),
        (NoAnswer("reset", connected=True), BULK_EVENTS, Retryable),
    ],
)
def test_an_answer_is_understood(answer: Any, endpoint: Endpoint, kind: type) -> None:
    """Every documented status has its meaning."""
    assert isinstance(classify(answer, endpoint), kind)


FOREIGN = [
    (BULK_EVENTS, 200, b"<html>Please log in.</html>"),
    (BULK_EVENTS, 200, b""),
    (BULK_EVENTS, 204, b""),
    (BULK_EVENTS, 201, b'{"data": {"id": "1"}}'),
    (BULK_EVENTS, 400, b"<html>Bad request</html>"),
    (BULK_PROFILES, 202, b""),
    (BULK_PROFILES, 202, b'{"data": {"id": ""}}'),
    (BULK_PROFILES, 202, b'{"data": {"id": 7}}'),
    (BULK_PROFILES, 200, b'{"data": {"id": "job-1"}}'),
    (BULK_PROFILES, 422, b""),
    (PROFILE_IMPORT, 200, b"<html>"),
    (PROFILE_IMPORT, 202, b'{"data": {"id": "P1"}}'),
    (PROFILE_IMPORT, 204, b""),
    (IMPORT_JOB, 200, b"<html>"),
    (IMPORT_JOB, 200, b'{"data": {"id": "job-1", "attributes": {}}}'),
    (IMPORT_JOB, 404, b"<html>No such page</html>"),
    (IMPORT_ERRORS, 203, b'{"data": []}'),
    (EVENTS, 204, b""),
    (EVENTS, 302, b"<html>Log in here</html>"),
    (BULK_EVENTS, 307, b""),
    (EVENTS, 206, b'{"data": []}'),
]


@pytest.mark.parametrize(("endpoint", "status", "content"), FOREIGN)
def test_an_answer_that_is_not_klaviyos_is_no_success_and_blames_no_row(
    endpoint: Endpoint, status: int, content: bytes
) -> None:
    """Whatever a proxy or a login page says, the request goes again, and the sentence tells it."""
    outcome = classify(Answer(status, {"Content-Type": "text/html; charset=x"}, content), endpoint)
    assert isinstance(outcome, Retryable)
    assert outcome.why == (
        f"an answer that is not Klaviyo's (HTTP status {status}, text/html), perhaps from a proxy "
        "or a login page in between"
    )


TOLD = {"RateLimit-Limit": "1, 1;w=1, 15;w=60"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(200, TOLD, b'{"data": []}'), True),
        (Answer(200, {}, b'{"data": []}'), True),
        (Answer(200, {}, b"<html>"), False),
        (Answer(400, TOLD, refusal("No.")), True),
        (Answer(409, TOLD, refusal("No.")), True),
        (Answer(400, {}, b""), False),
        (Answer(403, {}, b"<html>"), False),
        (Answer(429, {"Retry-After": "1"}, b""), False),
        (Answer(503, {}, b""), False),
        (NoAnswer("reset", connected=True), False),
    ],
)
def test_which_answers_tell_limits(answer: Answer | NoAnswer, *, told: bool) -> None:
    """A success without the header tells that there are none; any other answer, nothing."""
    assert (limits_told(answer, classify(answer, ACCOUNTS)) is not None) is told


@pytest.mark.parametrize("detail", ["No such page.", "No profile is there."])
@pytest.mark.parametrize("endpoint", [ACCOUNTS, METRICS, PROFILES])
def test_a_list_that_is_not_there_is_no_klaviyo_api(endpoint: Endpoint, detail: str) -> None:
    """Klaviyo has these endpoints: who does not is another, whatever form its 404 has."""
    with pytest.raises(KlaviyoError, match="no Klaviyo API at the configured address"):
        classify(Answer(404, {}, refusal(detail)), endpoint)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(401, {}, refusal("No.")), "api_key"),
        (Answer(403, {}, refusal("Lacks scope.")), "events:write"),
        (Answer(404, {}, b"<html>"), "api_url"),
        (Answer(405, {}, b""), "no longer offers"),
        (Answer(410, {}, b""), "upgrade"),
        (Answer(301, {"Location": "/"}, b""), "redirects"),
        (Answer(415, {}, b""), "415"),
        (Answer(400, {}, refusal("'2026-13-01' is not a valid revision.", "/data/")), "revision"),
        (Answer(400, {}, refusal("The 'revision' header is required.", "")), "revision"),
        (Answer(400, {}, refusal("Invalid revision", "")), "revision"),
        (Answer(410, {}, refusal("The revision 2022-10-17 has been retired.")), "revision"),
        (Answer(404, {}, refusal("A list with id X does not exist.")), "list_id"),
    ],
)
def test_what_concerns_the_whole_run_stops_it(answer: Answer, sentence: str) -> None:
    """Keys, scopes, addresses, revisions and lists are settings, not rows."""
    with pytest.raises(KlaviyoError, match=sentence):
        classify(answer, BULK_EVENTS)


def test_a_list_that_is_not_found_is_the_settings_fault() -> None:
    """Whatever words Klaviyo has for it."""
    with pytest.raises(KlaviyoError, match="list_id"):
        classify(Answer(404, {}, refusal("No such resource.")), LIST)


def test_pauses_double_up_to_a_minute() -> None:
    """0.5, 1, 2 ... 60 seconds."""
    assert [pause_before(attempt) for attempt in (1, 2, 3, 9)] == [0.5, 1.0, 2.0, 60.0]


@pytest.mark.parametrize(
    "detail",
    [
        "The property revision is not valid",
        "'revision' is not a valid field for the resource 'event'.",
        "Revision must be a text.",
        "The text 'Revision 3 of the contract' is too long.",
    ],
)
@pytest.mark.parametrize("pointer", ["", "/data"])
def test_a_property_named_revision_concerns_its_row(detail: str, pointer: str) -> None:
    """Only what speaks of the header stops the run; the word alone may come from a row."""
    outcome = classify(Answer(400, {}, refusal(detail, pointer)), BULK_EVENTS)
    assert isinstance(outcome, Rejected)


WRONG = [b"null", b"7", b'"x"', b"[]", b"[null]", b"{}", b'{"data": null}', b'{"data": "x"}']


@pytest.mark.parametrize(
    "content", [*WRONG, b'{"data": []}', b'{"data": [{"id": "1"}]}', b'{"data": {}}']
)
@pytest.mark.parametrize("endpoint", [BULK_PROFILES, IMPORT_JOB, LIST])
def test_where_one_resource_should_be_nothing_else_counts(
    endpoint: Endpoint, content: bytes
) -> None:
    """Any other JSON is as good as no answer: it is asked for again."""
    assert isinstance(classify(Answer(200, {}, content), endpoint), Retryable)


@pytest.mark.parametrize("content", [*WRONG, b'{"data": {}}', b'{"data": {"id": "1"}}'])
@pytest.mark.parametrize("endpoint", [ACCOUNTS, METRICS, EVENTS, PROFILES, IMPORT_ERRORS])
def test_where_a_list_should_be_nothing_else_counts(endpoint: Endpoint, content: bytes) -> None:
    """Any other JSON is as good as no answer: it is asked for again."""
    assert isinstance(classify(Answer(200, {}, content), endpoint), Retryable)


@pytest.mark.parametrize("told", ["inf", "nan", "1e308", "soon", "", "0", "-1", "0.0"])
def test_a_retry_after_that_makes_no_sense_is_none(told: str) -> None:
    """Nobody waits for ever because of a header, or asks again at once because of another."""
    outcome = classify(Answer(429, {"Retry-After": told}, b""), BULK_EVENTS)
    assert outcome == RateLimited(None)
    trouble = classify(Answer(503, {"Retry-After": told}, b""), BULK_EVENTS)
    assert trouble == Retryable("HTTP status 503")


def test_customers_stay_out_of_the_log_and_of_sentences() -> None:
    """Klaviyo's own words may quote a row: the rejects file gets them whole, nobody else does."""
    said = "ada.b+c@shop.io (+46 70-123 45 67) is not valid"
    (error,) = api_errors({"errors": [{"title": said, "detail": said}]})
    assert error.reason == f"Klaviyo refused it: {said}"
    assert error.rule == "Klaviyo refused it: … (…) is not valid at the request."
    with pytest.raises(KlaviyoError) as told:
        classify(Answer(403, {}, refusal(said)), BULK_EVENTS)
    assert '("… (…) is not valid")' in str(told.value)
