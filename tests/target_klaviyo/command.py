"""The command line of target-klaviyo, run as often as a test wants without loading it anew."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    log: str

    @property
    def complaint(self) -> str:
        """The plugin's last word, which must be all of its complaint."""
        assert self.code == 1, self.log
        assert "Traceback" not in self.log
        return self.log.splitlines()[-1]


class Command:
    """The command in a folder and a process of its own, forked from `forker`."""

    def __init__(self, folder: Path, forker: subprocess.Popen[str]) -> None:
        self._folder = folder
        self._forker = forker

    def __call__(self, *arguments: str, source: bytes = b"", **variables: str) -> Ended:
        """Run it to its end with these arguments, this input and nothing but these variables."""
        (self._folder / "input").write_bytes(source)
        order = {"arguments": arguments, "variables": variables, "folder": str(self._folder)}
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        self._forker.stdin.write(json.dumps(order) + "\n")
        self._forker.stdin.flush()
        code = int(self._forker.stdout.readline())
        out, log = ((self._folder / name).read_text() for name in ("out", "err"))
        return Ended(code, out, log)

    def config(self, **settings: Any) -> str:
        """A settings file."""
        file = self._folder / "config.json"
        file.write_text(json.dumps(settings))
        return str(file)
