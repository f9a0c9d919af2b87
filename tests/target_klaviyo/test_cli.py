"""The command: every mistake of a user ends with one sentence on stderr and exit code 1."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.target_klaviyo.conftest import Samples, Site


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    log: str

    @property
    def complaint(self) -> str:
        """The plugin's last word, which must be all of its complaint."""
        assert self.code == 1, self.log
        assert "Traceback" not in self.log
        return self.log.splitlines()[-1]


class Command:
    """The command in a folder and a process of its own, forked from `forker`."""

    def __init__(self, folder: Path, forker: subprocess.Popen[str]) -> None:
        self._folder = folder
        self._forker = forker

    def __call__(self, *arguments: str, source: bytes = b"", **variables: str) -> Ended:
        """Run it to its end with these arguments, this input and nothing but these variables."""
        (self._folder / "input").write_bytes(source)
        order = {"arguments": arguments, "variables": variables, "folder": str(self._folder)}
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        self._forker.stdin.write(json.dumps(order) + "\n")
        self._forker.stdin.flush()
        code = int(self._forker.stdout.readline())
        out, log = ((self._folder / name).read_text() for name in ("out", "err"))
        return Ended(code, out, log)

    def config(self, **settings: Any) -> str:
        """A settings file."""
        file = self._folder / "config.json"
        file.write_text(json.dumps(settings))
        return str(file)


@pytest.fixture(scope="module")
def forker() -> Iterator[subprocess.Popen[str]]:
    """A process that has loaded the command and forks as often as it is to be run."""
    script = Path(__file__).with_name("fork_commands.py")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


@pytest.fixture
def command(tmp_path: Path, forker: subprocess.Popen[str]) -> Command:
    """The command."""
    return Command(tmp_path, forker)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {},
            (
                "The setting 'api_key' is missing: set it, or the variable TARGET_KLAVIYO_API_KEY, "
                "which only Meltano and --config ENV read (Klaviyo private API key, made in "
                "Klaviyo under Settings > API keys)."
            ),
        ),
        (
            {"api_key": ""},
            (
                "The setting 'api_key' is missing: set it, or the variable TARGET_KLAVIYO_API_KEY, "
                "which only Meltano and --config ENV read (Klaviyo private API key, made in "
                "Klaviyo under Settings > API keys)."
            ),
        ),
        (
            {"api_key": "a key"},
            (
                "The setting 'api_key' is not a Klaviyo private key: it holds spaces or characters "
                "that no key has; copy it again from Settings > API keys."
            ),
        ),
        (
            {"api_key": "k", "list": "x"},
            "There is no setting 'list'; did you mean 'list_id'? Correct or remove it.",
        ),
        (
            {"api_key": "k", "live_windw_days": 1},
            (
                "There is no setting 'live_windw_days'; did you mean 'live_window_days'? Correct "
                "or remove it."
            ),
        ),
        (
            {"api_key": "k", "api_url": "klaviyo"},
            (
                "The setting 'api_url' must be a plain address like https://a.klaviyo.com, without "
                "a query or a password."
            ),
        ),
        (
            {"api_key": "k", "revision": "v3"},
            "The setting 'revision' must be a date like 2026-10-15, an API revision of Klaviyo.",
        ),
        (
            {"api_key": "k", "concurrency": "many"},
            "The setting 'concurrency' must be a whole number.",
        ),
        (
            {"api_key": "k", "concurrency": 0},
            "The setting 'concurrency' must be at least 1 and at most 64.",
        ),
        (
            {"api_key": "k", "concurrency": 1.5},
            "The setting 'concurrency' must be a whole number.",
        ),
        (
            {"api_key": "k", "settle_minutes": True},
            "The setting 'settle_minutes' must be a number.",
        ),
        (
            {"api_key": "k", "clear_with": "fire"},
            "The setting 'clear_with' must be one of bulk and single.",
        ),
        (
            {"api_key": "k", "mode": "read"},
            "The setting 'mode' must be one of write, audit and repair.",
        ),
        (
            {"api_key": "k", "transform": "nope"},
            (
                "The setting 'transform' names 'nope', which is not installed beside "
                "target-klaviyo (installed: 'recurly'); correct the name, or pip install the "
                "package that brings it into the same environment."
            ),
        ),
        (
            {"api_key": "k", "transform_config": {"a": 1}},
            (
                "The setting 'transform_config' needs the setting 'transform' beside it: add that, "
                "or remove this."
            ),
        ),
        (
            {"api_key": "k", "profile_streams": ["events"]},
            (
                "The stream 'events' stands in the settings 'event_streams' and 'profile_streams'; "
                "take it out of one of them."
            ),
        ),
    ],
)
def test_a_wrong_setting_is_named(command: Command, settings: Any, sentence: str) -> None:
    """A settings file with a mistake is answered with what is wrong and what to do."""
    assert command("--config", command.config(**settings)).complaint == sentence


def test_a_setting_that_does_not_exist_is_named_with_about(command: Command) -> None:
    """--about, too, says so when the settings given with it are wrong."""
    ended = command("--about", "--config", command.config(api_kee="k"))
    assert "no setting 'api_kee'; did you mean 'api_key'?" in ended.complaint


