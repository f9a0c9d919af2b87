"""Settings from environment variables, as a shell and as Meltano pass them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target_klaviyo.command import Command
    from tests.target_klaviyo.conftest import Samples, Site


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "TARGET_KLAVIYO_API_KEY"),
        (
            {"TARGET_KLAVIYO_API_KEE": "k"},
            (
                "There is no setting for the variable TARGET_KLAVIYO_API_KEE; did you mean "
                "TARGET_KLAVIYO_API_KEY? Correct or remove it."
            ),
        ),
        (
            {"TARGET_KLAVIYO_API_KEY": "k", "TARGET_KLAVIYO_CONCURRENCY": "many"},
            "The variable TARGET_KLAVIYO_CONCURRENCY must be a whole number",
        ),
        (
            {"TARGET_KLAVIYO_API_KEY": "k", "TARGET_KLAVIYO_TRANSFORM_CONFIG": "{"},
            "The variable TARGET_KLAVIYO_TRANSFORM_CONFIG must be a JSON object",
        ),
        (
            {"TARGET_KLAVIYO_API_KEY": "k", "TARGET_KLAVIYO_STREAM_MAPS": '{"a": 1, "a.b": 1}'},
            "variable cannot be read: 'a.b' stands beside a value of 'a'.",
        ),
        (
            {"TARGET_KLAVIYO_API_KEY": "k", "TARGET_KLAVIYO_LIVE_WINDOW_DAYS": "x"},
            "The setting 'live_window_days' must be a number",
        ),
    ],
)
def test_a_wrong_variable_is_named(
    command: Command, variables: dict[str, Any], sentence: str
) -> None:
    """Settings from the environment are checked like those from a file."""
    assert sentence in command("--config", "ENV", **variables).complaint


def test_a_misspelt_variable_is_told_where_meltano_reads_them(command: Command, site: Site) -> None:
    """Meltano passes settings in a file, and would leave a misspelt variable unread."""
    misspelt: dict[str, Any] = {"TARGET_KLAVIYO_LIVE_WINDOW_DAY": "0"}
    config = ("--config", command.config(**site.config))
    assert command(*config, **misspelt).code == 0
    ended = command(*config, MELTANO_PROJECT_ROOT="/a/project", **misspelt)
    assert "did you mean TARGET_KLAVIYO_LIVE_WINDOW_DAYS?" in ended.complaint


def test_variables_of_an_inheriting_plugin_are_not_misspelt(command: Command, site: Site) -> None:
    """Meltano names them after the plugin that inherits, so that they end in a setting's name."""
    ended = command(
        "--config",
        "ENV",
        TARGET_KLAVIYO_API_KEY=site.account.api_key,
        TARGET_KLAVIYO_API_URL=site.url,
        TARGET_KLAVIYO_REJECTS_PATH=str(site.rejects_path),
        TARGET_KLAVIYO_AUDIT_MAX_REJECT_PERCENT="5",
    )
    assert ended.code == 0, ended.log


def test_objects_are_read_from_variables_as_meltano_passes_them(
    command: Command, site: Site, sample: Samples
) -> None:
    """Nested ones as one of dotted names, each member in a variable of its own beside it."""
    ended = command(
        "--config",
        "ENV",
        source=sample.lines(site.messages("events", [sample.event(1), sample.event(2)])),
        TARGET_KLAVIYO_API_KEY=site.account.api_key,
        TARGET_KLAVIYO_API_URL=site.url,
        TARGET_KLAVIYO_TRANSFORM="recurly",
        TARGET_KLAVIYO_TRANSFORM_CONFIG='{"metrics": ["+lifecycle"], "names.Failed Payment": "F"}',
        TARGET_KLAVIYO_TRANSFORM_CONFIG_METRICS='["+lifecycle"]',
        TARGET_KLAVIYO_TRANSFORM_CONFIG_NAMES_FAILED_PAYMENT="F",
        TARGET_KLAVIYO_STREAM_MAP_CONFIG=json.dumps({"out": [sample.event(1)["unique_id"]]}),
        TARGET_KLAVIYO_STREAM_MAP_CONFIG_OUT="[]",
        TARGET_KLAVIYO_STREAM_MAPS='{"events.__filter__": "unique_id not in config[\'out\']"}',
        TARGET_KLAVIYO_STREAM_MAPS_EVENTS___FILTER__="unique_id not in config['out']",
    )
    assert ended.code == 0, ended.log
    (event,) = site.account.events()
    assert event.unique_id == sample.event(2)["unique_id"]


def test_a_run_from_variables_with_a_transform_config(
    command: Command, site: Site, sample: Samples
) -> None:
    """Settings from the environment alone are enough for a run."""
    ended = command(
        "--config",
        "ENV",
        source=sample.lines(site.messages("events", [sample.event(1)])),
        TARGET_KLAVIYO_API_KEY=site.account.api_key,
        TARGET_KLAVIYO_API_URL=site.url,
        TARGET_KLAVIYO_TRANSFORM_CONFIG="{}",
        TARGET_KLAVIYO_EVENT_STREAMS='["events"]',
        TARGET_KLAVIYO_LIVE_WINDOW_DAYS="0.5",
        TARGET_KLAVIYO_LIST_ID="",
        TARGET_KLAVIYO_CONCURRENCY="",
        TARGET_KLAVIYO_FLATTENING_ENABLED="",
    )
    assert ended.code == 0, ended.log
    assert ended.out == '{"done": 1}\n'
    assert "Klaviyo took 1 event and" in ended.log
    assert len(site.account.events()) == 1


@pytest.mark.parametrize("option", ["--check", "--about"])
def test_a_dotenv_file_never_overrides_what_was_passed(
    site: Site, tmp_path: Path, option: str
) -> None:
    """Check and run read the same settings: the variables they are given, and no file of others."""
    folder = tmp_path / "project" / "run"
    folder.mkdir(parents=True)
    for place in (folder, folder.parent):
        (place / ".env").write_text("TARGET_KLAVIYO_API_KEY=another\nTARGET_KLAVIYO_MODE=read\n")
    # Started by -c, python-dotenv looks for the file from here; else from where it is installed.
    script = "import sys\nfrom target_klaviyo.__main__ import run\nsys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", script, "--config", "ENV", option],
        cwd=folder,
        env={"TARGET_KLAVIYO_API_KEY": site.account.api_key, "TARGET_KLAVIYO_API_URL": site.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert option != "--check" or "Connected to" in done.stdout
