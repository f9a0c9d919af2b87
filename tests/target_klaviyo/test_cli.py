"""The command: every mistake of a user ends with one sentence on stderr and exit code 1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site


class Command:
    """The real command in a folder of its own."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder

    def __call__(
        self, *arguments: str, source: bytes = b"", **variables: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end with these arguments, this input, these variables."""
        return subprocess.run(
            [self._path, *arguments],
            input=source,
            capture_output=True,
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], **variables},
            timeout=60,
            check=False,
        )

    def config(self, **settings: Any) -> str:
        """A settings file."""
        file = self._folder / "config.json"
        file.write_text(json.dumps(settings))
        return str(file)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The real command."""
    return Command(Path(sys.executable).parent / "target-klaviyo", tmp_path)


def last_line(process: subprocess.CompletedProcess[bytes]) -> str:
    """The plugin's last word, which must be all of its complaint."""
    assert process.returncode == 1, process.stderr
    assert b"Traceback" not in process.stderr
    return process.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "The setting api_key is missing"),
        ({"api_key": ""}, "The setting api_key is missing"),
        ({"api_key": "a key"}, "The setting api_key is not a Klaviyo private key"),
        ({"api_key": "k", "list": "x"}, "There is no setting list; did you mean list_id?"),
        ({"api_key": "k", "api_url": "klaviyo"}, "The setting api_url must be a plain address"),
        ({"api_key": "k", "revision": "v3"}, "The setting revision must be a date"),
        ({"api_key": "k", "concurrency": "many"}, "The setting concurrency must be a whole"),
        ({"api_key": "k", "concurrency": 0}, "The setting concurrency must be at least 1"),
        ({"api_key": "k", "clear_with": "fire"}, "must be one of bulk and single"),
        ({"api_key": "k", "mode": "read"}, "must be one of write, audit and repair"),
        ({"api_key": "k", "transform": "nope"}, "names nope, which is not installed"),
        ({"api_key": "k", "transform_config": {"a": 1}}, "needs the setting transform"),
        ({"api_key": "k", "profile_streams": ["events"]}, "The stream events stands in"),
    ],
)
def test_a_wrong_setting_is_named(command: Command, settings: Any, sentence: str) -> None:
    """A settings file with a mistake is answered with what is wrong and what to do."""
    assert sentence in last_line(command("--config", command.config(**settings)))


def test_a_setting_that_does_not_exist_is_named_with_about(command: Command) -> None:
    """--about, too, says so when the settings given with it are wrong."""
    assert "no setting api_kee" in last_line(
        command("--about", "--config", command.config(api_kee="k"))
    )


def test_about_needs_no_settings(command: Command) -> None:
    """--about describes the target without any settings, the key marked as secret."""
    process = command("--about", "--format", "json")
    assert process.returncode == 0
    settings = json.loads(process.stdout)["settings"]["properties"]
    assert settings["api_key"]["secret"]
    assert "stream_maps" in settings


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "TARGET_KLAVIYO_API_KEY"),
        ({"TARGET_KLAVIYO_API_KEE": "k"}, "did you mean TARGET_KLAVIYO_API_KEY?"),
        (
            {"TARGET_KLAVIYO_API_KEY": "k", "TARGET_KLAVIYO_CONCURRENCY": "many"},
            "The variable TARGET_KLAVIYO_CONCURRENCY must be a whole number",
        ),
        (
            {"TARGET_KLAVIYO_API_KEY": "k", "TARGET_KLAVIYO_TRANSFORM_CONFIG": "{"},
            "The variable TARGET_KLAVIYO_TRANSFORM_CONFIG must be a JSON object",
        ),
        (
            {"TARGET_KLAVIYO_API_KEY": "k", "TARGET_KLAVIYO_LIVE_WINDOW_DAYS": "x"},
            "The setting live_window_days must be a number",
        ),
    ],
)
def test_a_wrong_variable_is_named(
    command: Command, variables: dict[str, Any], sentence: str
) -> None:
    """Settings from the environment are checked like those from a file."""
    assert sentence in last_line(command("--config", "ENV", **variables))


def test_a_settings_file_that_is_not_there_is_named(command: Command) -> None:
    """A missing or broken settings file is named."""
    assert "nothing.json cannot be read" in last_line(command("--config", "nothing.json"))
    broken = command.config()
    with open(broken, "w") as file:  # noqa: PTH123  (the path is a command-line argument)
        file.write("{")
    assert "is not a JSON object" in last_line(command("--config", broken))


def test_an_unknown_option_is_named(command: Command) -> None:
    """A misspelt option is answered with one sentence too."""
    assert "--confg" in last_line(command("--confg", "ENV"))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (b"hello\n", "Line 1 of the input is not JSON"),
        (b"[1]\n", "Line 1 of the input is no Singer message"),
        (b'{"type": "RECORD", "stream": "events"}\n', "line 1 of the input has no record"),
        (b'{"type": "RECORD", "record": {}, "stream": "events"}\n', "has had no SCHEMA yet"),
        (b'{"type": "SCHEMA", "stream": "events"}\n', "line 1 of the input has no schema"),
        (b'{"type": "STATE"}\n', "line 1 of the input has no value"),
        (b'{"type": "SCHEMAS"}\n', "unknown type 'SCHEMAS'"),
        (b'{"type": "BATCH", "stream": "events"}\n', "remove batch_config from the tap"),
    ],
)
def test_broken_input_is_named_by_its_line(command: Command, source: bytes, sentence: str) -> None:
    """Input that is no Singer stream stops the run with the line at fault."""
    process = command("--config", command.config(api_key="k"), source=source)
    assert sentence in last_line(process)


def test_the_key_stays_out_of_all_output(command: Command, site: Site, sample: Samples) -> None:
    """Neither logs nor errors nor rejects hold the API key."""
    settings = {**site.config, "api_key": "pk_secret_of_mine"}
    source = sample.lines(site.messages("events", [sample.event(1), {}]))
    process = command("--config", command.config(**settings), source=source, LOGLEVEL="DEBUG")
    assert "does not accept the API key" in last_line(process)
    assert b"pk_secret" not in process.stderr + process.stdout
    assert b"pk_secret" not in site.rejects_path.read_bytes()


def test_a_run_from_variables_with_a_transform_config(
    command: Command, site: Site, sample: Samples
) -> None:
    """Settings from the environment alone are enough for a run."""
    process = command(
        "--config",
        "ENV",
        source=sample.lines(site.messages("events", [sample.event(1)])),
        TARGET_KLAVIYO_API_KEY=site.account.api_key,
        TARGET_KLAVIYO_API_URL=site.url,
        TARGET_KLAVIYO_TRANSFORM_CONFIG="{}",
        TARGET_KLAVIYO_EVENT_STREAMS='["events"]',
        TARGET_KLAVIYO_LIVE_WINDOW_DAYS="0.5",
        TARGET_KLAVIYO_LIST_ID="",
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == b'{"done": 1}\n'
    assert b"Klaviyo took 1 events" in process.stderr
    assert len(site.account.events()) == 1
