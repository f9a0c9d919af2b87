"""A run that was of no use to anybody is a failure, and its STATE is not printed."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pytest

from recurly_klaviyo_sandbox.faults import Fault, Trouble
from target_klaviyo.errors import NothingRecognised, TooManyRejects

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site

WORDLESS = (
    b'{"errors": [{"code": "invalid", "detail": "user1@shop.io", "title": "Invalid input."}]}'
)
"""A refusal that names no row."""


@pytest.mark.parametrize("streams", [["Events"], ["plans", "accounts"]])
def test_a_run_that_recognises_no_stream_fails_and_prints_no_state(
    site: Site, streams: list[str]
) -> None:
    """A misspelt stream is a mistake in the settings, whose names stand in the last sentence."""
    messages = [message for each in streams for message in site.messages(each, [{"a": 1}])]
    with pytest.raises(NothingRecognised) as failure:
        site.sync(messages)
    sentence = str(failure.value)
    named = ("event_streams", "profile_streams", "stream_maps", "transform", *streams)
    assert [name for name in named if name not in sentence] == []
    assert site.capture() == ""


@pytest.mark.parametrize("bad", [1, 99])
def test_a_run_that_rejects_all_it_recognised_fails_and_prints_no_state(
    site: Site, sample: Samples, bad: int
) -> None:
    """Fewer than 100 rows are a mistake too when none is good; they are in the rejects file."""
    with pytest.raises(TooManyRejects) as failure:
        site.events(*(sample.event(number, metric=None) for number in range(bad)))
    assert "unfit to be sent" in str(failure.value)
    assert "event_streams" in str(failure.value)
    assert "The event has no metric." in str(failure.value)
    assert site.capture() == ""
    assert len(site.rejects()) == bad


def test_a_run_that_klaviyo_refuses_all_rows_of_prints_no_state(
    site: Site, sample: Samples
) -> None:
    """What Klaviyo refuses is no better than what is refused here, and is told as that."""
    site.account.refuse_imports({"user1@shop.io": "No."})
    with pytest.raises(TooManyRejects, match="Klaviyo refused all") as failure:
        site.profiles(sample.profile(1))
    assert "mend the source" not in str(failure.value)
    assert site.capture() == ""


@pytest.mark.parametrize("refused_by", ["us", "Klaviyo"])
@pytest.mark.parametrize(("events", "fails"), [(1, False), (9, False), (10, True)])
def test_a_run_that_rejects_all_of_many_events_fails_whatever_its_profiles_do(
    site: Site, sample: Samples, refused_by: str, events: int, *, fails: bool
) -> None:
    """Ten bad ones of ten are a systemic fault of their kind; one of one is a bad row."""
    if refused_by == "Klaviyo":
        site.account.network.faults.append(
            Fault(Trouble.ANSWER, "event-bulk", status=400, body=WORDLESS, times=None)
        )
    changes = {"metric": None} if refused_by == "us" else {}
    rows = [sample.event(number, **changes) for number in range(events)]
    messages = [
        *site.messages("profiles", [sample.profile(number) for number in range(200)]),
        *site.messages("events", rows),
    ]
    if not fails:
        assert site.sync(messages).states[-1] == {"done": events}
        return
    with pytest.raises(TooManyRejects, match=f"Nothing was stored of {events} events"):
        site.sync(messages)
    assert f'{{"done": {events}}}' not in site.capture()
    assert len(site.rejects()) == events
    assert len(site.account.profiles()) == 200


def test_events_no_longer_true_make_no_run_of_rejects_better(site: Site, sample: Samples) -> None:
    """What is not to be sent says nothing about what is."""
    rows = [sample.event(number, was_true=True) for number in range(5)]
    rows += [sample.event(number, metric=None) for number in range(10)]
    with pytest.raises(TooManyRejects, match="Nothing was stored of 10 events"):
        site.sync([*site.messages("profiles", [sample.profile(1)]), *site.messages("events", rows)])


def test_a_run_without_records_is_a_success(site: Site, sample: Samples) -> None:
    """Nothing new is nothing wrong, and its STATE is printed."""
    assert site.sync([sample.schema("plans"), sample.state(1)]).states == [1]
    assert site.sync([sample.state(2)]).states == [2]


def test_an_increment_of_other_streams_alone_is_a_success(site: Site, sample: Samples) -> None:
    """Where a SCHEMA shows that the settings fit, a quiet hour may bring records of others only."""
    messages = [sample.schema("events"), *site.messages("plans", [{"a": 1}])]
    assert site.sync(messages).states == [{"done": 1}]


def test_no_state_is_printed_while_all_rows_so_far_are_rejected(
    site: Site, sample: Samples
) -> None:
    """A STATE waits for the first good row, and comes with it."""
    with site.start() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(sample.lines(site.messages("events", [sample.event(1, metric=None)])))
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], 4)
        assert not ready
        rest = [sample.record("events", sample.event(2)), sample.state("all")]
        out, _ = process.communicate(sample.lines(rest), timeout=60)
    assert process.returncode == 0
    assert out.splitlines()[-1] == b'"all"'
