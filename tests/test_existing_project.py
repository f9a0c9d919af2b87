"""The plugins in a Meltano project that was there before, and each product by plain pip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from recurly_klaviyo_sandbox.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
MELTANO = Path(sys.executable).with_name("meltano")

PROJECT = """
project_id: somebody-elses-project
default_environment: dev
send_anonymous_usage_stats: false
environments: [{name: dev}]
plugins:
  extractors:
  - name: tap-recurly
    namespace: tap_recurly
    pip_url: -e ROOT/tap-recurly
    capabilities: [catalog, discover, state]
    settings: [{name: api_key, sensitive: true}, {name: api_url}]
    select: [invoices.*, transactions.*, account_snapshots.*]
  mappers:
  - name: recurly-mapper
    namespace: recurly_to_klaviyo
    pip_url: -e ROOT/transform
    executable: recurly-to-klaviyo
    mappings:
    - name: recurly-to-klaviyo
      config: {names: {Successfully Paid: Paid}}
  loaders:
  - name: target-jsonl
    namespace: target_jsonl
    pip_url: target-jsonl
    settings: [{name: destination_path}]
    config: {destination_path: rows}
"""

pytestmark = pytest.mark.campaign


def test_the_same_rows_go_to_any_other_target(tmp_path: Path) -> None:
    """In another project, tap and mapper write the rows of all metrics to JSON lines files."""
    (tmp_path / "meltano.yml").write_text(PROJECT.replace("ROOT", str(ROOT)))
    (tmp_path / "rows").mkdir()
    with Sandbox(accounts=30, days=120) as sandbox:
        done = subprocess.run(
            [MELTANO, "run", "tap-recurly", "recurly-to-klaviyo", "target-jsonl"],
            cwd=tmp_path,
            env={
                **os.environ,
                "TAP_RECURLY_API_KEY": sandbox.recurly.api_key,
                "TAP_RECURLY_API_URL": sandbox.recurly_url,
            },
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        expected = sandbox.ledger.events(sandbox.clock.now()).keys()
    rows = [json.loads(line) for line in _lines(tmp_path, "events")]
    assert {row["unique_id"] for row in rows} == expected
    assert {row["metric"] for row in rows} >= {"Paid", "Issued Invoice"}
    assert len(_lines(tmp_path, "profiles")) == 30


def _lines(folder: Path, stream: str) -> list[str]:
    (written,) = (folder / "rows").glob(f"{stream}-*.jsonl")
    return written.read_text().splitlines()


@pytest.mark.parametrize(
    ("product", "command"),
    [
        ("tap-recurly", "tap-recurly"),
        ("transform", "recurly-to-klaviyo"),
        ("target-klaviyo", "target-klaviyo"),
    ],
)
def test_each_product_installs_alone(product: str, command: str, tmp_path: Path) -> None:
    """Plain pip installs a product into an empty environment, and its command runs there."""
    venv.create(tmp_path, with_pip=True)
    subprocess.run([tmp_path / "bin/pip", "install", "--quiet", ROOT / product], check=True)
    about = subprocess.run(
        [tmp_path / "bin" / command, "--about", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(about.stdout)["name"] == command
