"""Lines on stdout: records as they came, whole lines whatever happens."""

from __future__ import annotations

import io
import signal
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import orjson
import pytest
from singer_sdk.singerlib import RecordMessage, StateMessage

from tap_recurly.errors import StoppedError
from tap_recurly.http.pages import Row
from tap_recurly.streams.writer import BUFFERED_BYTES, LineWriter, RecordLine

if TYPE_CHECKING:
    from typing_extensions import Buffer

ROW = Row(b'{"id":"a","amount":10.00,"unknown":[1,{"x":null}]}')


class Output(io.BytesIO):
    """A stdout that a signal can reach while it writes."""

    interrupt: LineWriter | None = None
    times: int = 1

    def write(self, text: Buffer) -> int:
        """Write half, be interrupted, write the rest."""
        half = len(bytes(text)) // 2
        super().write(bytes(text)[:half])
        for _ in range(self.times):
            if self.interrupt is not None:
                self.interrupt.interrupt(StoppedError(signal.SIGTERM))
        return half + super().write(bytes(text)[half:])


@pytest.mark.parametrize("version", [None, 12])
def test_record_is_what_the_sdk_would_write(version: int | None) -> None:
    """A row passed on as it came is the message that the SDK makes of it, byte for byte inside."""
    line = RecordLine("plans", version).of(ROW.line, 1_700_000_000.9)
    expected = RecordMessage(stream="plans", record=ROW.record, version=version).to_dict()
    assert orjson.loads(line) == expected | {"time_extracted": "2023-11-14T22:13:20+00:00"}
    assert ROW.line in line
    assert line.endswith(b"}\n")


def test_records_wait_for_one_another() -> None:
    """Records are written together, at the latest with the STATE that covers them."""
    writer = LineWriter()
    with redirect_stdout(io.TextIOWrapper(output := io.BytesIO())):
        writer.write_line(b"{}\n")
        assert output.getvalue() == b""
        writer.write_line(b"1" * BUFFERED_BYTES + b"\n")
        assert len(output.getvalue()) == BUFFERED_BYTES + 4
        writer.write_line(b"{}\n")
        writer.write_message(StateMessage({}))
        assert output.getvalue().endswith(b'\n{}\n{"type":"STATE","value":{}}\n')


def test_signal_waits_for_the_end_of_a_line() -> None:
    """A signal amid a write is put off until all is out; at other times it counts at once."""
    writer = LineWriter()
    with redirect_stdout(io.TextIOWrapper(output := Output())):
        writer.write_line(b"one\n")
        output.interrupt = writer
        with pytest.raises(StoppedError):
            writer.flush()
        output.interrupt = None
        assert output.getvalue() == b"one\n"
        with pytest.raises(StoppedError):
            writer.interrupt(StoppedError(signal.SIGTERM))
        writer.write_message(StateMessage({}))
        assert output.getvalue() == b'one\n{"type":"STATE","value":{}}\n'


def test_second_signal_does_not_wait() -> None:
    """Who reads no more cannot hold up a process that is told twice to stop."""
    writer = LineWriter()
    with redirect_stdout(io.TextIOWrapper(output := Output())):
        writer.write_line(b"one\n")
        output.interrupt = writer
        output.times = 2
        with pytest.raises(StoppedError):
            writer.flush()
        assert output.getvalue() == b"on"


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_exit_code_tells_the_signal(signum: signal.Signals, code: int) -> None:
    """The exit code of a stopped run is 128 and the signal, as a shell has it."""
    assert StoppedError(signum).exit_code == code
