"""STATE is covered when, and only when, all rows before it are settled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.writing.checkpoints import Checkpoints


@given(
    st.lists(st.sampled_from(["row", "row", "row", "state", "settle"]), max_size=80),
    st.randoms(use_true_random=False),
)
def test_no_state_is_ever_ahead_of_its_rows(steps: list[str], choices: st.DataObject) -> None:
    """Whatever the order of rows, answers and STATEs, a printed STATE has no open row behind it."""
    checkpoints = Checkpoints()
    rows = 0
    open_rows: dict[int, int] = {}
    printed = -1
    for moment, step in enumerate([*steps, "state"]):
        if step == "row":
            open_rows[rows] = checkpoints.count_in()
            rows += 1
        elif step == "state":
            checkpoints.remember_state(b"%d" % rows)
        elif open_rows:
            settled = choices.choice(sorted(open_rows))  # type: ignore[attr-defined]
            checkpoints.count_out(open_rows.pop(settled))
        checkpoints.set_checkpoint(moment * 0.7)
        if state := checkpoints.covered():
            assert int(state) >= printed
            printed = int(state)
            assert all(row >= printed for row in open_rows)
    checkpoints.set_checkpoint(0.0, force=True)
    for epoch in open_rows.values():
        checkpoints.count_out(epoch)
    assert int(checkpoints.covered() or printed) == rows
    assert checkpoints.outstanding == 0


def test_fences_stand_two_seconds_apart() -> None:
    """STATE comes at most every two seconds, the newest of those that waited."""
    checkpoints = Checkpoints()
    checkpoints.remember_state(b"first")
    checkpoints.set_checkpoint(0.0)
    assert checkpoints.covered() == b"first"
    checkpoints.remember_state(b"second")
    checkpoints.set_checkpoint(1.0)
    checkpoints.remember_state(b"third")
    assert checkpoints.covered() is None
    checkpoints.set_checkpoint(2.0)
    assert checkpoints.covered() == b"third"
