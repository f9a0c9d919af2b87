"""The rejects file: replayable, never lost, never read while it is written."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.rows.contract import Origin
from target_klaviyo.writing.redaction import without_secrets
from target_klaviyo.writing.reject_entries import with_reason
from target_klaviyo.writing.rejects import RejectsFile, replay

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site

SCHEMA = b'{"type":"SCHEMA","stream":"events","schema":{"properties":{}}}'
LINE = b'{"type":"RECORD","stream":"events","record":{"a":1}}'
ANOTHER = b'{"type":"RECORD","stream":"events","record":{"a":2}}'


def reasons(path: Path) -> list[str]:
    """The reasons in a rejects file, in order."""
    messages = map(json.loads, path.read_bytes().splitlines())
    return [message["reason"] for message in messages if message["type"] == "RECORD"]


def test_rejects_of_several_runs_add_up(tmp_path: Path) -> None:
    """A later run adds to what is there, each time with its SCHEMA."""
    path = tmp_path / "deep" / "rejected.singer"
    for line, reason in ((LINE, "First."), (ANOTHER, "Second.")):
        rejects = RejectsFile(path)
        rejects.write(Origin("events", line, SCHEMA), reason)
        rejects.close(covered_epoch=math.inf)
    assert reasons(path) == ["First.", "Second."]
    assert path.read_bytes().count(b"SCHEMA") == 2


def test_a_run_without_rejects_makes_no_file(tmp_path: Path) -> None:
    """Where nothing is rejected, nothing is written."""
    RejectsFile(tmp_path / "rejected.singer").close(covered_epoch=math.inf)
    assert not list(tmp_path.iterdir())


def test_nobody_else_may_read_the_rejects_unless_they_were_let(tmp_path: Path) -> None:
    """They are customers' data: a new file is its owner's alone, an old one keeps its mode."""
    path = tmp_path / "rejected.singer"
    for line, mode in ((LINE, 0o600), (ANOTHER, 0o640)):
        rejects = RejectsFile(path)
        rejects.write(Origin("events", line, SCHEMA), "Bad.")
        rejects.close(covered_epoch=math.inf)
        assert path.stat().st_mode & 0o777 == mode
        path.chmod(0o640)


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    """All runs' rejects are where it leads, such as to a volume, and not beside it."""
    path, volume = tmp_path / "rejected.singer", tmp_path / "volume"
    volume.mkdir()
    path.symlink_to(volume / "kept.singer")
    for line, reason in ((LINE, "First."), (ANOTHER, "Second.")):
        rejects = RejectsFile(path)
        rejects.write(Origin("events", line, SCHEMA), reason)
        rejects.close(covered_epoch=math.inf)
    assert path.is_symlink()
    assert reasons(volume / "kept.singer") == ["First.", "Second."]
    assert len(list(volume.iterdir())) == 1


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    """Half a line at the end of the file does not spoil what follows it."""
    path = tmp_path / "rejected.singer"
    path.write_bytes(SCHEMA + b"\n" + with_reason(LINE, "Old.") + b"\n" + LINE[:20])
    rejects = RejectsFile(path)
    rejects.write(Origin("events", ANOTHER, SCHEMA), "New.")
    rejects.close(covered_epoch=math.inf)
    assert reasons(path) == ["Old.", "New."]


def test_a_record_is_written_once_however_many_of_its_rows_are_rejected(tmp_path: Path) -> None:
    """Rows of one record share its line."""
    origin = Origin("orders", LINE, SCHEMA)
    rejects = RejectsFile(tmp_path / "rejected.singer")
    rejects.write(origin, "One.")
    rejects.write(origin, "Two.")
    rejects.close(covered_epoch=math.inf)
    assert reasons(tmp_path / "rejected.singer") == ["One."]


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), st.text(), st.text())
def test_a_reason_replaces_the_one_of_an_earlier_run(
    row: dict[str, object], first: str, second: str
) -> None:
    """Whatever row and reasons hold, the record stays as it came and has one reason."""
    message = {"type": "RECORD", "stream": "events", "record": row}
    line = json.dumps(message).encode()
    twice = with_reason(with_reason(line, first), second)
    assert json.loads(twice) == {**message, "reason": second}
    assert twice.count(b',"reason":') == 1 + json.dumps(row).encode().count(b',"reason":')


