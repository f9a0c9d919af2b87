"""Run a command as the only child of a small process; write its peak memory in MB to a file.

A child's peak as its parent sees it begins with what the parent held when it forked, so a large
test process cannot measure its own children.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    report, *command = sys.argv[1:]
    done = subprocess.run(command, check=False)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    Path(report).write_text(str(peak))
    sys.exit(done.returncode)
