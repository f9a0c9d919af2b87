"""What a program costs: run as a process of its own, judged by what the kernel has counted.

The kernel reports a child's peak memory as at least its parent's at the moment of the fork. So the
measuring process keeps nothing large: rows are generated into files, counted as they stream past.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.services import Report

RECORD = re.compile(rb'^\{"type": ?"RECORD"', re.MULTILINE)
CHUNK_BYTES = 1 << 16
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB elsewhere


class BenchmarkError(Exception):
    """A program that was to be measured failed; the text is a sentence."""


@dataclass(frozen=True)
class Figures:
    """What one run did and cost: whole process, start-up included.

    `posted` are the POSTs among the requests, `refused` those answered with 429.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    requests: int = 0
    posted: int = 0
    refused: int = 0

    @property
    def rows_per_second(self) -> float:
        """Rows by wall clock."""
        return self.rows / self.seconds

    @property
    def cpu_per_100k(self) -> float:
        """CPU seconds, user and system, per 100,000 rows."""
        return self.cpu_seconds * 100_000 / self.rows

    def with_answers(self, report: Report) -> Figures:
        """The same, with what the service has seen of it."""
        return replace(self, requests=report.requests, posted=report.posted, refused=report.refused)


@dataclass(frozen=True)
class Program:
    """A command to measure; its RECORD lines on stdout are counted, stderr goes to a log."""

    command: Sequence[str | Path]
    log: Path
    environment: Mapping[str, str] | None = None
    stdin: Path | None = None
    folder: Path | None = None
    timeout: float = 300.0

    def run(self, *, keep: Path | None = None) -> Figures:
        """Run it to its end, and keep what it writes to stdout in a file.

        Raises:
            BenchmarkError: If it fails or takes longer than its timeout.
        """
        with ExitStack() as files:
            log = files.enter_context(self.log.open("wb"))
            given = files.enter_context(self.stdin.open("rb")) if self.stdin else None
            began = time.perf_counter()
            process = subprocess.Popen(  # noqa: S603  (the commands are this package's own)
                self.command,
                stdin=given or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **(self.environment or {})},
            )
            kept = files.enter_context((keep or Path(os.devnull)).open("wb"))
            counter = _Counter(process.stdout, kept)
            deadline = threading.Timer(self.timeout, process.kill)
            deadline.start()
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            deadline.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            rows = counter.result()
        if process.returncode:
            raise BenchmarkError(self._failure(process.returncode, seconds))
        cpu = usage.ru_utime + usage.ru_stime
        return Figures(rows, seconds, cpu, usage.ru_maxrss * _MAXRSS_UNIT)

    def _failure(self, code: int, seconds: float) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        name = " ".join(str(part) for part in self.command[:2])
        return f"{name} ended with {code} after {seconds:.0f} s: {lines[-1]}"


class _Counter:
    """Counts RECORD lines as they come, in a thread, so that the program never waits for long."""

    def __init__(self, stream: IO[bytes] | None, kept: IO[bytes]) -> None:
        if stream is None:
            raise ValueError("The program's stdout is no pipe.")
        self._stream = stream
        self._kept = kept
        self._rows = 0
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def result(self) -> int:
        """The number of rows, once the stream has ended."""
        self._thread.join()
        self._stream.close()
        return self._rows

    def _count(self) -> None:
        unfinished = b""
        while chunk := os.read(self._stream.fileno(), CHUNK_BYTES):
            self._kept.write(chunk)
            head, newline, tail = chunk.rpartition(b"\n")
            if newline:
                self._rows += len(RECORD.findall(unfinished + head))
                unfinished = tail
            else:
                unfinished += chunk


def median(runs: Sequence[Figures]) -> Figures:
    """The median of each figure; the highest count of refusals, which are to be none."""
    return replace(
        runs[0],
        rows=statistics.median_low([run.rows for run in runs]),
        seconds=statistics.median([run.seconds for run in runs]),
        cpu_seconds=statistics.median([run.cpu_seconds for run in runs]),
        peak_bytes=statistics.median_high([run.peak_bytes for run in runs]),
        requests=statistics.median_low([run.requests for run in runs]),
        posted=statistics.median_low([run.posted for run in runs]),
        refused=max(run.refused for run in runs),
    )
