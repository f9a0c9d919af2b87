"""Answers that real Klaviyo accounts were recorded to give, through what the target reads them by.

The recordings, rewritten, lie beside the repository on machines that have them; elsewhere these
tests are skipped.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from requests.structures import CaseInsensitiveDict

from target_klaviyo.audit.found import read_events, read_metrics
from target_klaviyo.errors import KlaviyoError
from target_klaviyo.klaviyo import endpoints
from target_klaviyo.klaviyo.endpoints import Answer, Endpoint
from target_klaviyo.klaviyo.json_api import next_cursor, read_account
from target_klaviyo.klaviyo.outcomes import (
    RateLimited,
    Rejected,
    Success,
    classify,
)
from target_klaviyo.klaviyo.rate_limit import RateLimiter
from target_klaviyo.people.resolution import Person
from target_klaviyo.writing.import_jobs import ImportJob, JobProgress

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDED = Path(__file__).resolve().parents[3] / "shared/recorded/klaviyo"

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers are not beside this repository"
)


def _recording(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


def _answer(name: str) -> Answer:
    recording = _recording(name)
    body = recording.get("body")
    content = b"" if body is None else json.dumps(body).encode()
    return Answer(recording["status"], CaseInsensitiveDict(recording["headers"]), content)


def _document(name: str, endpoint: Endpoint) -> Any:
    outcome = classify(_answer(name), endpoint)
    assert isinstance(outcome, Success)
    return outcome.document


def _accounts() -> None:
    account = read_account(_document("accounts_200", endpoints.ACCOUNTS))
    assert (account.timezone, account.currency, account.is_test) == (
        "Europe/Copenhagen",
        "DKK",
        True,
    )


def _bad_email() -> None:
    outcome = classify(_answer("bulk_bad_email_400"), endpoints.BULK_PROFILES)
    assert isinstance(outcome, Rejected)
    assert outcome.errors[0].pointer == "/data/attributes/profiles/data/0/attributes/email"
    assert outcome.errors[0].reason == "Klaviyo refused it: Invalid email address"


def _duplicate() -> None:
    outcome = classify(_answer("duplicate_profile_409"), endpoints.PROFILE_UPDATE)
    assert isinstance(outcome, Rejected)
    assert outcome.errors[0].code == "duplicate_profile"
    assert outcome.errors[0].duplicate_id == "01AAAAAAAAAAAAAAAAAAAAAAAA"


def _events() -> None:
    document = _document("events_200", endpoints.EVENTS)
    valued, plain = read_events(document)
    assert (valued.unique_id, valued.value, valued.currency) == ("invented-unique-1", 3.0, "EUR")
    assert valued.time == 1_790_841_655
    # An event that was sent without a value shows a zero.
    assert (plain.unique_id, plain.value, plain.currency) == ("invented-unique-2", 0.0, None)
    assert valued.person["id"] != plain.person["id"]


def _taken() -> None:
    assert classify(_answer("event_bulk_create_202"), endpoints.BULK_EVENTS) == Success(None)


def _forbidden() -> None:
    with pytest.raises(KlaviyoError, match=r"(?i)scope|permission|may not"):
        classify(_answer("forbidden_403"), endpoints.BULK_EVENTS)


def _no_import_errors() -> None:
    document = _document("import_errors_none_200", endpoints.IMPORT_ERRORS)
    job = ImportJob("job", (), 1, 0.0)
    assert job.read_errors(document) is None
    assert not job.failures


def _metrics() -> None:
    document = _document("metrics_200", endpoints.METRICS)
    assert list(read_metrics(document)) == [
        ("Invented Metric", "AaAaAa", "api"),
        ("Viewed Product", "BbBbBb", "api"),
    ]
    assert next_cursor(document) is None


def _not_found() -> None:
    with pytest.raises(KlaviyoError, match="list_id"):
        classify(_answer("not_found_404"), endpoints.LIST)


def _job_taken() -> None:
    document = _document("profile_bulk_import_202", endpoints.BULK_PROFILES)
    assert document["data"]["id"]


def _job_queued() -> None:
    document = _document("profile_bulk_import_job_queued_200", endpoints.IMPORT_JOB)
    assert _observed(document) is JobProgress.PENDING


def _job_complete() -> None:
    (job,) = _recording("profile_bulk_import_jobs_complete_200")["body"]["data"]
    assert _observed({"data": job}) is JobProgress.COMPLETE


def _observed(document: Any) -> JobProgress:
    return ImportJob("job", (), 1, 0.0).observe(document, 0.0, datetime.now(timezone.utc))


def _profile_created() -> None:
    _person("profile_create_201")


def _profile_imported() -> None:
    person = _person("profile_import_200")
    assert (person.email, person.external_id) == ("ann@invented.io", None)


def _person(name: str) -> Person:
    return Person.shown(_document(name, endpoints.PROFILE_IMPORT)["data"])


def _steady_window() -> None:
    """The first member of RateLimit-Limit says which window the other headers speak of."""
    limiter = RateLimiter(10, 150)
    limiter.record_sent()
    limiter.record_answer(0.0, _answer("steady_window_headers_202").headers)
    assert limiter.delay(0.0) == 0.0


def _throttled() -> None:
    outcome = classify(_answer("throttled_429"), endpoints.ACCOUNTS)
    assert isinstance(outcome, RateLimited)
    assert outcome.seconds is not None
    assert outcome.seconds > 0


def _wrong_key() -> None:
    for name in ("wrong_private_key_401", "wrong_oauth_token_401"):
        with pytest.raises(KlaviyoError, match="api_key"):
            classify(_answer(name), endpoints.ACCOUNTS)


READERS: dict[str, Callable[[], None]] = {
    "accounts_200": _accounts,
    "bulk_bad_email_400": _bad_email,
    "duplicate_profile_409": _duplicate,
    "event_bulk_create_202": _taken,
    "events_200": _events,
    "forbidden_403": _forbidden,
    "import_errors_none_200": _no_import_errors,
    "metrics_200": _metrics,
    "not_found_404": _not_found,
    "profile_bulk_import_202": _job_taken,
    "profile_bulk_import_job_queued_200": _job_queued,
    "profile_bulk_import_jobs_complete_200": _job_complete,
    "profile_create_201": _profile_created,
    "profile_import_200": _profile_imported,
    "steady_window_headers_202": _steady_window,
    "throttled_429": _throttled,
    "wrong_oauth_token_401": _wrong_key,
    "wrong_private_key_401": _wrong_key,
}
NEVER_ASKED = {"event_create_202", "malformed_event_id_400", "metric_aggregates_200"}
"""Answers of endpoints that the target has no business with."""


def test_every_recording_is_read_or_known_to_be_none_of_ours() -> None:
    """A recording that is added must be told what it gives."""
    assert {path.stem for path in RECORDED.glob("*.json")} == READERS.keys() | NEVER_ASKED


@pytest.mark.parametrize("name", READERS)
def test_a_recorded_answer_gives_what_it_must(name: str) -> None:
    """Outcome and content of an answer are what the recording holds."""
    READERS[name]()