def test_a_replay_of_the_file_in_place_leaves_what_is_rejected_again(
    site: Site, sample: Samples
) -> None:
    """`target-klaviyo < rejected.singer` empties it of what goes through, and does not loop."""
    bad = sample.event(1, metric=None)
    site.events(bad, sample.event(2, time="1980-01-01"), sample.event(0))
    mended = site.rejects_path.read_bytes().replace(
        b'"metric": null', b'"metric": "Successfully Paid"'
    )
    site.rejects_path.write_bytes(mended)
    assert _replay(site) == 0
    assert reasons(site.rejects_path) == ["The event's time lies before 1990."]
    assert [seen.unique_id for seen in site.account.events()] == ["payment-0", "payment-1"]


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({}, "target-klaviyo --config …"),
        ({"LOADER_NAME": "target-mine"}, "meltano invoke target-mine"),
        (
            {"LOADER_NAME": "target-klaviyo", "ENVIRONMENT": "prod", "DEFAULT_ENVIRONMENT": "prod"},
            "meltano invoke target-klaviyo",
        ),
        (
            {"LOADER_NAME": "target-klaviyo", "ENVIRONMENT": "test", "DEFAULT_ENVIRONMENT": "prod"},
            "meltano --environment=test invoke target-klaviyo",
        ),
    ],
)
def test_a_replay_is_told_as_the_run_was_started(environment: dict[str, str], command: str) -> None:
    """By Meltano, with the loader's name and the environment if another than the default."""
    variables = {f"MELTANO_{name}": value for name, value in environment.items()}
    assert replay(Path("rejected.singer"), variables) == f"{command} < rejected.singer"
    assert replay(Path("a folder/r"), variables) == f"{command} < 'a folder/r'"


