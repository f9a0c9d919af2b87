"""What a long read says of itself, by table."""

from __future__ import annotations

import pytest

from tap_recurly.progress import INTERVAL_SECONDS, Progress, RequestRate


@pytest.mark.parametrize(
    ("seconds", "done", "total", "pace", "sentence"),
    [
        (4.9, 10, 100, RequestRate(9, 800), None),
        (
            10.0,
            5_000,
            20_000,
            RequestRate(100, 800),
            "5,000 of 20,000 (25 %), 600 requests a minute of 800 allowed, about 30 s left",
        ),
        (
            60.0,
            900,
            180_000,
            RequestRate(50, 80),
            "900 of 180,000 (0 %), 50 requests a minute of 80 allowed, about 3.3 h left",
        ),
        (
            60.0,
            100_000,
            400_000,
            RequestRate(500, None),
            "100,000 of 400,000 (25 %), 500 requests a minute, about 3 min left",
        ),
        (5.0, 7, None, RequestRate(1, 80), "7, 12 requests a minute of 80 allowed"),
        (5.0, 7, 5, RequestRate(1, 80), "7, 12 requests a minute of 80 allowed"),
    ],
    ids=["too early", "seconds", "hours", "minutes, no budget known", "no total", "more than all"],
)
def test_report(
    seconds: float, done: int, total: int | None, pace: RequestRate, sentence: str | None
) -> None:
    """Records of all, requests of those allowed, time left; what is unknown is left out."""
    paces = iter([RequestRate(0, None), pace])
    progress = Progress("plans: records", lambda: next(paces), 1_000.0)
    assert progress.report(1_000.0, 1, total) is None
    expected = None if sentence is None else f"plans: records {sentence}."
    assert progress.report(1_000.0 + seconds, done, total) == expected


def test_reports_keep_their_distance() -> None:
    """However many records pass, a report comes every few seconds, with the pace since the last."""
    requests = 0
    progress = Progress("plans: records", lambda: RequestRate(requests, 600), 0.0)
    reports = []
    for tenth in range(1, 301):
        requests += 1
        if report := progress.report(tenth / 10, tenth, 300):
            reports.append(report)
    assert len(reports) == 30 / INTERVAL_SECONDS
    assert all("600 requests a minute of 600 allowed" in report for report in reports)


def test_time_left_counts_from_the_first_record() -> None:
    """What went before the first record tells nothing of the time left, nor does one record."""
    progress = Progress("plans: records", lambda: RequestRate(0, None), 0.0)
    assert progress.report(100.0, 1, 1_000) == (
        "plans: records 1 of 1,000 (0 %), 0 requests a minute."
    )
    later = progress.report(110.0, 500, 1_000)
    assert later is not None
    assert later.endswith("about 10 s left.")
