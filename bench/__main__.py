"""The command line: which benchmarks, how large, and where the tables go."""

from __future__ import annotations

import argparse
import sys

from bench import compare_taps, compare_targets
from bench.measure import BenchmarkError
from bench.scale import FULL, QUICK
from bench.services import ROOT
from bench.tables import heading

OUTPUT = ROOT / "output" / "bench"
SUBJECTS = {"tap": compare_taps, "target": compare_targets}


def main() -> int:
    """Run what is asked for; print each table when it is ready and keep all in one file."""
    options = _parser().parse_args()
    scale = QUICK if options.quick else FULL
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for name in [options.only] if options.only else SUBJECTS:
        subject = SUBJECTS[name]
        sections = [heading(name if not options.campaign else f"{name}, campaign")]
        print(sections[0], flush=True)
        try:
            for section in (subject.campaign if options.campaign else subject.benchmark)(
                scale, OUTPUT
            ):
                print(f"\n{section}", flush=True)
                sections.append(section)
        except BenchmarkError as fault:
            print(fault, file=sys.stderr)
            return 1
        kept = OUTPUT / f"{name}{'-campaign' if options.campaign else ''}.md"
        kept.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
        print(f"\n(kept in {kept.relative_to(ROOT)})\n", flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description="Measure the tap and the target beside their peers."
    )
    parser.add_argument("--only", choices=SUBJECTS, help="one of the two")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a smoke test of a few seconds")
    size.add_argument("--campaign", action="store_true", help="the long runs: millions of rows")
    return parser


sys.exit(main())
