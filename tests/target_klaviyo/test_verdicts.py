"""What each answer of Klaviyo means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo.endpoints import BULK_EVENTS, IMPORT_JOB, Answer, Endpoint, NoAnswer
from target_klaviyo.klaviyo.patience import pause_before
from target_klaviyo.klaviyo.verdicts import (
    Done,
    Missing,
    Refused,
    SlowDown,
    TooLarge,
    TryAgain,
    judge,
)


def refusal(detail: str, pointer: str = "/data") -> bytes:
    """An error document."""
    error = {"code": "c", "title": "t", "detail": detail, "source": {"pointer": pointer}}
    return json.dumps({"errors": [error]}).encode()


@pytest.mark.parametrize(
    ("answer", "endpoint", "kind"),
    [
        (Answer(202, {}, b""), BULK_EVENTS, Done),
        (Answer(202, {}, b"{gar"), BULK_EVENTS, Done),
        (Answer(200, {}, b'{"data": {}}'), IMPORT_JOB, Done),
        (Answer(200, {}, b"<html>"), IMPORT_JOB, TryAgain),
        (Answer(429, {"Retry-After": "7"}, b""), BULK_EVENTS, SlowDown),
        (Answer(500, {}, b""), BULK_EVENTS, TryAgain),
        (Answer(524, {}, b"<html>"), BULK_EVENTS, TryAgain),
        (Answer(408, {}, b""), BULK_EVENTS, TryAgain),
        (Answer(403, {}, b"<html>"), BULK_EVENTS, TryAgain),
        (Answer(413, {}, b""), BULK_EVENTS, TooLarge),
        (Answer(400, {}, refusal("Invalid email.", "/data/x")), BULK_EVENTS, Refused),
        (Answer(409, {}, refusal("Duplicate.")), BULK_EVENTS, Refused),
        (Answer(404, {}, refusal("A profile-bulk-import-job is gone.")), IMPORT_JOB, Missing),
        (NoAnswer("reset", connected=True), BULK_EVENTS, TryAgain),
    ],
)
def test_an_answer_is_understood(answer: Any, endpoint: Endpoint, kind: type) -> None:
    """Every documented status has its meaning."""
    assert isinstance(judge(answer, endpoint, wants_document=endpoint is IMPORT_JOB), kind)


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
        (Answer(400, {}, refusal("'x' is not a valid revision.", "/data/")), "revision"),
        (Answer(404, {}, refusal("A list with id X does not exist.")), "list_id"),
    ],
)
def test_what_concerns_the_whole_run_stops_it(answer: Answer, sentence: str) -> None:
    """Keys, scopes, addresses, revisions and lists are settings, not rows."""
    with pytest.raises(KlaviyoError, match=sentence):
        judge(answer, BULK_EVENTS, wants_document=False)


def test_pauses_double_up_to_a_minute() -> None:
    """0.5, 1, 2 ... 60 seconds."""
    assert [pause_before(attempt) for attempt in (1, 2, 3, 9)] == [0.5, 1.0, 2.0, 60.0]
