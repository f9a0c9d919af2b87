"""The plugins in a Meltano project that was there before, and each product by plain pip.

What docs/your-project.md prints is run as it is printed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from about import url
from recurly_klaviyo_sandbox.sandbox import Sandbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
REPOSITORY = f"{url('tap-recurly', 'Repository')}.git"
MADE = shutil.ignore_patterns(".venv*", ".meltano", ".git", ".*_cache", "output", "__pycache__")

PROJECT = """\
project_id: somebody-elses-project
default_environment: dev
send_anonymous_usage_stats: false
environments:
- name: dev
plugins:
  loaders:
  - name: target-jsonl
    namespace: target_jsonl
    pip_url: target-jsonl
    settings:
    - name: destination_path
    config:
      destination_path: rows
jobs:
- name: sync
  tasks: [tap-recurly target-jsonl]
"""


class Project:
    """Somebody's Meltano project, with this repository as a folder in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clone = folder / "recurly-to-klaviyo"
        shutil.copytree(ROOT, self.clone, ignore=MADE)
        git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@shop.io"]
        for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
            subprocess.run([*git, *words], cwd=self.clone, check=True)
        (folder / "meltano.yml").write_text(PROJECT)
        (folder / "rows").mkdir()

    def type(self, heading: str) -> None:
        """Run the commands below a heading of docs/your-project.md, but for those that read."""
        text = (ROOT / "docs/your-project.md").read_text()
        _, found, section = text.partition(f"\n## {heading}\n")
        assert found, heading
        for block in re.findall(r"```sh\n(.*?)```", section.partition("\n## ")[0], re.DOTALL):
            if "meltano run" not in block:
                self.shell(block)

    def shell(self, commands: str, sandbox: Sandbox | None = None) -> str:
        """Run commands with the keys and settings that a user would put into the environment."""
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", commands],
            cwd=self.folder,
            env=os.environ | self._git | (self._keys(sandbox) if sandbox else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def changed_in_the_clone(self) -> str:
        """What the commands have changed of ours."""
        git = ["/usr/bin/env", "git", "status", "--short"]
        return subprocess.check_output(git, cwd=self.clone, text=True)

    def rows(self, stream: str) -> list[dict[str, object]]:
        """What target-jsonl has written of a stream."""
        (written,) = (self.folder / "rows").glob(f"{stream}-*.jsonl")
        return [json.loads(line) for line in written.read_text().splitlines()]

    @property
    def _git(self) -> dict[str, str]:
        """The repository's address leads to the clone."""
        return {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.clone.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": REPOSITORY,
        }

    @staticmethod
    def _keys(sandbox: Sandbox) -> dict[str, str]:
        return {
            "TAP_RECURLY_API_KEY": sandbox.recurly.api_key,
            "TAP_RECURLY_API_URL": sandbox.recurly_url,
            "TARGET_KLAVIYO_API_KEY": sandbox.klaviyo.api_key,
            "TARGET_KLAVIYO_API_URL": sandbox.klaviyo_url,
        }


def _stored(sandbox: Sandbox) -> set[str | None]:
    return {event.unique_id for event in sandbox.klaviyo.events()}


@pytest.fixture(scope="module")
def included(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that includes a copy of the plugins."""
    project = Project(tmp_path_factory.mktemp("included"))
    project.type("Both plugins, from a clone")
    return project


@pytest.fixture(scope="module")
def referred(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has added each plugin by its definition."""
    project = Project(tmp_path_factory.mktemp("referred"))
    project.type("One plugin, by its definition")
    meltano = yaml.safe_load((project.folder / "meltano.yml").read_text())
    (mapper,) = meltano["plugins"]["mappers"]
    mapper["mappings"] = [{"name": "recurly-to-klaviyo", "config": {}}]
    (project.folder / "meltano.yml").write_text(yaml.safe_dump(meltano, sort_keys=False))
    return project


def test_included_plugins_bring_every_event_and_the_audit_agrees(included: Project) -> None:
    """A copy of the plugins brings everything, and its audit job finds nothing amiss."""
    with Sandbox(accounts=30, days=120) as sandbox:
        included.shell("meltano run tap-recurly target-klaviyo", sandbox)
        assert _stored(sandbox) == sandbox.ledger.events(sandbox.clock.now()).keys()
        audit = "meltano run --full-refresh --no-state-update recurly-klaviyo-audit"
        included.shell(audit, sandbox)


def test_included_rows_go_to_any_other_target(included: Project) -> None:
    """Tap and mapper write the rows of all metrics to files, marked where they were true once."""
    with Sandbox(accounts=30, days=120) as sandbox:
        included.shell(
            "meltano run --full-refresh tap-recurly recurly-to-klaviyo target-jsonl", sandbox
        )
        expected = sandbox.ledger.events(sandbox.clock.now()).keys()
    events = [row for row in included.rows("events") if not row.get("was_true")]
    assert {row["unique_id"] for row in events} == expected
    assert len(included.rows("profiles")) == 30


def test_nothing_of_ours_is_changed_by_meltanos_commands(included: Project) -> None:
    """Settings and selections of the project are kept in the project, its own jobs as well."""
    included.shell("meltano config set target-klaviyo live_window_days 1")
    included.shell("meltano select tap-recurly plans '*'")
    included.shell("meltano config set target-klaviyo live_window_days 3")
    included.shell("meltano select tap-recurly --remove plans '*'")
    assert included.changed_in_the_clone() == ""
    own = yaml.safe_load((included.folder / "meltano.yml").read_text())["jobs"]
    assert [job["name"] for job in own] == ["sync"]


def test_a_subfolder_is_as_good_as_the_projects_own(included: Project) -> None:
    """Wherever in the project `meltano` is called, it finds the plugins."""
    said = included.shell(
        "mkdir -p notebooks && cd notebooks && meltano install extractor tap-recurly --force"
        " && meltano invoke tap-recurly --version"
    )
    assert "tap-recurly v" in said


@pytest.mark.campaign
def test_plugins_added_by_their_definitions_bring_every_event(referred: Project) -> None:
    """Tap and target from git, added by the commands printed, bring everything."""
    with Sandbox(accounts=20, days=90) as sandbox:
        referred.shell("meltano invoke tap-recurly:check", sandbox)
        referred.shell("meltano invoke target-klaviyo:check", sandbox)
        referred.shell("meltano run tap-recurly target-klaviyo", sandbox)
        assert _stored(sandbox) == sandbox.ledger.events(sandbox.clock.now()).keys()
    assert referred.changed_in_the_clone() == ""


@pytest.mark.campaign
def test_the_tap_alone_feeds_another_target(referred: Project) -> None:
    """Added by its definition, the tap gives its raw records to a target that knows no Klaviyo."""
    with Sandbox(accounts=20, days=90) as sandbox:
        referred.shell("meltano install loader target-jsonl")
        referred.shell("meltano run --full-refresh tap-recurly target-jsonl", sandbox)
        invoices = sandbox.recurly.store.ids("invoices")
    assert {row["id"] for row in referred.rows("invoices")} == {*invoices}


@pytest.mark.campaign
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
