"""Import jobs: their ends, and the rows their errors are about."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from target_klaviyo.rows.contract import Origin, ProfileRow
from target_klaviyo.rows.parser import RowParser
from target_klaviyo.writing.import_jobs import LONGEST_PAUSE, STUCK_AFTER, ImportJob, JobProgress

NOW = datetime(2026, 7, 15, tzinfo=timezone.utc)
PARSER = RowParser(now=NOW, live_window=timedelta(days=3))
ORIGIN = Origin("profiles", b"{}", b"{}")


def row(**fields: Any) -> ProfileRow:
    """A profile row."""
    return PARSER.parse_profile(fields, ORIGIN)


def job(*rows: ProfileRow) -> ImportJob:
    """A job just submitted."""
    return ImportJob("job", rows or (row(email="a@b.io"),), 1, changed_at=0.0)


def status(status: str, **attributes: Any) -> dict[str, Any]:
    """A status answer."""
    return {"data": {"attributes": {"status": status, **attributes}}}


@pytest.mark.parametrize(
    ("answer", "progress"),
    [
        (status("queued"), JobProgress.PENDING),
        (status("processing", completed_count=3), JobProgress.PENDING),
        (status("complete", failed_count=1), JobProgress.COMPLETE),
        (status("cancelled"), JobProgress.LOST),
        (status("processing", expires_at="2026-07-14T00:00:00Z"), JobProgress.LOST),
        (status("processing", expires_at="2026-07-22T00:00:00"), JobProgress.PENDING),
        (status("something new"), JobProgress.PENDING),
        ({}, JobProgress.PENDING),
    ],
)
def test_a_job_is_followed_to_its_end(answer: Any, progress: JobProgress) -> None:
    """Complete, cancelled and expired are ends; all else is waited for."""
    assert job().observe(answer, 1.0, NOW) is progress


def test_pauses_grow_and_a_stuck_job_is_given_up() -> None:
    """Pauses grow to 20 s; half an hour without progress is the end."""
    followed = job()
    now = 0.0
    while (
        followed.observe(status("processing", completed_count=5), now, NOW) is JobProgress.PENDING
    ):
        now += followed.pause
        assert now < STUCK_AFTER * 2
    assert now > STUCK_AFTER
    assert followed.pause == LONGEST_PAUSE
    assert "no progress" in followed.lost_because


def test_progress_keeps_a_slow_job_alive() -> None:
    """A job that moves is never stuck, however long it takes."""
    followed = job()
    for count in range(100):
        answer = status("processing", completed_count=count)
        assert followed.observe(answer, count * STUCK_AFTER * 0.9, NOW) is JobProgress.PENDING


ADA, BOB, EVE = row(email="Ada@shop.io"), row(external_id="7"), row(id="01X", email="eve@shop.io")


@pytest.mark.parametrize(
    ("payload", "pointer", "culprit"),
    [
        ({"type": "profile", "attributes": {"email": "ada@shop.io"}}, "/data", ADA),
        ({"email": "ADA@shop.io"}, "/data", ADA),
        ({"data": {"attributes": {"external_id": "7"}}}, "/data", BOB),
        ({"id": "01X", "attributes": {}}, "/data", EVE),
        (None, "/data/attributes/profiles/data/1/attributes/email", BOB),
        (None, "/data", None),
        ({"email": "nobody@shop.io"}, "/data", None),
    ],
)
def test_an_import_error_is_matched_to_its_row(
    payload: Any, pointer: str, culprit: ProfileRow | None
) -> None:
    """By the payload it carries, in either of its forms, else by the pointer."""
    followed = job(ADA, BOB, EVE)
    error = {
        "attributes": {
            "code": "invalid",
            "title": "Invalid input.",
            "detail": "No.",
            "source": {"pointer": pointer},
            "original_payload": payload,
        }
    }
    assert followed.read_errors({"data": [error], "links": {"next": None}}) is None
    assert list(followed.failures) == ([culprit] if culprit else [])
    assert followed.unexplained is (culprit is None)


def test_all_pages_are_read_and_none_twice() -> None:
    """The cursor of `links.next` leads on; a cursor that comes again ends the walk."""
    followed = job(ADA)
    page = {"data": [], "links": {"next": "https://a.klaviyo.com/x?page%5Bcursor%5D=abc"}}
    assert followed.read_errors(page) == "abc"
    assert followed.read_errors(page) is None


def test_failures_that_no_error_names_are_noticed() -> None:
    """When more rows failed than errors tell, something is unexplained."""
    followed = job(ADA, BOB)
    followed.observe(status("complete", failed_count=1), 0.0, NOW)
    followed.read_errors({"data": [], "links": {}})
    assert followed.unexplained
