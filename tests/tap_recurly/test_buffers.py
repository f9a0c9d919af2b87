"""Pages that wait to be written out: in order, in memory or on disk, and gone when discarded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tap_recurly.reading.buffers import Allowance, PageBuffer


@given(
    memory=st.integers(0, 50),
    steps=st.lists(st.one_of(st.binary(max_size=30), st.none()), max_size=30),
)
def test_pages_come_out_as_they_went_in(memory: int, steps: list[bytes | None]) -> None:
    """Whatever fits into memory, pages are taken in order; afterwards nothing counts as waiting."""
    allowance = Allowance(memory)
    buffer = PageBuffer(allowance)
    waiting: list[bytes] = []
    for page in steps:
        if page is not None:
            buffer.put(page)
            waiting.append(page)
        elif waiting:
            assert buffer.take() == waiting.pop(0)
        assert bool(buffer) == bool(waiting)
        assert allowance.waiting == sum(map(len, waiting))
    buffer.discard()
    assert allowance.waiting == 0
    assert allowance.allot(memory)


def test_discarded_buffer_takes_nothing_more() -> None:
    """What arrives too late goes nowhere."""
    allowance = Allowance(10)
    buffer = PageBuffer(allowance)
    buffer.discard()
    buffer.put(b"late")
    assert not buffer
    assert allowance.waiting == 0


def test_memory_is_shared() -> None:
    """What one buffer holds in memory is missing to the others, until it is taken."""
    allowance = Allowance(10)
    one, other = PageBuffer(allowance), PageBuffer(allowance)
    one.put(b"12345678")
    assert not allowance.allot(8)
    allowance.release(8, memory=False)
    other.put(b"abcdefgh")
    assert (one.take(), other.take()) == (b"12345678", b"abcdefgh")
    assert allowance.allot(10)
    other.discard()
