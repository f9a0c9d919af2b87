"""The demo in the places where people keep projects."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from recurly_klaviyo_sandbox.business import DUNNING, LIFECYCLE, METRICS, REMINDERS

ROOT = Path(__file__).parents[2]
DEMO = "import sys; from recurly_klaviyo_sandbox import demo; sys.exit(demo.main(accounts=30))"
FILLED = """
TAP_RECURLY_API_KEY=real-key
TAP_RECURLY_SUBDOMAIN=real-site
TAP_RECURLY_API_URL=http://127.0.0.1:9
TAP_RECURLY_START_DATE=2100-01-01
TARGET_KLAVIYO_API_KEY=
TARGET_KLAVIYO_LIST_ID=real-list
TARGET_KLAVIYO_LIVE_WINDOW_DAYS=100000
TARGET_KLAVIYO_TRANSFORM_CONFIG={"metrics": ["Failed Payment"], "identify_by": "account_code"}
"""
ROW = re.compile(r"^([A-Z].*?) +([\d,]+) +([\d,]+)$", re.MULTILINE)
HISTORY = re.compile(r"([\d,]+) events are history")


@pytest.mark.slow
def test_the_demo_is_the_same_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a filled .env, real keys in the shell, a dead proxy, and a folder that needs quoting.

    Both tables and the audit agree, and the feed shows the metrics that were asked for.
    """
    project = tmp_path / "å b"
    project.mkdir()
    # The plugins are those that this repository has installed from its own folder.
    plugins = (ROOT / "meltano.yml").read_text().replace("${MELTANO_PROJECT_ROOT}", str(ROOT))
    (project / "meltano.yml").write_text(plugins)
    (project / ".meltano").symlink_to(ROOT / ".meltano")
    (project / ".env").write_text(FILLED)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAP_RECURLY_API_KEY", "key-of-the-shell")
    monkeypatch.setenv("TARGET_KLAVIYO_CLEAR_WITH", "single")
    done = subprocess.run(
        [sys.executable, "-c", DEMO],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Both sides agree.") == 2
    rows = ROW.findall(done.stdout)
    assert [metric for metric, _, _ in rows] == [*METRICS, *LIFECYCLE, *DUNNING, *REMINDERS]
    found = {metric: number for metric, _, number in rows if number != "0"}
    assert found.keys() >= {*METRICS, "Started Subscription", "Renewed Subscription"}
    assert all(int(number.replace(",", "")) for number in HISTORY.findall(done.stdout))
    feed = (project / "output/demo/activity-feed.html").read_text()
    assert all(metric in feed for metric in found)
    assert list((project / "output/demo/state").rglob("state.json"))
    assert {path.name for path in tmp_path.iterdir()} == {project.name}
