"""The standalone mapper, run as the command users run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    RecordFactory = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("recurly-to-klaviyo")


def _run(
    *messages: dict[str, Any] | str, config: dict[str, Any] | None = None, folder: Path
) -> subprocess.CompletedProcess[str]:
    config_file = folder / "config.json"
    config_file.write_text(json.dumps(config or {}))
    lines = (m if isinstance(m, str) else json.dumps(m) for m in messages)
    return subprocess.run(
        [COMMAND, "--config", config_file],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _run_into(
    output: int | str, *messages: dict[str, Any], folder: Path
) -> subprocess.CompletedProcess[str]:
    source = folder / "input.singer"
    source.write_text("".join(json.dumps(message) + "\n" for message in messages))
    with open(output, "wb") as out:  # noqa: PTH123  (a descriptor, too)
        return subprocess.run(
            [COMMAND, "--input", source],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )


def _schema(stream: str) -> dict[str, Any]:
    schema = {"properties": {"id": {"type": "string"}}}
    return {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": ["id"]}


def _record(stream: str, record: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": record}


def test_raw_streams_become_rows_in_order(
    tmp_path: Path,
    transaction: RecordFactory,
    invoice: RecordFactory,
    snapshot: RecordFactory,
) -> None:
    """Rows and states come out in the order of what they came from; other streams are ignored."""
    done = _run(
        _schema("transactions"),
        _record("transactions", transaction()),
        _schema("invoices"),
        _record("invoices", invoice()),
        {"type": "STATE", "value": {"bookmarks": {"invoices": 1}}},
        _schema("plans"),
        _record("plans", {"id": "gold"}),
        _schema("account_snapshots"),
        _record("account_snapshots", snapshot()),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [
        message.get("record", {}).get("metric") or message.get("stream") or message["type"]
        for message in messages
    ] == [
        *("events", "profiles"),
        *("Successfully Paid", "Issued Invoice", "Ordered Product"),
        *("STATE", "profiles"),
    ]
    assert done.stderr.count("Stream 'plans' holds nothing for Klaviyo") == 1


@pytest.mark.parametrize(
    ("messages", "config", "sentence"),
    [
        ([], {"identify_by": "phone"}, "identify_by cannot be 'phone'"),
        (["not json"], {}, "Line 1 of the input is no Singer message: feed recurly-to-klaviyo"),
        (['{"type": "BATCH", "stream": "invoices"}'], {}, "remove batch_config from the tap's"),
    ],
)
def test_a_mistake_ends_with_one_sentence(
    tmp_path: Path, messages: list[str], config: dict[str, Any], sentence: str
) -> None:
    """A wrong setting or input ends with exit code 1 and a sentence as the last line."""
    done = _run(*messages, config=config, folder=tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


ODD_CONSOLE = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}


def test_names_survive_any_console(tmp_path: Path, transaction: RecordFactory) -> None:
    """Bytes come in and go out, whatever encoding the console is said to have."""
    name = "Åsa Ñandú 🙂"
    line = json.dumps(
        _record("transactions", transaction(status="declined", status_message=name)),
        ensure_ascii=False,
    ).encode()
    for source in ("pipe", "file"):
        messages = tmp_path / "messages.singer"
        messages.write_bytes(json.dumps(_schema("transactions")).encode() + b"\n" + line + b"\n")
        done = subprocess.run(
            [COMMAND, *(["--input", str(messages)] if source == "file" else [])],
            input=messages.read_bytes() if source == "pipe" else b"",
            capture_output=True,
            env=os.environ | ODD_CONSOLE,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        row = json.loads(done.stdout.splitlines()[-1])["record"]
        assert row["properties"]["Failure Reason"] == name


def test_a_refused_record_is_kept_with_its_reason(
    tmp_path: Path, transaction: RecordFactory
) -> None:
    """What cannot become a row goes to `rejects` with the reason, without secrets.

    A date in the year 1 or half an emoji concerns its record only, too.
    """
    method = {"object": "credit_card", "gateway_token": "secret", "last_four": "1111"}
    records = [
        transaction(account=None, payment_method=method),
        transaction(created_at="0001-01-01T00:00:00+14:00", collected_at=None),
        transaction(account={"id": "acc1", "email": "\ud83d"}),
        transaction(),
    ]
    done = _run(*(_record("transactions", record) for record in records), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    rejects = [each["record"] for each in messages if each.get("record", {}).get("reason")]
    assert [reject["stream"] for reject in rejects] == ["transactions", "transactions"]
    assert "no account" in rejects[0]["reason"]
    del method["gateway_token"]
    assert rejects[0]["record"] == records[0]
    assert "created_at is not an ISO 8601 time" in rejects[1]["reason"]
    assert messages[-1]["record"]["metric"] == "Successfully Paid"
    assert "secret" not in done.stdout + done.stderr


def test_a_record_nested_too_deeply_is_kept_as_text(
    tmp_path: Path, transaction: RecordFactory
) -> None:
    """What no parser takes becomes a reject that holds the message, and the run goes on."""
    deep = "[" * 100_000 + "]" * 100_000
    line = '{"type": "RECORD", "stream": "transactions", "record": {"gateway_token": "s", "x": %s}}'
    done = _run(
        _schema("transactions"),
        line % deep,
        _record("transactions", transaction()),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *_, reject, row = (json.loads(each) for each in done.stdout.splitlines())
    assert reject["record"]["reason"] == "The record is nested too deeply to be read."
    assert (
        reject["record"]["record"]["message"]
        == line.replace('"s"', "null").replace('": null', '":null') % deep
    )
    assert row["record"]["metric"] == "Successfully Paid"


def test_a_state_goes_out_as_it_came(tmp_path: Path) -> None:
    """The bytes of a STATE are the tap's business, down to the digits of its numbers."""
    state = '{"type":"STATE",  "value": {"at": 1.10, "n": 123456789012345678901234567890123}}'
    assert _run(state, folder=tmp_path).stdout == f"{state}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_sentence(tmp_path: Path, transaction: RecordFactory) -> None:
    """Without room for the output the run ends with exit code 1 and says where room is needed."""
    done = _run_into("/dev/full", _record("transactions", transaction()), folder=tmp_path)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr.splitlines()[-1]
    assert "make room" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_reader_that_is_gone_is_one_sentence(tmp_path: Path, transaction: RecordFactory) -> None:
    """When the target has ended, so does the mapper, and points at the target."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = _run_into(write_end, *[_record("transactions", transaction())] * 99, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Nobody reads the mapper's output any more")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("closing", "sentence"),
    [
        ("<&-", "Standard input is closed: feed the mapper the output of a tap."),
        (">&-", "Standard output is closed: pipe the mapper's output into a target."),
    ],
)
def test_a_stream_that_is_closed_is_one_sentence(closing: str, sentence: str) -> None:
    """A mapper that is started without an input or an output says so."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" {closing}', COMMAND],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == sentence


