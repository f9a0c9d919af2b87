"""What a sink does with an answer: the requests that follow, and when."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from target_klaviyo.config import read_settings
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.klaviyo.endpoints import Answer
from target_klaviyo.rows.contract import Origin
from target_klaviyo.rows.parser import RowParser
from target_klaviyo.writing.checkpoints import DeliveryTracker
from target_klaviyo.writing.dispatcher import Dispatcher
from target_klaviyo.writing.event_sink import EventSink
from target_klaviyo.writing.profile_sink import ProfileSink
from target_klaviyo.writing.rejects import RejectsFile
from target_klaviyo.writing.stats import RunStats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from target_klaviyo.klaviyo.endpoints import Call

NOW = datetime(2026, 7, 15, tzinfo=timezone.utc)
PARSER = RowParser(now=NOW, live_window=timedelta(days=3))
JOBS = "/api/profile-bulk-import-jobs"


class ScriptedClient(Client):
    """Klaviyo as a function from a call to its answer; remembers the calls."""

    def __init__(self, answer: Callable[[Call], Answer]) -> None:
        super().__init__(api_url="http://klaviyo.invalid", api_key="k", revision="r", timeout=1)
        self._answer = answer
        self.calls: list[Call] = []

    def send(self, call: Call) -> Answer:
        """Answer, at once."""
        self.calls.append(call)
        return self._answer(call)


class Bench:
    """A sink's surroundings, and a clock that jumps to whatever is due next."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.sent_at: list[tuple[float, str]] = []
        self.path = folder / "rejected.singer"
        self.stats = RunStats(100, self.path)
        self.tracker = DeliveryTracker(RejectsFile(self.path), self.stats)
        self.dispatchers: list[Dispatcher] = []

    def dispatcher(self, answer: Callable[[Call], Answer]) -> Dispatcher:
        """A dispatcher whose requests are answered so; without limits."""

        def noting(call: Call) -> Answer:
            self.sent_at.append((self.now, call.path))
            return answer(call)

        made = Dispatcher(
            ScriptedClient(noting), concurrency=1, stats=self.stats, clock=lambda: self.now
        )
        self.dispatchers.append(made)
        return made

    def work_off(self, dispatcher: Dispatcher, sink: EventSink | ProfileSink) -> None:
        """Send until nothing is left to be sent."""
        sink.flush()
        for _ in range(100_000):
            sink.enqueue()
            if dispatcher.idle:
                return
            dispatcher.dispatch()
            while dispatcher.in_flight:
                dispatcher.sleep_until(self.now + 5)
                for request, outcome in dispatcher.outcomes():
                    sink.handle(request, outcome)  # type: ignore[arg-type]  # each sink gets its own requests
            if not dispatcher.idle:
                self.now = max(self.now, dispatcher.next_due())
        raise AssertionError

    @property
    def rejected(self) -> list[int]:
        """Numbers of the rejected events, in order."""
        self.tracker.persist_rejects()
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        messages = map(json.loads, lines)
        return sorted(each["number"] for each in messages if "number" in each)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Surroundings of a sink."""
    made = Bench(tmp_path)
    yield made
    made.tracker.close(complete=False)
    for dispatcher in made.dispatchers:
        dispatcher.close()


def job(status: str, code: int = 200) -> Answer:
    """An import job's state."""
    document = {"data": {"id": "job-1", "attributes": {"status": status, "failed_count": 0}}}
    return Answer(code, {}, json.dumps(document).encode())


GONE = Answer(404, {}, b'{"errors": [{"code": "not_found", "detail": "There is no such job."}]}')


@pytest.mark.parametrize("fate", [job("cancelled"), GONE], ids=["cancelled", "404"])
def test_lost_jobs_are_submitted_again_after_pauses_that_grow(bench: Bench, fate: Answer) -> None:
    """What loses import jobs may pass: the second submission waits 1 s, the third 5 s more."""
    dispatcher = bench.dispatcher(lambda call: job("queued", 202) if call.body else fate)
    sink = ProfileSink(dispatcher, bench.tracker, 10, settings=read_settings({"api_key": "k"}))
    sink.add(
        PARSER.parse_profile({"email": "ada@shop.io"}, Origin("profiles", b'{"number":1}', b"{}"))
    )
    bench.work_off(dispatcher, sink)
    submitted = [moment for moment, path in bench.sent_at if path == JOBS]
    assert [later - earlier for earlier, later in itertools.pairwise(submitted)] == pytest.approx(
        [1.1, 5.1]
    )
    assert bench.rejected == [1]


