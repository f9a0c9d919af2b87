"""Samples: an event of each metric that is chosen, so that flows can be built before real ones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurly_to_klaviyo import Transform
from recurly_to_klaviyo.events import METRICS
from recurly_to_klaviyo.metrics import METRIC_GROUPS

NOW = datetime(2026, 2, 11, 9, 30, tzinfo=timezone.utc)


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)),  # noqa: DTZ001
    st.integers(1, 90),
)
def test_every_metric_has_a_sample_on_every_day(day: datetime, lead_days: int) -> None:
    """Whatever day it is and however early reminders come, each metric gets one, dated now."""
    now = day.replace(tzinfo=timezone.utc)
    rows = Transform({"metrics": [*METRIC_GROUPS], "lead_days": lead_days}).samples(now)
    assert sorted(row["metric"] for row in rows) == sorted(metric.name for metric in METRICS)
    assert all(
        abs(datetime.fromisoformat(row["time"][:19] + "+00:00") - now) < timedelta(seconds=1)
        for row in rows
    )
    assert not any("profile" in row for row in rows)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, 5),
        ({"metrics": ["Upcoming Renewal"]}, 1),
        ({"issued_invoice_types": ["credit"]}, 5),
        ({"ordered_product_origins": ["renewal"]}, 5),
        ({"identify_by": "account_code", "site": "north"}, 5),
    ],
)
def test_samples_follow_the_settings(config: dict[str, Any], expected: int) -> None:
    """What is not chosen has none; whatever restricts a metric leaves it one."""
    assert len(Transform(config).samples(NOW)) == expected


def test_samples_bear_the_names_that_are_sent() -> None:
    """A metric renamed for one merchant is renamed here too."""
    rows = Transform({"names": {"Successfully Paid": "Paid"}}).samples(NOW)
    assert "Paid" in {row["metric"] for row in rows}