def test_a_signal_does_not_look_like_success() -> None:
    """Terminated while it waits for input, the mapper does not exit with 0."""
    with subprocess.Popen(
        [COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"type":"STATE","value":1}\n')
        process.stdin.flush()
        process.stdout.readline()
        process.terminate()
        assert process.wait(timeout=30) == 128 + signal.SIGTERM


def test_settings_come_from_the_environment(transaction: RecordFactory, tmp_path: Path) -> None:
    """`--config ENV` reads variables, and no .env file of another project."""
    variables = {
        "RECURLY_TO_KLAVIYO_NAMES": '{"Successfully Paid": "Paid"}',
        "RECURLY_TO_KLAVIYO_IDENTIFY_BY": "account_code",
    }
    (tmp_path / ".env").write_text("RECURLY_TO_KLAVIYO_SITE=elsewhere\n")
    done = subprocess.run(
        [COMMAND, "--config", "ENV"],
        input=json.dumps(_record("transactions", transaction())),
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"metric":"Paid"' in done.stdout
    assert '"external_id":"anna"' in done.stdout
    assert "elsewhere" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "was not found"), ("[1]", "JSON object")],
)
def test_a_configuration_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    """A configuration file that is absent, cut off or no object is named in the last line."""
    path = tmp_path / "mapper.json"
    if content is not None:
        path.write_text(content)
    done = subprocess.run(
        [COMMAND, "--config", path], input="", capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert str(path) in last
    assert sentence in last
    assert "Traceback" not in done.stderr
