"""Results as Markdown, ready for the README."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.measure import Figures

MEGABYTE = 1_000_000
COLUMNS = ("rows/s", "rows", "requests", "429s", "CPU s / 100,000", "peak MB")
AGAINST = ("slower than this", "of bare loop")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    rule = [
        "-" * widths[0],
        *("-" * (width - 1) + ":" for width in widths[1:]),
    ]
    return "\n".join(
        "| " + " | ".join(_aligned(cells, widths)) + " |" for cells in (headers, rule, *rows)
    )


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(cells, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]


def cells(figures: Figures) -> list[str]:
    """One run's figures under `COLUMNS`."""
    return [
        number(figures.rows_per_second),
        number(figures.rows),
        number(figures.requests) if figures.requests else "",
        number(figures.refused) if figures.requests else "",
        number(figures.cpu_per_100k),
        number(figures.peak_bytes / MEGABYTE),
    ]


def number(value: float) -> str:
    """Three significant digits, thousands separated."""
    if abs(value) >= 100 or value == int(value):  # noqa: PLR2004  (three digits)
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(value: float) -> str:
    """A ratio, as 6.5x."""
    return f"{number(value)}x"


def percent(value: float) -> str:
    """A share, as 97 %."""
    return f"{value * 100:.3g} %"


def heading(title: str) -> str:
    """Title, date and machine."""
    today = datetime.now(timezone.utc).date().isoformat()
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.system()}"
    load = f"load at the start {os.getloadavg()[0]:.1f}"
    return f"## {title}\n\n{today}, {machine}, Python {platform.python_version()}, {load}."


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123  (a kernel file)
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
