"""The demo's commands in the places where people keep projects."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox import demo
from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
FILLED = """
TAP_RECURLY_API_KEY=real-key
TAP_RECURLY_SUBDOMAIN=real-site
TAP_RECURLY_API_URL=http://127.0.0.1:9
TARGET_KLAVIYO_API_KEY=
TARGET_KLAVIYO_LIST_ID=real-list
"""


def test_nothing_outside_is_reached_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a filled .env, real keys in the shell, a dead proxy, and a folder that needs quoting."""
    project = tmp_path / "å b"
    project.mkdir()
    shutil.copy(ROOT / "meltano.yml", project)
    (project / ".meltano").symlink_to(ROOT / ".meltano")
    (project / ".env").write_text(FILLED)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAP_RECURLY_API_KEY", "key-of-the-shell")
    with Sandbox(accounts=10, days=30) as sandbox:
        done = subprocess.run(
            [Path(sys.executable).with_name(demo.SYNC[0]), *demo.SYNC[1:]],
            cwd=project,
            env=demo.environment(sandbox, project / "output"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        expected = sandbox.ledger.events(sandbox.clock.now())
        assert {event.unique_id for event in sandbox.klaviyo.events()} == expected.keys()
    assert list((project / "output/state").rglob("state.json"))
    assert {path.name for path in tmp_path.iterdir()} == {project.name}
