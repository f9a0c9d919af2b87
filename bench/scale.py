"""How much of everything a benchmark takes: all of it in under ten minutes, or a smoke test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes of one campaign; rows per second are compared, so slow programs may get fewer rows."""

    runs: int
    """Repetitions of which the median is shown."""

    latencies: tuple[float, ...]
    """Seconds that every answer takes longer."""

    peers: bool
    """Whether programs are compared that must be installed from PyPI first."""

    accounts: int
    """Customers of the simulated merchant; each leaves about eight transactions in two years."""

    recent_percent: int
    """The last part of the merchant's history, in percent of its days, for slow readers."""

    invoices: int
    """Rows of the large list whose reading is a matter of CPU."""

    budget_per_minute: int | None
    """Requests a minute of the site whose budget binds; None leaves that out."""

    events: int
    profiles: int
    stock_events: int
    """Rows for the stock SDK target, which is slower by the row but sends as many a request."""

    single_rows: int
    """Rows for programs that send one a request, without latency."""

    single_rows_late: int
    """The same with latency."""

    paced_events: int | None
    """Events sent at Klaviyo's documented limits; None leaves that out."""


FULL = Scale(
    runs=3,
    latencies=(0.0, 0.3),
    peers=True,
    accounts=4_000,
    recent_percent=12,
    invoices=200_000,
    budget_per_minute=40,
    events=100_000,
    profiles=50_000,
    stock_events=10_000,
    single_rows=500,
    single_rows_late=20,
    paced_events=302_000,
)
QUICK = Scale(
    runs=1,
    latencies=(0.0,),
    peers=False,
    accounts=40,
    recent_percent=50,
    invoices=2_000,
    budget_per_minute=None,
    events=2_000,
    profiles=500,
    stock_events=1_000,
    single_rows=50,
    single_rows_late=5,
    paced_events=None,
)
CAMPAIGN_INVOICES = 2_000_000