@pytest.mark.parametrize("fate", [job("cancelled"), GONE], ids=["cancelled", "404"])
def test_a_person_whose_lost_job_was_carried_out_was_sent(bench: Bench, fate: Answer) -> None:
    """Who is as the row says after it was sent is not among those that needed no change."""
    attributes = {"email": "ada@shop.io", "external_id": "acc-1", "properties": {}}
    ada = {"type": "profile", "id": "P1", "attributes": attributes}
    sent: list[Call] = []

    def answer(call: Call) -> Answer:
        if call.body:
            sent.append(call)
            return job("queued", 202)
        if call.path != "/api/profiles":
            return fate
        return Answer(200, {}, json.dumps({"data": [ada] if len(sent) == 3 else []}).encode())

    dispatcher = bench.dispatcher(answer)
    sink = ProfileSink(dispatcher, bench.tracker, 10, settings=read_settings({"api_key": "k"}))
    row = {"email": "ada@shop.io", "external_id": "acc-1"}
    sink.add(PARSER.parse_profile(row, Origin("profiles", b'{"number":1}', b"{}")))
    bench.work_off(dispatcher, sink)
    assert bench.rejected == []
    assert len(sent) == 3
    assert bench.stats.said_sent == "0 events and 1 profile"


def refusing(bad: set[int], pointer: Callable[[int, int], str]) -> Callable[[Call], Answer]:
    """Klaviyo that refuses events of these numbers; `pointer` of (entry, event) says where."""

    def answer(call: Call) -> Answer:
        groups = json.loads(call.body or b"")["data"]["attributes"]["events-bulk-create"]["data"]
        errors = [
            {"detail": f"bad {number}", "source": {"pointer": pointer(entry, index)}}
            for entry, group in enumerate(groups)
            for index, event in enumerate(group["attributes"]["events"]["data"])
            if (number := event["attributes"]["properties"]["number"]) in bad
        ]
        if not errors:
            return Answer(202, {}, b"")
        return Answer(400, {}, json.dumps({"errors": errors}).encode())

    return answer


def feed(sink: EventSink, count: int, people: int) -> None:
    """Events 0, 1, 2 ... of so many people."""
    for number in range(count):
        row: dict[str, Any] = {
            "metric": "Paid",
            "unique_id": str(number),
            "time": "2026-07-15T00:00:00Z",
            "profile": {"email": f"p{number % people}@shop.io"},
            "properties": {"number": number},
        }
        origin = Origin("events", b'{"number":%d}' % number, b"{}")
        sink.add(PARSER.parse_event(row, origin))


ENTRY = "/data/attributes/events-bulk-create/data/{}"


@pytest.mark.parametrize(
    "below", ["", "/", "/attributes", "/attributes/events", "/attributes/events/data"]
)
def test_an_error_that_stops_at_an_entry_blames_no_innocent_event(bench: Bench, below: str) -> None:
    """Which of an entry's events is at fault is found out by sending its halves apart."""
    bad = {3, 77, 500, 999}
    dispatcher = bench.dispatcher(refusing(bad, lambda entry, _: ENTRY.format(entry) + below))
    sink = EventSink(dispatcher, bench.tracker, 1000, claimed=lambda _: None)
    feed(sink, 1000, people=100)
    bench.work_off(dispatcher, sink)
    assert bench.rejected == sorted(bad)
    assert bench.stats.stored["events"] == 996
    assert len(bench.sent_at) <= 24  # four times the halving of ten events, partly together


def test_an_error_about_the_profile_of_an_entry_blames_all_its_events(bench: Bench) -> None:
    """They share the profile, so each of them is refused for it."""
    pointer = ENTRY + "/attributes/profile/data/attributes/email"
    dispatcher = bench.dispatcher(refusing({4}, lambda entry, _: pointer.format(entry)))
    sink = EventSink(dispatcher, bench.tracker, 1000, claimed=lambda _: None)
    feed(sink, 10, people=5)
    bench.work_off(dispatcher, sink)
    assert bench.rejected == [4, 9]
    assert bench.stats.stored["events"] == 8


@pytest.mark.slow
def test_without_pointers_the_search_for_bad_rows_has_a_bound(bench: Bench) -> None:
    """Halving goes on until each culprit is alone: 90 of 1,200 take fewer than 900 requests."""
    bad = set(range(0, 1200, 13))
    dispatcher = bench.dispatcher(refusing(bad, lambda *_: ""))
    sink = EventSink(dispatcher, bench.tracker, 1000, claimed=lambda _: None)
    feed(sink, 1200, people=1200)
    bench.work_off(dispatcher, sink)
    assert bench.rejected == sorted(bad)
    assert bench.stats.stored["events"] == 1200 - len(bad)
    assert len(bench.sent_at) < 900
