"""STATE is covered when, and only when, all rows before it are settled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.writing.fences import Fences


@given(
    st.lists(st.sampled_from(["row", "row", "row", "state", "settle"]), max_size=80),
    st.randoms(use_true_random=False),
)
def test_no_state_is_ever_ahead_of_its_rows(steps: list[str], choices: st.DataObject) -> None:
    """Whatever the order of rows, answers and STATEs, a printed STATE has no open row behind it."""
    fences = Fences()
    rows = 0
    open_rows: dict[int, int] = {}
    printed = -1
    for moment, step in enumerate([*steps, "state"]):
        if step == "row":
            open_rows[rows] = fences.admit()
            rows += 1
        elif step == "state":
            fences.state(rows)
        elif open_rows:
            settled = choices.choice(sorted(open_rows))  # type: ignore[attr-defined]
            fences.release(open_rows.pop(settled))
        fences.fence(moment * 0.7)
        for state in fences.covered():
            assert state >= printed
            printed = state
            assert all(row >= state for row in open_rows)
    fences.fence(0.0, force=True)
    for epoch in open_rows.values():
        fences.release(epoch)
    final = fences.covered()
    assert (final or [printed])[-1] == rows
    assert fences.outstanding == 0


def test_fences_stand_two_seconds_apart() -> None:
    """STATE comes at most every two seconds, the newest of those that waited."""
    fences = Fences()
    fences.state("first")
    fences.fence(0.0)
    assert fences.covered() == ["first"]
    fences.state("second")
    fences.fence(1.0)
    fences.state("third")
    assert fences.covered() == []
    fences.fence(2.0)
    assert fences.covered() == ["third"]
