"""The command line: which benchmarks, how large, and where the tables go."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import compare_taps, compare_targets
from bench.measure import BenchmarkError
from bench.scale import FULL, QUICK
from bench.services import ROOT
from bench.tables import heading

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTPUT = ROOT / "output" / "bench"
SUBJECTS = {"tap": compare_taps, "target": compare_targets}


def main() -> int:
    """Run what is asked for; print each table when it is ready and keep all in one file."""
    options = _parser().parse_args()
    kind = "quick" if options.quick else "campaign" if options.campaign else "full"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for name in [options.only] if options.only else SUBJECTS:
        kept = OUTPUT / f"{name}-{kind}.md"
        try:
            with kept.open("w", encoding="utf-8") as file:
                for section in _sections(name, kind):
                    print(f"{section}\n", flush=True)
                    file.write(f"{section}\n\n")
        except BenchmarkError as fault:
            print(fault, file=sys.stderr)
            return 1
        print(f"(kept in {kept.relative_to(ROOT)})\n", flush=True)
    return 0


def _sections(name: str, kind: str) -> Iterator[str]:
    yield heading(f"{name}, {kind}")
    subject = SUBJECTS[name]
    run = subject.campaign if kind == "campaign" else subject.benchmark
    # A folder of its own: two runs at once do not get in each other's way.
    with tempfile.TemporaryDirectory(dir=OUTPUT) as folder:
        yield from run(QUICK if kind == "quick" else FULL, Path(folder))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description="Measure the tap and the target beside their peers."
    )
    parser.add_argument("--only", choices=SUBJECTS, help="one of the two")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a smoke test of ten seconds")
    size.add_argument("--campaign", action="store_true", help="the long runs: millions of rows")
    return parser


sys.exit(main())
