"""Lines of bytes become messages, or one sentence that names the line."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from recurly_to_klaviyo.errors import InputError
from recurly_to_klaviyo.messages import LineReader
from recurly_to_klaviyo.redaction import text_without_secrets, without_secrets


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"not json", "Line 2 of the input is no Singer message: feed recurly-to-klaviyo"),
        (b"[1]", "Line 2 of the input is no Singer message"),
        (b'{"type": 1}', "Line 2 of the input is no Singer message"),
        (b'{"type": "STATE", "value": "\xff"}', "Line 2 of the input is no Singer message"),
        (b'{"type": "HELLO"}', "Line 2 of the input is a message of the unknown type 'HELLO'"),
        (b"[" * 100_000, "Line 2 of the input is nested too deeply to be read"),
    ],
)
def test_a_line_that_is_no_message_is_named(line: bytes, sentence: str) -> None:
    """Whatever else than messages is piped in ends the run with a sentence; blank lines do not."""
    with pytest.raises(InputError, match=sentence):
        LineReader().process_lines(BytesIO(b"\n" + line + b"\n"), {})


@pytest.mark.parametrize(
    "number", ["123456789012345678901234567890123", "9" * 5_000, "-" + "9" * 5_000]
)
def test_an_integer_of_any_length_is_read(number: str) -> None:
    """A number that Python refuses to read as an integer must not end the run."""
    read: list[Any] = []
    line = b'{"type":"STATE","value":%s}' % number.encode()
    LineReader().process_lines(BytesIO(line), {"STATE": read.append})
    assert read[0]["value"] == float(number)


def test_a_member_that_must_be_there_is_asked_for() -> None:
    """A RECORD without its stream is a broken tap, and the sentence says which line."""
    reader = LineReader()

    def require(message: dict[str, Any]) -> None:
        reader.require(message, "stream", str)

    with pytest.raises(InputError, match="Line 1 of the input is a RECORD message without stream"):
        reader.process_lines(BytesIO(b'{"type":"RECORD","stream":1}'), {"RECORD": require})


def test_secrets_are_taken_out_wherever_they_lie() -> None:
    """Tokens and bank numbers go, from objects in lists too; all else stays."""
    record = {
        "id": "acc1",
        "hosted_login_token": "secret",
        "billing_infos": [{"payment_method": {"routing_number": "secret", "last_four": "1111"}}],
    }
    assert without_secrets(record) == {
        "id": "acc1",
        "billing_infos": [{"payment_method": {"last_four": "1111"}}],
    }


def test_secrets_are_taken_out_of_a_line_that_cannot_be_parsed() -> None:
    """The value goes, with any escaped quote in it, and the rest of the line is as it was."""
    line = r'{"a":1,"hosted_login_token" : "se\"cret","b":2}'
    assert text_without_secrets(line) == '{"a":1,"hosted_login_token":null,"b":2}'
