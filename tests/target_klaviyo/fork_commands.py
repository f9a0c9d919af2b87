"""Run `target-klaviyo` in processes of its own that need not load it: they are forks of this one.

Loading takes half a second, most of what a command with a wrong setting lasts. For each line on
stdin, a JSON object of `arguments`, `variables` and `folder` (which holds `input`), one command is
run; its stdout and stderr go to `out` and `err` in the folder, and its exit code to stdout.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NoReturn

from target_klaviyo.__main__ import run


def be_the_command(arguments: list[str], variables: dict[str, str], folder: str) -> NoReturn:
    """Become the command in this forked process."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    written = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for descriptor, name, flags in (
        (0, "input", os.O_RDONLY),
        (1, "out", written),
        (2, "err", written),
    ):
        os.dup2(os.open(name, flags), descriptor)
    try:
        code = run(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Fork a command for each line."""
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        child = os.fork()
        if not child:
            be_the_command(**order)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201  (the answer)


if __name__ == "__main__":
    main()
