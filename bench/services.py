"""The sandbox as the benchmark sees it: a process of its own, so that it does not distort."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from recurly_klaviyo_sandbox.server import Service

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Report:
    """What was asked of a service: all requests, the POSTs among them, those answered with 429.

    `moments` are epoch seconds at which the successful ones came; `stored` is what Klaviyo holds.
    """

    requests: int
    posted: int
    refused: int
    moments: list[float]
    stored: dict[str, Any]


class ServiceProcess(Service):
    """One service of `bench.serving` in a process."""

    def __init__(self, kind: str, **options: Any) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (this package's own module)
            [sys.executable, "-m", "bench.serving", json.dumps({"kind": kind, **options})],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = ""

    def configure(self, **settings: Any) -> None:
        """Set `latency` (seconds) or `limits`, and forget what was asked so far."""
        self._ask(settings)

    def report(self) -> Report:
        """What was asked since the last call."""
        answer = self._ask({})
        answer.setdefault("stored", {})
        return Report(**answer)

    @override
    def start(self) -> None:
        self.url = self._read()["url"]

    @override
    def stop(self) -> None:
        self._process.communicate()  # closes stdin, which ends it

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._process.stdin is None:
            raise ValueError("The service has no stdin.")
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        if self._process.stdout is None:
            raise ValueError("The service has no stdout.")
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer
