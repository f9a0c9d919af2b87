"""Somebody's Meltano project, elsewhere than this repository."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurly_klaviyo_sandbox.sandbox import Sandbox

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]


@dataclass
class Project:
    """Somebody's Meltano project, elsewhere than this repository."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def write(self, plugins: Mapping[str, Any], **more: Any) -> None:
        """Write the project's meltano.yml."""
        project = {
            "project_id": "somebody-elses-project",
            "default_environment": "dev",
            "send_anonymous_usage_stats": False,
            "environments": [{"name": "dev"}],
            "plugins": plugins,
        }
        (self.folder / "meltano.yml").write_text(yaml.safe_dump(project | more, sort_keys=False))

    def run(self, *arguments: str, **variables: str) -> str:
        """Run a meltano command, which must succeed; what it said."""
        done = subprocess.run(
            [BIN / "meltano", *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def shell(self, commands: str) -> None:
        """Run commands as a document prints them; each must succeed."""
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", commands],
            cwd=self.folder,
            env=self.environment | {"PATH": f"{BIN}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    @staticmethod
    def definition(name: str) -> dict[str, Any]:
        """A plugin as this repository defines it, installed from this checkout."""
        defined = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]
        (plugin,) = (one for kind in defined.values() for one in kind if one["name"] == name)
        place = plugin["pip_url"].replace("${MELTANO_PROJECT_ROOT}", str(ROOT))
        return {**plugin, "pip_url": place}

    @staticmethod
    def keys(sandbox: Sandbox) -> dict[str, str]:
        """The variables that lead both plugins to a sandbox."""
        return {
            "TAP_RECURLY_API_KEY": sandbox.recurly.api_key,
            "TAP_RECURLY_API_URL": sandbox.recurly_url,
            "TARGET_KLAVIYO_API_KEY": sandbox.klaviyo.api_key,
            "TARGET_KLAVIYO_API_URL": sandbox.klaviyo_url,
        }

    @property
    def environment(self) -> dict[str, str]:
        """What the project's user has in the environment, and nothing of this repository."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TAP_RECURLY_", "TARGET_KLAVIYO_", "MELTANO_"))
        }
        return inherited | {"NO_COLOR": "1"} | dict(self.variables)
