"""The tap against its peers and against two limits: parsing alone, and the request budget."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from bench.environments import PROGRAMS, SINGER_IO_TAP, python_with
from bench.measure import Figures, Program, median
from bench.scale import CAMPAIGN_INVOICES
from bench.services import Report, ServiceProcess
from bench.tables import AGAINST, COLUMNS, cells, number, percent, table, times
from bench.taps import KEY, client_loop, our_tap, singer_io_tap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.scale import Scale

LISTS = ("transactions", "accounts")
DAYS = 730
BEHIND_DAYS = 1
BUDGET_PER_SECOND = 200 * 1_000 / 60
"""Recurly's rate limit in rows: 200 to a page, 1,000 requests a minute for production sites."""
QUOTA_PERCENT = 80
"""The tap's default share of the budget."""
WINDOW_SECONDS = 300
FLOOR_PAGES = 100
LATE = 0.3
OURS = "**this tap**"


def benchmark(scale: Scale, folder: Path) -> Iterator[str]:
    """Run everything; yields Markdown, section by section."""
    yield from _side_by_side(scale, folder)
    yield _on_one_core(scale, folder)


def campaign(scale: Scale, folder: Path) -> Iterator[str]:
    """Two million records through the command line: memory must not grow."""
    short = _read_invoices(scale.invoices, folder, runs=1)
    long = _read_invoices(CAMPAIGN_INVOICES, folder, runs=1)
    rows = [[number(figures.rows), *cells(figures)] for figures in (short, long)]
    yield (
        f"### Two million invoices\n\n{table(('invoices of 3 KB', *COLUMNS), rows)}\n\n"
        f"{times(long.rows / short.rows)} the rows, "
        f"{times(long.peak_bytes / short.peak_bytes)} the memory."
    )


# Side by side -----------------------------------------------------------------------------------


def _side_by_side(scale: Scale, folder: Path) -> Iterator[str]:
    recent = scale.recent_percent * DAYS // 100
    start = datetime.now(timezone.utc) - timedelta(days=BEHIND_DAYS + recent)
    start_date = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    with ServiceProcess(
        "recurly", accounts=scale.accounts, days=DAYS, behind_days=BEHIND_DAYS
    ) as service:
        programs = {
            OURS: our_tap(service.url, folder, LISTS),
            "official client, plain loop": client_loop(service.url, folder, LISTS, start_date),
        }
        python = python_with(SINGER_IO_TAP) if scale.peers else None
        if python:
            peer = singer_io_tap(python, service.url, folder, LISTS, start_date)
            programs["singer-io's tap-recurly 1.1.1"] = peer
        floor = _floor(service.url, LISTS, folder, scale.runs)
        for latency in scale.latencies:
            figures = {}
            for name, program in programs.items():
                # One page after the other, each as slow as the sandbox: there is no noise.
                runs = 1 if latency and name != OURS else scale.runs
                figures[name] = _measured(program, service, latency, runs=runs)
            yield _comparison(figures, floor, latency)


def _comparison(figures: dict[str, Figures], floor: Figures, latency: float) -> str:
    ours = figures[OURS]
    rows = [
        [
            name,
            *cells(each),
            times(ours.rows_per_second / each.rows_per_second),
            percent(each.rows_per_second / floor.rows_per_second),
            percent(each.rows_per_second / BUDGET_PER_SECOND),
        ]
        for name, each in figures.items()
    ]
    rows += [
        ["*limit: bare orjson parse and dump*", *cells(floor), "", "100 %", ""],
        ["*limit: request budget*", number(BUDGET_PER_SECOND), *[""] * 7, "100 %"],
    ]
    headers = ("transactions and accounts", *COLUMNS, *AGAINST, "of budget")
    return f"### {latency * 1000:.0f} ms latency\n\n{table(headers, rows)}"


