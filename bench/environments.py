"""Other people's programs, installed from PyPI, each into an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
PROGRAMS = Path(__file__).parent / "programs"
ENVIRONMENTS = Path(__file__).resolve().parent.parent / "output" / "bench" / "env"
SINGER_IO_TAP = "tap-recurly==1.1.1"
DRT = "drt-core==1.2.1"


def python_with(requirement: str) -> Path | None:
    """The interpreter of an environment that has this package.

    None, said on stderr, when it cannot be installed: the comparison then goes on without it.
    """
    environment = ENVIRONMENTS / requirement.partition("==")[0]
    python = environment / "bin" / "python"
    commands: list[list[str | Path]] = [
        [BIN / "uv", "pip", "install", "--quiet", "--python", python, requirement],
    ]
    if not python.exists():
        commands.insert(0, [BIN / "uv", "venv", "--quiet", "--python", sys.executable, environment])
    for command in commands:
        done = subprocess.run(command, check=False)  # noqa: S603  (uv, with fixed arguments)
        if done.returncode:
            sys.stderr.write(f"{requirement} cannot be installed, so it is not compared.\n")
            return None
    return python
