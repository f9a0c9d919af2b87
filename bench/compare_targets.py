"""The target against its peers and against two limits: parsing alone, and Klaviyo's ceiling."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

from bench.environments import DRT, PROGRAMS, python_with
from bench.measure import BenchmarkError, Figures, Program, median
from bench.rows import write_singer
from bench.services import Report, ServiceProcess
from bench.tables import AGAINST, COLUMNS, cells, number, percent, table, times
from bench.taps import our_tap
from bench.targets import client_loop, drt, our_target, stock_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.scale import Scale

BULK_PER_MINUTE = 150
ROWS_PER_REQUEST = {"events": 1_000, "profiles": 10_000}
CEILINGS = {kind: rows * BULK_PER_MINUTE / 60 for kind, rows in ROWS_PER_REQUEST.items()}
"""Rows a second that Klaviyo's limits admit: 150 bulk requests a minute, full to the last row."""
RAW_STREAMS = ("invoices", "transactions", "account_snapshots")
LATE = 0.3
OURS = "**this target**"


@dataclass(frozen=True)
class Contender:
    """A program as it is called on the URL of a service, and how many rows it gets."""

    rows: int
    program: Callable[[str], Program]
    runs: int


def benchmark(scale: Scale, folder: Path) -> Iterator[str]:
    """Run everything; yields Markdown, section by section."""
    for kind, rows in (("events", scale.events), ("profiles", scale.profiles)):
        path = write_singer(folder / f"{kind}.singer", kind, rows)
        floor = _floor(path, folder, scale.runs)
        for latency in scale.latencies:
            contenders = _contenders(scale, folder, kind, path, latency)
            figures = {
                name: _measured(name, contender, kind, latency)
                for name, contender in contenders.items()
            }
            yield _comparison(kind, figures, floor, latency)
    yield _raw_records(scale, folder)
    if scale.paced_events:
        yield _at_the_limits(scale.paced_events, folder)


def campaign(scale: Scale, folder: Path) -> Iterator[str]:
    """A million events, without limits: memory must not grow."""
    figures = []
    for rows in (scale.events, 10 * scale.events):
        path = write_singer(folder / "events.singer", "events", rows)
        ours = Contender(rows, partial(our_target, folder=folder, rows=path), 1)
        figures.append(_measured(OURS, ours, "events", 0.0))
    shown = [[number(each.rows), *cells(each)] for each in figures]
    growth = times(figures[1].peak_bytes / figures[0].peak_bytes)
    yield (
        f"### A million events\n\n{table(('events', *COLUMNS), shown)}\n\n"
        f"Ten times the rows, {growth} the memory."
    )


# Side by side -----------------------------------------------------------------------------------


def _contenders(
    scale: Scale, folder: Path, kind: str, path: Path, latency: float
) -> dict[str, Contender]:
    rows = {"events": scale.events, "profiles": scale.profiles}[kind]
    single = scale.single_rows_late if latency else scale.single_rows
    # One request after the other, each as slow as the sandbox makes it: there is no noise.
    runs = 1 if latency else scale.runs
    found = {OURS: Contender(rows, partial(our_target, folder=folder, rows=path), scale.runs)}
    if kind == "events":
        stock = partial(stock_target, folder=folder, stream=kind, rows=scale.stock_events)
        found["stock SDK BatchSink, bulk"] = Contender(scale.stock_events, stock, scale.runs)
    loop = partial(client_loop, folder=folder, stream=kind, rows=single)
    found["official client, plain loop"] = Contender(single, loop, runs)
    python = python_with(DRT) if scale.peers else None
    if python:
        project = partial(drt, python, folder=folder, stream=kind, rows=single)
        found["drt 1.2.1"] = Contender(single, project, runs)
    return found


def _measured(name: str, contender: Contender, kind: str, latency: float) -> Figures:
    """The median of the runs, each on an empty account; what Klaviyo then holds is what counts."""
    runs = []
    for _ in range(contender.runs):
        figures, report = _run(contender.program, latency, limits=False)
        if report.stored[kind] != contender.rows:
            raise BenchmarkError(
                f"{name} sent {contender.rows} {kind}, of which Klaviyo holds "
                f"{report.stored[kind]}."
            )
        runs.append(replace(figures, rows=contender.rows).with_answers(report))
    return median(runs)


