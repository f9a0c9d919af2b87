"""`tap-recurly | target-klaviyo` set up by what a document prints of a meltano.yml."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def printed(document: str, heading: str) -> Any:
    """What the first YAML block below a heading of a document holds."""
    return yaml.safe_load(printed_text(document, heading))


def printed_text(document: str, heading: str) -> str:
    """The first YAML block below a heading of a document, as it stands there."""
    text = (ROOT / document).read_text()
    _, found, section = text.partition(f"\n{heading}\n")
    assert found, f"{document} has no heading '{heading}'"
    block = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert block is not None, heading
    return block[1]


@dataclass
class Printed:
    """The settings of tap and target in a printed meltano.yml, run against a sandbox."""

    project: Any
    sandbox: Sandbox
    folder: Path

    def run(self) -> None:
        """Read everything that is selected, and write it."""
        tap = self._plugin("extractors", "tap-recurly")
        target = self._plugin("loaders", "target-klaviyo")
        tap_config = self._write(
            "tap.json",
            api_key=self.sandbox.recurly.api_key,
            api_url=self.sandbox.recurly_url,
            **tap.get("config", {}),
        )
        target_config = self._write(
            "target.json",
            api_key=self.sandbox.klaviyo.api_key,
            api_url=self.sandbox.klaviyo_url,
            rejects_path=str(self.rejects),
            **{"transform": "recurly", **target.get("config", {})},
        )
        selected = tap.get("select", ["invoices.*", "transactions.*", "account_snapshots.*"])
        catalog = self._catalog(tap_config, {stream.split(".")[0] for stream in selected})
        read = self._output("tap-recurly", "--config", tap_config, "--catalog", catalog)
        self._output("target-klaviyo", "--config", target_config, messages=read)

    @property
    def rejects(self) -> Path:
        """Where rejected rows go."""
        return self.folder / "rejected.singer"

    def reasons(self) -> list[str]:
        """Why rows were rejected."""
        if not self.rejects.exists():
            return []
        messages = map(json.loads, self.rejects.read_text().splitlines())
        return [message["reason"] for message in messages if message["type"] == "RECORD"]

    def _plugin(self, kind: str, name: str) -> Any:
        listed = self.project["plugins"].get(kind, [])
        return next((plugin for plugin in listed if plugin["name"] == name), {})

    def _catalog(self, config: Path, streams: set[str]) -> Path:
        catalog = json.loads(self._output("tap-recurly", "--config", config, "--discover"))
        for stream in catalog["streams"]:
            for entry in stream["metadata"]:
                if not entry["breadcrumb"]:
                    entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
        return self._write("catalog.json", **catalog)

    def _write(self, name: str, **value: Any) -> Path:
        (self.folder / name).write_text(json.dumps(value))
        return self.folder / name

    def _output(self, command: str, *options: str | Path, messages: bytes = b"") -> bytes:
        done = subprocess.run(
            [BIN / command, *options],
            input=messages,
            cwd=self.folder,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return done.stdout