def test_a_replay_piped_from_the_same_file_ends(site: Site, sample: Samples) -> None:
    """`cat rejected.singer | target-klaviyo` reads the old file only; the new one has it all."""
    site.events(sample.event(0), *(sample.event(number, metric=None) for number in range(3)))
    with subprocess.Popen(["/bin/cat", site.rejects_path], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        _replay(site, cat.stdout.fileno())
    assert len(site.rejects()) == 3


def test_a_replay_that_passes_over_a_stream_keeps_the_file(site: Site, sample: Samples) -> None:
    """Records the run did not understand stay in the file that was replayed."""
    content = sample.lines([sample.schema("orders"), sample.record("orders", {"a": 1})])
    site.rejects_path.write_bytes(content)
    _replay(site)
    assert site.rejects_path.read_bytes() == content


def keyed(sample: Samples, number: int, **changes: Any) -> list[dict[str, Any]]:
    """An event, in a stream whose key is its unique_id."""
    schema = sample.schema("events") | {"key_properties": ["unique_id"]}
    return [schema, sample.record("events", sample.event(number, **changes))]


def test_a_row_has_one_entry_until_it_is_mended(site: Site, sample: Samples) -> None:
    """A row that each sweep sends anew, another each time, is replaced and not appended."""
    good = sample.record("events", sample.event(0))
    for attempt in range(3):
        bad = keyed(sample, 1, metric=None, properties={"Attempt": attempt})
        site.sync([*bad, good, sample.state(attempt)])
    assert [each["record"]["properties"] for each in site.rejects()] == [{"Attempt": 2}]
    assert site.rejects_path.read_bytes().count(b"SCHEMA") == 1


def test_an_entry_goes_when_a_newer_record_of_its_row_is_stored(
    site: Site, sample: Samples
) -> None:
    """So a replay, days later, never puts the old over the new."""
    other = sample.record("events", sample.event(2, metric=None))
    site.sync([*keyed(sample, 1, metric=None), other, sample.record("events", sample.event(0))])
    site.sync([*keyed(sample, 1), sample.state("mended")])
    assert [each["record"]["unique_id"] for each in site.rejects()] == ["payment-2"]


def test_an_entry_stays_when_the_newer_record_is_rejected_by_klaviyo(
    site: Site, sample: Samples
) -> None:
    """Whatever is rejected last is what the file holds, also when the refusal comes late."""
    schema = sample.schema("profiles") | {"key_properties": ["email"]}
    bad = sample.record("profiles", sample.profile(1, title=7))
    good = sample.record("profiles", sample.profile(2))
    site.sync([schema, bad, good])
    site.account.refuse_imports({"user1@shop.io": "Not this one."})
    site.sync([schema, sample.record("profiles", sample.profile(1)), good])
    assert [each["reason"] for each in site.rejects()] == ["Klaviyo refused it: Not this one."]


def test_an_interrupted_run_takes_out_only_what_its_state_covers(tmp_path: Path) -> None:
    """A row behind the last STATE comes again, and its entry is there until then."""
    path = tmp_path / "rejected.singer"
    first = RejectsFile(path)
    for line in (LINE, ANOTHER):
        first.write(Origin("events", line, SCHEMA), "Old.")
    first.close(covered_epoch=math.inf)
    second = RejectsFile(path)
    for epoch, line in enumerate((LINE, ANOTHER)):
        second.note_taken(Origin("events", line, SCHEMA), json.loads(line)["record"], epoch)
    second.close(covered_epoch=1)
    assert [message["record"] for message in _records(path)] == [{"a": 2}]


@pytest.mark.parametrize(("refused", "left"), [(2, []), (3, [3])])
def test_what_is_rejected_late_goes_when_a_newer_record_went_through(
    tmp_path: Path, refused: int, left: list[int]
) -> None:
    """Klaviyo's refusal of an old row comes when a newer one of its key has already been taken."""
    path = tmp_path / "rejected.singer"
    schema = SCHEMA.replace(b'"schema"', b'"key_properties":["id"],"schema"')
    line = b'{"type":"RECORD","stream":"events","record":{"id":1,"version":%d}}'
    first = RejectsFile(path)
    first.write(Origin("events", line % 1, schema), "Old.")
    first.close(covered_epoch=math.inf)
    again = RejectsFile(path)
    origins = {number: Origin("events", line % number, schema) for number in (2, 3)}
    for number, origin in origins.items():
        again.note_taken(origin, {"id": 1, "version": number}, 0)
    again.write(origins[refused], "Klaviyo refused it.")
    again.close(covered_epoch=math.inf)
    assert [message["record"]["version"] for message in _records(path)] == left


def test_a_replay_leaves_what_another_run_rejects_meanwhile(tmp_path: Path) -> None:
    """Of a row that is replayed, a newer reject of another process stays."""
    path = tmp_path / "rejected.singer"
    schema = SCHEMA.replace(b'"schema"', b'"key_properties":["id"],"schema"')
    line = b'{"type":"RECORD","stream":"events","record":{"id":1,"version":%d}}'
    first = RejectsFile(path)
    first.write(Origin("events", line % 1, schema), "Old.")
    first.close(covered_epoch=math.inf)
    with path.open("rb") as source:
        replay = RejectsFile(path, source.fileno())
        other = RejectsFile(path)
        other.write(Origin("events", line % 2, schema), "New.")
        other.close(covered_epoch=math.inf)
        (read,) = [each for each in map(json.loads, source) if each["type"] == "RECORD"]
        replay.note_taken(Origin("events", line % 1, schema), read["record"], 0)
        replay.close(covered_epoch=math.inf)
    assert [message["record"]["version"] for message in _records(path)] == [2]


def test_what_a_mapper_rejects_is_kept_as_the_raw_record(
    site: Site, sample: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """A mapper's stream `rejects` becomes entries that a replay sends through the transform."""
    caplog.set_level("INFO")
    raw = {"id": "i1", "number": "1001", "total": 12345678901234567890123}
    told = {"stream": "invoices", "reason": "No date.", "record": raw, "key_properties": ["id"]}
    good = site.messages("events", [sample.event(1)])
    for number in ("1001", "1002"):
        told["record"] = raw | {"number": number}
        run = site.sync([sample.schema("rejects"), sample.record("rejects", told), *good])
    assert run.states == [{"done": 1}]
    schema, entry = map(json.loads, site.rejects_path.read_bytes().splitlines())
    assert (schema["type"], schema["stream"], schema["key_properties"]) == (
        "SCHEMA",
        "invoices",
        ["id"],
    )
    assert (entry["stream"], entry["record"]["number"]) == ("invoices", "1002")
    assert entry["reason"] == "No date."
    assert "1 record of a mapper rejected: No date." in caplog.messages


def test_another_stream_called_rejects_is_another_stream(site: Site, sample: Samples) -> None:
    """What does not have a mapper's shape is ignored, like any stream that is not ours."""
    rows = site.messages("rejects", [{"id": 1}])
    site.sync([sample.schema("events"), *rows])
    assert site.rejects() == []


SECRET = "hunter2-hunter2"  # noqa: S105  (made up)


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        ({"a": 1, "token": SECRET}, {"a": 1}),
        ({"token": SECRET, "a": 1}, {"a": 1}),
        ({"token": SECRET}, {}),
        ({"a": [{"b": {"gateway_token": SECRET, "c": 'x"token":"y'}}]}, None),
        ({"password": {"old": [SECRET]}, "iban": 7, "api_key": None, "z": 1}, {"z": 1}),
        ({"pin": SECRET, "Tokens Left": 5, "token_count": 6}, {"Tokens Left": 5, "token_count": 6}),
    ],
)
def test_secrets_stay_out_of_the_file(
    tmp_path: Path, record: dict[str, Any], kept: dict[str, Any] | None
) -> None:
    """At any depth, in the reason too; all else stays as it was."""
    path = tmp_path / "rejected.singer"
    line = json.dumps({"type": "RECORD", "stream": "events", "record": record}).encode()
    rejects = RejectsFile(path, secrets=frozenset({"pin"}))
    rejects.write(Origin("events", line, SCHEMA), f"It has no {SECRET}.")
    rejects.close(covered_epoch=math.inf)
    (message,) = _records(path)
    assert SECRET.encode() not in path.read_bytes()
    assert message["record"] == (kept if kept is not None else {"a": [{"b": {"c": 'x"token":"y'}}]})


