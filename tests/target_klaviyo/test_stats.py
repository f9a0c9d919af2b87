"""What a run says of itself: a line every few seconds, a table at its end."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from target_klaviyo.errors import TooManyRejects
from target_klaviyo.writing.stats import Progress, RequestRate, RunStats, summary

EVENTS, PROFILES = "bulk event creation", "bulk profile import"


@pytest.mark.parametrize(
    ("counts", "jobs", "request_rates", "line"),
    [
        ({}, 0, {}, "0 events and 0 profiles sent, 0 rejected."),
        (
            {"stored": {"events": 12_000, "profiles": 30}, "rejected": {"events": 4}},
            0,
            {EVENTS: RequestRate(12, 150)},
            (
                "12,000 events and 30 profiles sent, 4 rejected; requests in the last minute: 12 "
                "of 150 (bulk event creation)."
            ),
        ),
        (
            {"stored": {"events": 1}},
            2,
            {EVENTS: RequestRate(1, math.inf), PROFILES: RequestRate(2, 150)},
            (
                "1 event and 0 profiles sent, 0 rejected; 2 import jobs pending; requests in the "
                "last minute: 1 (bulk event creation), 2 of 150 (bulk profile import)."
            ),
        ),
        (
            {"stored": {"profiles": 4_002}, "people": {"unchanged": 4_000}},
            0,
            {},
            "0 events and 2 profiles sent, 0 rejected; 4,000 profiles needed no change.",
        ),
    ],
)
def test_a_line_says_rows_rejects_jobs_and_requests(
    counts: dict[str, dict[str, int]], jobs: int, request_rates: dict[str, RequestRate], line: str
) -> None:
    """Rows by kind, rejects, pending jobs, and requests against each endpoint's budget."""
    stats = RunStats(10, Path("rejects"), pending_jobs=jobs)
    for name, count in counts.items():
        getattr(stats, name).update(count)
    assert Progress(0.0).line(5.0, stats, request_rates) == line


def test_lines_come_every_five_seconds_at_most() -> None:
    """The next line is due five seconds after the last one, however late that was."""
    progress = Progress(100.0)
    assert progress.due == 105.0
    progress.line(109.0, RunStats(10, Path("rejects")), {})
    assert progress.due == 114.0


@pytest.mark.parametrize(
    ("moments", "lately"),
    [
        ([(5, 10)], 10),
        ([(5, 10), (10, 30)], 30),
        ([(5, 10), (30, 75), (60, 150)], 150),
        ([(5, 10), (30, 75), (60, 150), (65, 160)], 150),
        ([(5, 10), (30, 75), (60, 150), (65, 160), (90, 200)], 125),
        ([(5, 10), (300, 300)], 290),
    ],
)
def test_requests_are_those_of_the_last_minute(moments: list[tuple[int, int]], lately: int) -> None:
    """Requests are counted since the line of a minute ago, so that they compare with the budget."""
    progress, stats = Progress(0.0), RunStats(10, Path("rejects"))
    line = ""
    for moment, requests in moments:
        line = progress.line(moment, stats, {EVENTS: RequestRate(requests, 150)})
    assert f"in the last minute: {lately} of 150 (" in line


def test_the_summary_is_a_table_and_what_needs_words() -> None:
    """Rows by kind as a table, then requests, history, troubles, warnings and rejects."""
    stats = RunStats(10, Path("rejects"), rejects_kept=True)
    stats.seen.update({"events": 12_000, "profiles": 7, "records of invoices": 900})
    stats.stored.update({"events": 11_989, "profiles": 6})
    stats.duplicates["events"] = 10
    stats.count_reject("events", "The event has no metric.")
    stats.count_reject("records of invoices", "No account.")
    stats.formerly_true = 46
    stats.requests, stats.jobs, stats.backfilled, stats.rate_limited = 14, 1, 11_000, 2
    assert list(summary(stats)) == [
        "                       read  stored  merged  rejected",
        "events               12,000  11,989      10         1",
        "profiles                  7       6       0         0",
        "records of invoices     900                         1",
        (
            "Klaviyo took 11,989 events and 6 profiles in 14 requests and 1 import job; 11,000 of "
            "the events are history and trigger no flows."
        ),
        "46 events were not sent, being no longer true at the source.",
        "Klaviyo asked 2 times to slow down.",
        "1 event rejected: The event has no metric.",
        "1 record of invoices rejected: No account.",
        "The rejects are in rejects; replay them with `target-klaviyo --config … < rejects`.",
    ]


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        (0, "all were unfit to be sent; the commonest reason (2) is: No metric. They are in re"),
        (1, "2 were unfit to be sent, and Klaviyo refused 1; "),
        (3, "Klaviyo refused all; "),
    ],
)
def test_a_useless_run_says_who_has_refused_its_rows(refused: int, sentence: str) -> None:
    """The source is only to be mended where its rows are at fault."""
    stats = RunStats(100, Path("rejects"), records=3, rejected_records=3)
    for rule in ("No metric.", "No metric.", "No time."):
        stats.count_reject("events", rule)
    stats.refused["events"] = refused
    with pytest.raises(TooManyRejects) as failure:
        stats.check_all_rejected()
    assert str(failure.value).startswith(f"Nothing was stored of 3 records recognised: {sentence}")
    assert ("mend the source" in str(failure.value)) is (refused == 0)


def test_the_summary_says_what_became_of_people() -> None:
    """What needed nothing counts as stored, not as sent; what changed hands is told."""
    stats = RunStats(100, Path("rejects"))
    stats.stored["profiles"] = 10
    stats.people.update(
        {"looked up": 10, "unchanged": 6, "readdressed": 1, "moved": 1, "merged": 2, "foreign": 1}
    )
    said = [line for line in summary(stats) if line.endswith(".")]
    assert said == [
        "Klaviyo took 0 events and 4 profiles in 0 requests and 0 import jobs.",
        "10 people looked up; 6 needed no change.",
        "1 profile got the person's new e-mail address.",
        (
            "1 person moved to the profile at the new e-mail address, and what was theirs at the "
            "former one was cleared."
        ),
        "2 profiles were merged into another of the person.",
        (
            "1 profile keeps an external_id that another system gave: a changed e-mail address "
            "will not be noticed there."
        ),
    ]
