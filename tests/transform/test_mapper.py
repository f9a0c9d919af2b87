"""The standalone mapper, run as the command users run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    RecordFactory = Callable[..., dict[str, Any]]

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


def test_a_refused_record_is_kept_with_its_reason(
    tmp_path: Path, transaction: RecordFactory
) -> None:
    """What cannot become a row goes to the stream rejects, whole and with the reason."""
    record = transaction(account=None)
    done = _run(_schema("transactions"), _record("transactions", record), folder=tmp_path)
    reject = json.loads(done.stdout.splitlines()[-1])
    assert reject["stream"] == "rejects"
    assert reject["record"]["record"] == record
    assert "no account" in reject["record"]["reason"]


@pytest.mark.parametrize(
    ("messages", "config", "sentence"),
    [
        ([], {"identify_by": "phone"}, "identify_by cannot be 'phone'"),
        ([], {"identfy_by": "email"}, "did you mean 'identify_by'?"),
        (["not json"], {}, "a line that is no Singer message"),
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


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "was not found"), ("{", "Expecting property name"), ("[1]", "JSON object")],
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