NAMES = st.text('ab0 "\\{}[]:,é☃') | st.just("token")  # of the former none is a secret's


@pytest.mark.slow
@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    )
)
def test_a_line_without_its_secrets_is_the_same_record_without_them(value: Any) -> None:
    """Whatever JSON a record is, exactly its secrets are gone."""
    line = json.dumps({"record": value}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    cleaned, _ = without_secrets(line, frozenset())
    assert json.loads(cleaned.decode("utf-8", "surrogatepass")) == {"record": _pruned(value)}


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pruned(inner) for name, inner in value.items() if name != "token"}
    return [_pruned(inner) for inner in value] if isinstance(value, list) else value


WRITER = """
import sys
from pathlib import Path
from target_klaviyo.rows.contract import Origin
from target_klaviyo.writing.rejects import RejectsFile

path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
schema = b'{"type":"SCHEMA","stream":"%s","schema":{}}' % name.encode()
rejects = RejectsFile(path)
for number in range(count):
    line = b'{"type":"RECORD","stream":"%s","record":{"n":%d}}' % (name.encode(), number)
    rejects.write(Origin(name, line, schema), "No.")
    if number % 3 == 0:
        rejects.persist()
        print(number, flush=True)
rejects.close(covered_epoch=float("inf"))
"""


def test_processes_that_share_a_file_keep_all(tmp_path: Path) -> None:
    """Runs of several sites, at once, with one rejects file: every reject of each is in it."""
    path = tmp_path / "rejected.singer"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, path, name, "400"], stdout=subprocess.DEVNULL
        )
        for name in ("north", "south", "east")
    ]
    assert [run.wait(timeout=60) for run in runs] == [0, 0, 0]
    found = sorted((message["stream"], message["record"]["n"]) for message in _records(path))
    assert found == sorted((name, n) for name in ("north", "south", "east") for n in range(400))


def test_a_killed_process_loses_nothing_of_its_own_or_of_others(tmp_path: Path) -> None:
    """Rejects that were persisted before a SIGKILL are there, and no line is broken after it."""
    path = tmp_path / "rejected.singer"
    for number, lines in enumerate((3, 40, 7, 90)):
        name = f"run{number}"
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, path, name, "100000"], stdout=subprocess.PIPE
        ) as run:
            assert run.stdout is not None
            persisted = -1
            for line in itertools.islice(run.stdout, lines):
                persisted = int(line)
            run.kill()
        there = {message["record"]["n"] for message in _records(path) if message["stream"] == name}
        assert there >= set(range(persisted + 1))
    assert {message["stream"] for message in _records(path)} == {f"run{n}" for n in range(4)}


def _records(path: Path) -> list[dict[str, Any]]:
    """The RECORD messages of a rejects file, whose last line a SIGKILL may have cut."""
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    messages = list(map(json.loads, lines))
    return [message for message in messages if message["type"] == "RECORD"]


def _replay(site: Site, descriptor: int | None = None) -> int:
    with site.rejects_path.open("rb") as file:
        process = site.start(stdin=file if descriptor is None else descriptor)
        _, log = process.communicate(timeout=60)
    assert b"Traceback" not in log
    return process.returncode
