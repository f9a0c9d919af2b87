"""The command: every mistake of a user ends with one sentence on stderr and exit code 1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.target_klaviyo.command import Command
    from tests.target_klaviyo.conftest import Samples, Site


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
            {"api_key": "k", "batch_size_rows": 0},
            "The setting 'batch_size_rows' must be at least 1.",
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
        (b"\x1f\x8b\x08\xff\n", "Line 1 of the input is not JSON"),
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


def test_a_byte_that_is_not_utf_8_concerns_its_row_alone(
    command: Command, site: Site, sample: Samples
) -> None:
    """Whatever character set a tap's texts are in, the other rows arrive, and STATE moves on."""
    rows = [sample.event(number, properties={"Name": f"Adéle {number}"}) for number in (1, 2, 3)]
    source = sample.lines(site.messages("events", rows))
    source = source.replace(rb"Ad\u00e9le 1", "Adéle 1".encode("latin-1"))
    ended = command("--config", command.config(**site.config), source=source)
    assert ended.code == 0, ended.log
    assert ended.out == '{"done": 3}\n'
    assert "1 event rejected: A text in the row is not valid Unicode" in ended.log
    stored = {event.unique_id for event in site.account.events()}
    assert stored == {row["unique_id"] for row in rows[1:]}
    rejected = site.rejects_path.read_bytes()
    again = command("--config", command.config(**site.config), source=rejected)
    assert "Nothing was stored of 1 record" in again.complaint


def test_the_key_stays_out_of_all_output(command: Command, site: Site, sample: Samples) -> None:
    """Neither logs nor errors nor rejects hold the API key."""
    settings = {**site.config, "api_key": "pk_secret_of_mine"}
    source = sample.lines(site.messages("events", [sample.event(1), {}]))
    ended = command("--config", command.config(**settings), source=source, LOGLEVEL="DEBUG")
    assert "does not accept the API key" in ended.complaint
    assert "pk_secret" not in ended.log + ended.out
    assert b"pk_secret" not in site.rejects_path.read_bytes()


def test_no_log_level_shows_an_address(command: Command, site: Site, sample: Samples) -> None:
    """Not even the log of the finest level holds one, though people are asked for by theirs."""
    rows = [sample.profile(1, email="ann.privata@shop.io", external_id="acc-1"), sample.profile(2)]
    source = sample.lines(site.messages("profiles", rows))
    config = command.config(**site.config)
    for _ in range(2):
        ended = command("--config", config, source=source, TARGET_KLAVIYO_LOGLEVEL="DEBUG")
        assert ended.code == 0, ended.log
        assert "DEBUG" in ended.log
        assert "privata" not in ended.log
    assert any(b"privata" in each.query for each in site.recorder.requests)


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