def _run(
    program: Callable[[str], Program], latency: float, *, limits: bool
) -> tuple[Figures, Report]:
    with ServiceProcess("klaviyo") as service:
        service.configure(latency=latency, limits=limits)
        return program(service.url).run(), service.report()


def _comparison(kind: str, figures: dict[str, Figures], floor: Figures, latency: float) -> str:
    ours = figures[OURS]
    rows = [
        [
            name,
            *cells(each),
            times(ours.rows_per_second / each.rows_per_second),
            percent(each.rows_per_second / floor.rows_per_second),
            percent(each.rows_per_second / CEILINGS[kind]),
        ]
        for name, each in figures.items()
    ]
    rows += [
        ["*limit: bare orjson parse and dump*", *cells(floor), "", "100 %", ""],
        ["*limit: Klaviyo's ceiling*", number(CEILINGS[kind]), *[""] * 7, "100 %"],
    ]
    return (
        f"### {kind.capitalize()}, {latency * 1000:.0f} ms latency, limits off\n\n"
        f"{table((kind, *COLUMNS, *AGAINST, 'of ceiling'), rows)}\n\n"
        f"{number(ours.rows)} {kind} need {_needed(kind, ours.rows)} POSTs when all are full; "
        f"this target sent {ours.posted}."
    )


def _needed(kind: str, rows: int) -> int:
    return ceil(rows / ROWS_PER_REQUEST[kind])


def _floor(path: Path, folder: Path, runs: int) -> Figures:
    """The same bytes, parsed and dumped line by line by nothing but orjson."""
    command: list[str | Path] = [sys.executable, PROGRAMS / "parse_and_dump.py", path]
    program = Program(command, folder / "parse_and_dump.log")
    return median([program.run() for _ in range(runs)])


# Raw records ------------------------------------------------------------------------------------


def _raw_records(scale: Scale, folder: Path) -> str:
    """What the tap writes, through the transform."""
    path = folder / "raw.singer"
    with ServiceProcess(
        "recurly", accounts=scale.accounts // 4, days=730, behind_days=1
    ) as recurly:
        records = our_tap(recurly.url, folder, RAW_STREAMS).run(keep=path).rows
    program = partial(our_target, folder=folder, rows=path, transform="recurly")
    runs = [_run(program, 0.0, limits=False) for _ in range(scale.runs)]
    stored = runs[0][1].stored
    ours = median([replace(figures, rows=records).with_answers(report) for figures, report in runs])
    floor = _floor(path, folder, scale.runs)
    path.unlink()
    rows = [
        [OURS, *cells(ours), percent(ours.rows_per_second / floor.rows_per_second)],
        ["*limit: bare orjson parse and dump*", *cells(floor), "100 %"],
    ]
    return (
        "### Recurly's records through the transform, limits off\n\n"
        f"{table(('invoices, transactions, accounts', *COLUMNS, 'of bare loop'), rows)}\n\n"
        f"They became {number(stored['events'])} events and {number(stored['profiles'])} profiles."
    )


# At Klaviyo's limits ----------------------------------------------------------------------------


def _at_the_limits(rows: int, folder: Path) -> str:
    path = write_singer(folder / "events.singer", "events", rows)
    program = partial(our_target, folder=folder, rows=path)
    figures, report = _run(program, LATE, limits=True)
    windows = (report.requests - 1) // BULK_PER_MINUTE
    took = report.moments[windows * BULK_PER_MINUTE] - report.moments[0]
    sustained = windows * BULK_PER_MINUTE * ROWS_PER_REQUEST["events"] / took
    verdict = [
        ["events stored", f"{number(report.stored['events'])} of {number(rows)}"],
        ["requests", f"{number(report.requests)} of {_needed('events', rows)} needed"],
        [f"sustained over {windows} windows of a minute", f"{number(sustained * 60)} a minute"],
        ["of what Klaviyo admits", percent(sustained / CEILINGS["events"])],
        ["429s", number(report.refused)],
        ["CPU s / 100,000", number(replace(figures, rows=rows).cpu_per_100k)],
    ]
    return (
        "### Events at Klaviyo's documented limits, 300 ms latency\n\n"
        f"{table(('this target', ''), verdict)}"
    )
