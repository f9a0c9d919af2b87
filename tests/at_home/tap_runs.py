"""The tap, run after run as a user runs it: each goes on from the STATE of the last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from recurly_klaviyo_sandbox.sandbox import Sandbox

BIN = Path(sys.executable).parent


@dataclass
class TapRuns:
    """`tap-recurly` on a sandbox; settings are what more its user has set, by their names."""

    sandbox: Sandbox
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def catalog(self, selected: Collection[str] | None = None) -> Any:
        """What the tap discovers; all of it selected, or these streams only."""
        found = self._run("--discover")
        catalog = json.loads(found.stdout)
        for stream in catalog["streams"]:
            wanted = selected is None or stream["tap_stream_id"] in selected
            for entry in stream["metadata"]:
                entry["metadata"]["selected"] = wanted
        return catalog

    def write(self, catalog: Any) -> None:
        """Write the catalog to where the tap is run."""
        (self.folder / "catalog.json").write_text(json.dumps(catalog))

    def read(self, catalog: Any) -> Path:
        """One run: the file of its messages, with a log beside it."""
        self.write(catalog)
        arguments = ["--catalog", "catalog.json"]
        if self._state.exists():
            arguments += ["--state", self._state.name]
        messages = self.folder / "messages.singer"
        messages.write_bytes(self._run(*arguments).stdout)
        return messages

    def keep(self, state: str) -> None:
        """Keep the last STATE that a target has printed."""
        lines = state.strip().splitlines()
        if lines:
            self._state.write_text(lines[-1])

    @property
    def log(self) -> str:
        """What the last run said on stderr."""
        return (self.folder / "tap.log").read_text()

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        with (self.folder / "tap.log").open("wb") as log:
            done = subprocess.run(
                [BIN / "tap-recurly", "--config", "ENV", *arguments],
                cwd=self.folder,
                env=os.environ
                | {
                    "TAP_RECURLY_API_KEY": self.sandbox.recurly.api_key,
                    "TAP_RECURLY_API_URL": self.sandbox.recurly_url,
                }
                | {f"TAP_RECURLY_{name.upper()}": text for name, text in self.settings.items()},
                stdout=subprocess.PIPE,
                stderr=log,
                check=False,
                timeout=600,
            )
        assert done.returncode == 0, self.log
        return done
