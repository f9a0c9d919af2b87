"""The sandbox's Recurly limits requests over a sliding window of five minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = timedelta(minutes=1)


def statuses(reader: Any, count: int, method: str = "GET") -> list[int]:
    """The statuses of so many requests in a row."""
    return [reader.ask("/plans", method=method).status_code for _ in range(count)]


def test_a_burst_may_use_the_whole_window(open_site: Callable[..., Any]) -> None:
    """Five minutes' budget is there for one minute; the request after it is refused."""
    reader = open_site(per_minute=2)
    assert statuses(reader, 11) == [200] * 10 + [429]


def test_capacity_returns_when_the_busy_minute_leaves_the_window(
    open_site: Callable[..., Any],
) -> None:
    """Four minutes after a burst it is still refused, after five it is forgotten."""
    reader = open_site(per_minute=1)
    statuses(reader, 5)
    reader.site.clock.advance(4 * MINUTE)
    assert statuses(reader, 1) == [429]
    reader.site.clock.advance(MINUTE)
    assert statuses(reader, 1) == [200]


def test_headers_tell_budget_rest_and_reset(open_site: Callable[..., Any]) -> None:
    """Reset is the minute-aligned epoch second at which the window would be all clear."""
    reader = open_site(per_minute=3)
    reader.site.clock.advance(timedelta(seconds=30))
    headers = [reader.ask("/plans").headers for _ in range(2)]
    assert [line["X-RateLimit-Remaining"] for line in headers] == ["14", "13"]
    noon = int(reader.site.clock.now().timestamp()) - 30
    assert int(headers[0]["X-RateLimit-Reset"]) == noon + 5 * 60
    assert headers[0]["X-RateLimit-Limit"] == "15"


def test_a_refusal_says_how_long_to_wait(open_site: Callable[..., Any]) -> None:
    """429 rate_limited carries a Retry-After after which the next request passes."""
    reader = open_site(per_minute=1)
    response = [reader.ask("/plans") for _ in range(6)][-1]
    assert response.json()["error"]["type"] == "rate_limited"
    reader.site.clock.advance(timedelta(seconds=int(response.headers["Retry-After"])))
    assert statuses(reader, 1) == [200]


def test_retry_after_and_the_limit_headers_may_lack(open_site: Callable[..., Any]) -> None:
    """By switch a 429 says nothing but its status and type."""
    reader = open_site(per_minute=0, retry_after=False, errors_carry_limits=False)
    headers = reader.ask("/plans").headers
    assert not {"Retry-After", "X-RateLimit-Limit", "X-RateLimit-Reset"} & headers.keys()


@pytest.mark.parametrize(
    ("options", "left"),
    [({}, "2"), ({"head_counts": False}, "4"), ({"head_counts": False, "mode": "sandbox"}, "2")],
)
def test_whether_head_counts_is_a_switch(
    open_site: Callable[..., Any], options: dict[str, Any], left: str
) -> None:
    """HEAD counts as GET does unless switched off; a sandbox site counts everything."""
    reader = open_site(per_minute=1, **options)
    statuses(reader, 2, "HEAD")
    assert reader.ask("/plans").headers["X-RateLimit-Remaining"] == left


def test_the_budget_is_shared_with_the_merchants_own_systems(
    open_site: Callable[..., Any],
) -> None:
    """What others use up is seen in Remaining."""
    reader = open_site(per_minute=2)
    reader.site.limiter.spend(8)
    assert reader.ask("/plans").headers["X-RateLimit-Remaining"] == "1"


def test_a_wrong_key_uses_up_nothing(open_site: Callable[..., Any]) -> None:
    """The limit is the site's, and an unknown key belongs to none."""
    reader = open_site(per_minute=1)
    for _ in range(10):
        reader.ask("/plans", auth=("another-key", ""))
    assert statuses(reader, 1) == [200]


def test_the_budget_can_be_changed_while_serving(open_site: Callable[..., Any]) -> None:
    """Recurly may raise or lower a site's limit at any time."""
    reader = open_site(per_minute=1)
    reader.site.options.per_minute = 100
    assert reader.ask("/plans").headers["X-RateLimit-Limit"] == "500"
