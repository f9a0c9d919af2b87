"""STATE leaves as it came, byte for byte."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.errors import InputError
from target_klaviyo.singer.reader import member

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Site

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.slow
@given(
    value=JSON,
    others=st.dictionaries(st.text(), JSON),
    indent=st.sampled_from([None, 2]),
    escaped=st.booleans(),
)
def test_a_member_is_found_wherever_it_stands(
    value: object, others: dict[str, object], indent: int | None, *, escaped: bool
) -> None:
    """Whatever stands around it, and however much space, its bytes are those that came."""
    message = {**others, "value": value, "type": "STATE"}
    line = json.dumps(message, ensure_ascii=escaped, indent=indent).replace("\n", " ")
    found = member(line.encode("utf-8", "surrogatepass"), "value", 1)
    assert found.decode("utf-8", "surrogatepass") in line
    assert json.loads(found) == value


@pytest.mark.parametrize(
    "value",
    [
        "12345678901234567890123",
        '{"n": -9223372036854775809, "x": 1.10, "y": 1E5, "z": 0.1000000000000000055}',
        '{"text":"\\u00e9 \\/ é", "a":1, "a":2}',
        "null",
        "[ 1,2 ]",
    ],
)
def test_a_state_is_printed_as_it_came(site: Site, value: str) -> None:
    """Numbers beyond 64 bits, spelling, order and escapes are the tap's own."""
    line = b'{"type": "STATE", "value": ' + value.encode() + b"}\n"
    with site.start() as process:
        out, log = process.communicate(line, timeout=60)
    assert process.returncode == 0, log
    assert out == value.encode() + b"\n"


def test_a_state_nested_too_deeply_is_named() -> None:
    """What no parser can follow is the input's fault, told with its line."""
    line = b'{"type":"STATE","value":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(InputError, match="Line 7 of the input is nested too deeply"):
        member(line, "value", 7)