def _measured(program: Program, service: ServiceProcess, latency: float, *, runs: int) -> Figures:
    service.configure(latency=latency)
    measured = []
    for _ in range(runs):
        figures = program.run()
        measured.append(figures.with_answers(service.report()))
    return median(measured)


def _floor(url: str, lists: Sequence[str], folder: Path, runs: int) -> Figures:
    """The same pages, parsed and dumped record by record by nothing but orjson."""
    path = folder / "pages"
    save: list[str | Path] = [sys.executable, PROGRAMS / "save_pages.py", url, KEY]
    Program([*save, str(FLOOR_PAGES), *lists], folder / "save_pages.log").run(keep=path)
    parse: list[str | Path] = [sys.executable, PROGRAMS / "parse_and_dump.py", path]
    program = Program(parse, folder / "parse_and_dump.log")
    figures = median([program.run() for _ in range(runs)])
    path.unlink()
    return figures


# CPU --------------------------------------------------------------------------------------------


def _on_one_core(scale: Scale, folder: Path) -> str:
    ours = _read_invoices(scale.invoices, folder, runs=scale.runs)
    with ServiceProcess("invoices", rows=min(scale.invoices, FLOOR_PAGES * 200)) as service:
        floor = _floor(service.url, ["invoices"], folder, scale.runs)
    rows = [
        [name, *cells(each), _per_cpu_second(each), times(each.cpu_per_100k / floor.cpu_per_100k)]
        for name, each in ((OURS, ours), ("*limit: bare orjson parse and dump*", floor))
    ]
    headers = ("invoices of 3 KB", *COLUMNS, "rows / CPU s", "CPU of bare loop")
    return f"### CPU\n\n{table(headers, rows)}"


def _per_cpu_second(figures: Figures) -> str:
    return number(figures.rows / figures.cpu_seconds)


def _read_invoices(rows: int, folder: Path, *, runs: int) -> Figures:
    with ServiceProcess("invoices", rows=rows) as service:
        program = our_tap(service.url, folder, ["invoices"])
        return _measured(program, service, 0.0, runs=runs)


# The budget -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pace:
    """When requests came, against what the budget would have allowed."""

    report: Report

    @property
    def first_window(self) -> int:
        """Requests before the first of them left the window: at most the tap's share."""
        return sum(moment < self._first_leaves for moment in self.report.moments)

    @property
    def delay(self) -> float:
        """Seconds between capacity coming back and the next request."""
        return self.report.moments[self.first_window] - self._first_leaves

    @property
    def _first_leaves(self) -> float:
        """The window slides by whole minutes."""
        return self.report.moments[0] // 60 * 60 + WINDOW_SECONDS


def binding_budget(per_minute: int, folder: Path) -> str:
    """A list a little longer than the tap's share, so that it must wait for the window, once."""
    budget = per_minute * WINDOW_SECONDS // 60
    share = budget * QUOTA_PERCENT // 100
    pages = share * 21 // 20
    rows = pages * 200
    home = folder / "budget"
    home.mkdir(exist_ok=True)
    with ServiceProcess("invoices", rows=rows, per_minute=per_minute) as service:
        service.configure(latency=LATE)
        program = our_tap(service.url, home, ["invoices"])
        figures = replace(program, timeout=WINDOW_SECONDS + 120).run()
        report = service.report()
    pace = _Pace(report)
    used = pace.first_window
    verdict = [
        ["budget in five minutes", number(budget)],
        [f"the tap's share ({QUOTA_PERCENT} %)", number(share)],
        ["used of it while it bound", f"{used} ({percent(used / share)})"],
        ["requests in all", f"{report.requests}, of which {pages} full pages are the least"],
        ["idle after capacity came back", f"{pace.delay:.1f} s"],
        ["429s", number(report.refused)],
        ["invoices read", f"{number(figures.rows)} of {number(rows)}"],
    ]
    headers = (f"{per_minute} requests a minute, 300 ms latency", "")
    return f"### tap-recurly on a budget that binds\n\n{table(headers, verdict)}"
