"""The rejects file: replayable, never lost, never read while it is written."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.rows.contract import Origin
from target_klaviyo.writing.rejects import RejectsFile, with_reason

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target_klaviyo.conftest import Samples, Site

SCHEMA = b'{"type":"SCHEMA","stream":"events","schema":{"properties":{}}}'
LINE = b'{"type":"RECORD","stream":"events","record":{"a":1}}'


def reasons(path: Path) -> list[str]:
    """The reasons in a rejects file, in order."""
    messages = map(json.loads, path.read_bytes().splitlines())
    return [message["reason"] for message in messages if message["type"] == "RECORD"]


def test_rejects_of_several_runs_add_up(tmp_path: Path) -> None:
    """A later run adds to what is there, each time with its SCHEMA."""
    path = tmp_path / "deep" / "rejected.singer"
    for reason in ("First.", "Second."):
        rejects = RejectsFile(path)
        rejects.write(Origin("events", LINE, SCHEMA), reason)
        rejects.close(complete=True)
    assert reasons(path) == ["First.", "Second."]
    assert path.read_bytes().count(b"SCHEMA") == 2


def test_a_run_without_rejects_makes_no_file(tmp_path: Path) -> None:
    """Where nothing is rejected, nothing is written."""
    RejectsFile(tmp_path / "rejected.singer").close(complete=True)
    assert not list(tmp_path.iterdir())


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    """Half a line at the end of the file does not spoil what follows it."""
    path = tmp_path / "rejected.singer"
    path.write_bytes(SCHEMA + b"\n" + with_reason(LINE, "Old.") + b"\n" + LINE[:20])
    rejects = RejectsFile(path)
    rejects.write(Origin("events", LINE, SCHEMA), "New.")
    rejects.close(complete=True)
    assert reasons(path) == ["Old.", "New."]


def test_a_record_is_written_once_however_many_of_its_rows_are_rejected(tmp_path: Path) -> None:
    """Rows of one record share its line."""
    origin = Origin("orders", LINE, SCHEMA)
    rejects = RejectsFile(tmp_path / "rejected.singer")
    rejects.write(origin, "One.")
    rejects.write(origin, "Two.")
    rejects.close(complete=True)
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
    site.events(bad, sample.event(2, time="1980-01-01"))
    mended = site.rejects_path.read_bytes().replace(
        b'"metric": null', b'"metric": "Successfully Paid"'
    )
    site.rejects_path.write_bytes(mended)
    assert _replay(site) == 0
    assert reasons(site.rejects_path) == ["The event's time lies before 1990."]
    assert [seen.unique_id for seen in site.account.events()] == ["payment-1"]


def test_a_replay_piped_from_the_same_file_ends(site: Site, sample: Samples) -> None:
    """`cat rejected.singer | target-klaviyo` reads the old file only, and adds to the new one."""
    site.events(*(sample.event(number, metric=None) for number in range(3)))
    with subprocess.Popen(["/bin/cat", site.rejects_path], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        assert _replay(site, cat.stdout.fileno()) == 0
    assert len(site.rejects()) == 6


def test_a_replay_that_passes_over_a_stream_keeps_the_file(site: Site, sample: Samples) -> None:
    """Records the run did not understand stay in the file that was replayed."""
    site.rejects_path.write_bytes(
        sample.lines([sample.schema("orders"), sample.record("orders", {"a": 1})])
    )
    assert _replay(site) == 0
    assert len(site.rejects_path.read_bytes().splitlines()) == 2


def _replay(site: Site, descriptor: int | None = None) -> int:
    with site.rejects_path.open("rb") as file:
        process = site.start(stdin=file if descriptor is None else descriptor)
        _, log = process.communicate(timeout=60)
    assert b"Traceback" not in log
    return process.returncode