def test_about_needs_no_settings(command: Command) -> None:
    """--about describes the target without any settings, the key marked as secret."""
    ended = command("--about", "--format", "json")
    assert ended.code == 0
    settings = json.loads(ended.out)["settings"]["properties"]
    assert settings["api_key"]["secret"]
    assert {"stream_maps", "flattening_enabled", "batch_size_rows"} <= settings.keys()


def test_about_promises_nothing_that_has_no_effect(command: Command) -> None:
    """Capabilities and settings of the SDK that change nothing here are not advertised."""
    told = json.loads(command("--about", "--format", "json").out)
    assert "validate-records" not in told["capabilities"]
    assert {"stream-maps", "schema-flattening"} <= {*told["capabilities"]}
    idle = {"validate_records", "load_method", "add_record_metadata"}
    assert idle.isdisjoint(told["settings"]["properties"])


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


def test_a_settings_file_that_is_not_there_is_named(command: Command) -> None:
    """A missing or broken settings file is named."""
    assert "nothing.json cannot be read" in command("--config", "nothing.json").complaint
    broken = command.config()
    with open(broken, "w") as file:  # noqa: PTH123  (the path is a command-line argument)
        file.write("{")
    assert "is not a JSON object" in command("--config", broken).complaint


def test_an_unknown_option_is_named(command: Command) -> None:
    """A misspelt option is answered with one sentence too."""
    assert "--confg" in command("--confg", "ENV").complaint


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
    ended = command("--config", command.config(api_key="k"), source=source)
    assert sentence in ended.complaint


def test_the_key_stays_out_of_all_output(command: Command, site: Site, sample: Samples) -> None:
    """Neither logs nor errors nor rejects hold the API key."""
    settings = {**site.config, "api_key": "pk_secret_of_mine"}
    source = sample.lines(site.messages("events", [sample.event(1), {}]))
    ended = command("--config", command.config(**settings), source=source, LOGLEVEL="DEBUG")
    assert "does not accept the API key" in ended.complaint
    assert "pk_secret" not in ended.log + ended.out
    assert b"pk_secret" not in site.rejects_path.read_bytes()


@pytest.mark.parametrize("from_file", [True, False])
def test_numbers_may_have_fractions(
    command: Command, site: Site, sample: Samples, *, from_file: bool
) -> None:
    """Half a day, two and a half percent and twelve seconds, from a file or from variables."""
    source = sample.lines(site.messages("events", [sample.event(1)]))
    numbers = {
        "live_window_days": 0.5,
        "max_reject_percent": 2.5,
        "settle_minutes": 0.2,
        "request_timeout": 7.5,
    }
    given = {**site.config, **numbers}
    if from_file:
        ended = command("--config", command.config(**given), source=source)
    else:
        variables = {f"TARGET_KLAVIYO_{name.upper()}": str(of) for name, of in given.items()}
        ended = command("--config", "ENV", source=source, **variables)
    assert ended.code == 0, ended.log
    assert len(site.account.events()) == 1


def test_settings_without_effect_are_told_and_left_out(command: Command, site: Site) -> None:
    """Those of the SDK's that change nothing here do not stop a run; given ones get a warning."""
    idle = {"load_method": "upsert", "validate_records": None, "add_record_metadata": ""}
    idle["audit_key"] = "Recurly ID"
    ended = command("--config", command.config(**site.config, **idle))
    assert ended.code == 0
    warning = (
        "The setting 'load_method' has no effect, since events are always added and profiles "
        "always updated; remove it."
    )
    assert warning in ended.log
    assert "'audit_key' has no effect, since an audit knows every event by its" in ended.log
    assert ended.log.count("has no effect") == 2


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


def test_a_small_run_says_what_it_did_in_few_lines(
    command: Command, site: Site, sample: Samples
) -> None:
    """Read, sent, needs attention: no line for each stream, each setting or each kind of reject."""
    streams = [f"stream{number}" for number in range(30)]
    messages = [sample.schema(stream) for stream in streams]
    messages += [sample.record(stream, {}) for stream in streams]
    bad = [sample.event(number, **{f"field{number}": 1}) for number in range(5)]
    bad += [{}, sample.event(1, metric=1), sample.event(1, time=1), sample.event(1, profile=1)]
    bad += [sample.event(1, value="x"), sample.event(1, value_currency=1)]
    messages += site.messages("events", [*bad, *map(sample.event, range(10, 20))])
    settings = {"live_window_days": 3, "concurrency": 4, "clear_with": "bulk", "transform": ""}
    settings |= {"max_reject_percent": 100, **site.config}
    variables = {f"TARGET_KLAVIYO_{name.upper()}": str(of) for name, of in settings.items()}
    ended = command("--config", "ENV", source=sample.lines(messages), **variables)
    assert ended.code == 0, ended.log
    assert len(ended.log.splitlines()) <= 16, ended.log
    assert "30 records of other streams were left out: stream0, stream1, " in ended.log
    assert "5 events rejected: A field is not one of an event; put it under prop" in ended.log
