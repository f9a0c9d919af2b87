"""All benchmarks with one command: `.venv/bin/python bench/run.py` (`--help` tells the rest)."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
runpy.run_module("bench", run_name="__main__", alter_sys=True)
