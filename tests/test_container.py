"""The Dockerfile's own steps, run in a clean folder with a clean environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from recurly_klaviyo_sandbox.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
PYTHON = Path(sys.base_prefix) / "bin"
NETWORK = {
    name: value
    for name, value in os.environ.items()
    if re.search(r"proxy|cert|ssl|ca_bundle|^pip_|^uv_", name, re.IGNORECASE)
}
"""How packages are reached from here; an engine would be told the same."""


@dataclass
class Container:
    """What the Dockerfile makes, with `/app` and `/state` as folders of the test."""

    folder: Path

    def build(self) -> None:
        """Copy what is copied and run what the image's own user runs."""
        for name in ("app", "state", "home"):
            (self.folder / name).mkdir()
        for sources, target in self._copied():
            for source in sources:
                if (ROOT / source).is_dir():
                    ignored = shutil.ignore_patterns(".*", "__pycache__", "output")
                    shutil.copytree(ROOT / source, self.folder / "app" / target, ignore=ignored)
                else:
                    shutil.copy(ROOT / source, self.folder / "app" / target)
        _, _, as_user = self.text.partition("\nUSER meltano\n")
        for step in re.findall(r"^RUN (.*)$", as_user, re.MULTILINE):
            done = self.call(step)
            assert done.returncode == 0, done.stdout

    def run(self, **keys: str) -> subprocess.CompletedProcess[str]:
        """Start it as `docker run` does."""
        entry, command = (
            json.loads(re.findall(rf"^{word} (\[.*\])$", self.text, re.MULTILINE)[0])
            for word in ("ENTRYPOINT", "CMD")
        )
        return self.call(" ".join([*entry, *command]), **keys)

    def health(self, **keys: str) -> subprocess.CompletedProcess[str]:
        """Ask it for its health."""
        (check,) = re.findall(r"^HEALTHCHECK .*? CMD (.*)$", self.text, re.MULTILINE)
        return self.call(check, **keys)

    def call(self, command: str, **keys: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the Dockerfile with its environment and no other."""
        variables = dict(re.findall(r"^ENV (\w+)=(.*)$", self.text, re.MULTILINE))
        return subprocess.run(
            ["/bin/sh", "-c", self._here(command)],
            cwd=self.folder / "app",
            env={
                **NETWORK,
                "PATH": f"{PYTHON}:/usr/bin:/bin",
                "HOME": str(self.folder / "home"),
                **{name: self._here(value) for name, value in variables.items()},
                **keys,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )

    @property
    def text(self) -> str:
        """The Dockerfile, with its continued lines joined."""
        return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")

    def _copied(self) -> list[tuple[list[str], str]]:
        lines = re.findall(r"^COPY --chown=meltano (.*)$", self.text, re.MULTILINE)
        return [(words[:-1], words[-1]) for words in (line.split() for line in lines)]

    def _here(self, text: str) -> str:
        return re.sub(r"/(app|state)\b", rf"{self.folder}/\1", text)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_the_containers_steps_bring_everything_and_keep_their_state(tmp_path: Path) -> None:
    """Started twice, it brings the history and then what changed, and knows its health."""
    container = Container(tmp_path)
    container.build()
    with Sandbox(accounts=20, days=60, behind=timedelta(days=3)) as sandbox:
        keys = {
            "TAP_RECURLY_API_KEY": sandbox.recurly.api_key,
            "TAP_RECURLY_API_URL": sandbox.recurly_url,
            "TARGET_KLAVIYO_API_KEY": sandbox.klaviyo.api_key,
            "TARGET_KLAVIYO_API_URL": sandbox.klaviyo_url,
        }
        assert container.health(**keys).returncode == 0
        assert container.health(**keys | {"TARGET_KLAVIYO_API_KEY": "wrong"}).returncode != 0
        for _ in range(2):
            done = container.run(**keys)
            assert done.returncode == 0, done.stdout
            expected = sandbox.ledger.events(sandbox.clock.now()).keys()
            assert {event.unique_id for event in sandbox.klaviyo.events()} == expected
            sandbox.advance(timedelta(days=1))
    assert (tmp_path / "state/meltano.db").exists()


def test_nothing_secret_or_made_goes_into_the_image() -> None:
    """What is copied is named, and `.env`, environments and rejected rows are left outside."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".*", "output", "**/.meltano", "**/.venv*"} <= {*ignored}
    assert "COPY . " not in (ROOT / "Dockerfile").read_text()


def test_compose_runs_without_rights_and_keeps_its_state_in_a_volume() -> None:
    """Both services drop all capabilities and share the volume that the image names."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert compose["volumes"].keys() == {"state"}
    for service in compose["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert service["volumes"] == ["state:/state"]
