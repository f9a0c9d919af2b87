"""Moments, quantities and lists keep their meaning whatever form Recurly gives them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurly_to_klaviyo.values import distinct, iso, moment, quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
        ("2026-01-31T10:00:00.999999999Z", "2026-01-31T10:00:00Z"),
        ("2026-01-31T10:00:00.5+02:00", "2026-01-31T08:00:00Z"),
        ("2026-01-31T10:00:00-05:00", "2026-01-31T15:00:00Z"),
        ("2026-01-31T10:00:00", "2026-01-31T10:00:00Z"),
        ("2026-01-31 10:00:00", "2026-01-31T10:00:00Z"),
    ],
)
def test_any_iso_time_is_read(text: str, expected: str) -> None:
    """Fractions of any length are cut, zones become UTC, no zone means UTC."""
    time = moment(text)
    assert time is not None
    assert iso(time) == expected


@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(min_value=-12 * 60, max_value=14 * 60),
)
def test_a_moment_survives_the_round_trip(naive: datetime, offset: int) -> None:
    """Writing a time in any zone and reading it gives the same second."""
    time = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert moment(time.isoformat()) == time.replace(microsecond=0)


@pytest.mark.parametrize("text", [None, ""])
def test_no_time_is_none(text: str | None) -> None:
    """An absent time is no time."""
    assert moment(text) is None


@pytest.mark.parametrize(
    ("whole", "decimal", "expected"),
    [(2, None, 2), (2, "2.5", 2.5), (2, "2.000000000", 2), (2, "", 2), (None, None, None)],
)
def test_the_decimal_quantity_takes_precedence(
    whole: int | None, decimal: str | None, expected: float | None
) -> None:
    """Where Recurly gives a decimal quantity it is the true one; whole numbers stay whole."""
    assert quantity(whole, decimal) == expected


@given(st.lists(st.one_of(st.none(), st.text())))
def test_distinct_keeps_the_first_of_each(values: list[str | None]) -> None:
    """Nothing absent and nothing twice remains, and nothing else is lost or reordered."""
    kept = distinct(values)
    assert set(kept) == {value for value in values if value}
    assert list(kept) == sorted(kept, key=values.index)
