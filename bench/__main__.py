"""The command line: which benchmarks, how large, and where the tables go."""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bench import compare_taps, compare_targets
from bench.measure import BenchmarkError
from bench.scale import FULL, QUICK
from bench.services import ROOT
from bench.tables import heading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.scale import Scale

OUTPUT = ROOT / "output" / "bench"
CAMPAIGNS = {"tap": compare_taps.campaign, "target": compare_targets.campaign}


def main() -> int:
    """Run what is asked for; print each table when it is ready and keep all in one file."""
    options = _parser().parse_args()
    size = "quick" if options.quick else "campaign" if options.campaign else "full"
    names = [options.only] if options.only else ["tap", "target"]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    kept = OUTPUT / f"{'-'.join([*names, size])}.md"
    try:
        with kept.open("w", encoding="utf-8") as file:
            for section in _sections(names, size):
                print(f"{section}\n", flush=True)
                file.write(f"{section}\n\n")
    except BenchmarkError as fault:
        print(fault, file=sys.stderr)
        return 1
    print(f"(kept in {kept.relative_to(ROOT)})", flush=True)
    return 0


def _sections(names: Sequence[str], size: str) -> Iterator[str]:
    # A folder of its own: two runs at once do not get in each other's way.
    with tempfile.TemporaryDirectory(dir=OUTPUT) as path, ThreadPoolExecutor(1) as background:
        folder = Path(path)
        if size == "campaign":
            for name in names:
                yield heading(f"{name}, campaign")
                yield from CAMPAIGNS[name](FULL, folder)
        else:
            scale = QUICK if size == "quick" else FULL
            yield from _side_by_side(names, scale, folder, background)


def _side_by_side(
    names: Sequence[str], scale: Scale, folder: Path, background: ThreadPoolExecutor
) -> Iterator[str]:
    waiting: Future[str] | None = None
    if "tap" in names and scale.budget_per_minute:
        # It mostly waits for Recurly's five-minute window, so it waits beside the others.
        budget = scale.budget_per_minute
        waiting = background.submit(compare_taps.binding_budget, budget, folder)
    if "tap" in names:
        yield heading("tap-recurly")
        yield from compare_taps.benchmark(scale, folder)
    if "target" in names:
        yield heading("target-klaviyo")
        yield from compare_targets.benchmark(scale, folder)
    if waiting:
        yield waiting.result()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the tap and the target beside their peers."
    )
    parser.add_argument("--only", choices=list(CAMPAIGNS), help="one of the two")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a smoke test of ten seconds")
    size.add_argument("--campaign", action="store_true", help="the long runs: millions of rows")
    return parser


if __name__ == "__main__":
    sys.exit(main())
