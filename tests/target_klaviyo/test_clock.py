"""A machine's clock that is wrong is told of once, since it decides which events trigger flows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_klaviyo.klaviyo.clock import ClockComparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from tests.target_klaviyo.conftest import Addresses, Samples, Site

    from recurly_klaviyo_sandbox.server import LocalServer

NOW = datetime(2026, 7, 15, 12, tzinfo=timezone.utc)


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in caplog.messages if "clock" in message]


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("Wed, 15 Jul 2026 12:00:00 GMT", None),
        ("Wed, 15 Jul 2026 12:05:00 GMT", None),
        ("Wed, 15 Jul 2026 12:00:00", None),
        ("Wed, 15 Jul 2026 14:00:00 +0200", None),
        ("", None),
        ("-1", None),
        ("Wed, 99 Jul 2026 12:00:00 GMT", None),
        ("Wed, 15 Jul 2026 12:05:01 GMT", "about 5 minutes behind Klaviyo's: events that much old"),
        ("Wed, 15 Jul 2026 10:30:00 GMT", "about 90 minutes ahead of Klaviyo's"),
        ("Tue, 14 Jul 2026 00:00:00 GMT", "about 36 hours ahead of Klaviyo's: events that much y"),
        ("Sun, 19 Jul 2026 13:00:00 GMT", "about 4 days behind Klaviyo's"),
    ],
)  # fmt: skip
def test_more_than_five_minutes_are_told(
    caplog: pytest.LogCaptureFixture, date: str, said: str | None
) -> None:
    """By how much, and which way; a date that is missing or unreadable says nothing."""
    ClockComparison(lambda: NOW).note_date(date)
    assert len(caplog.messages) == (said is not None)
    assert all(str(said) in message for message in caplog.messages)


PIECES = ("Wed,", "15", "Jul", "2026", "12:00:00", "GMT", "-0000", "+99999999999", "99", ":", ",")


@given(st.lists(st.sampled_from(PIECES)).map(" ".join) | st.text())
def test_any_header_is_tolerated(text: str) -> None:
    """Whatever a proxy writes there, no run ends for it."""
    ClockComparison(lambda: NOW).note_date(text)


def test_the_first_date_that_can_be_read_counts(caplog: pytest.LogCaptureFixture) -> None:
    """Later ones are not looked at, so that one odd answer in thousands is no alarm."""
    comparison = ClockComparison(lambda: NOW)
    for date in ("", "now", "Wed, 15 Jul 2026 12:00:00 GMT", "Wed, 15 Jul 2020 12:00:00 GMT"):
        comparison.note_date(date)
    assert caplog.messages == []


@dataclass
class Dated:
    """ASGI layer whose answers tell a time so far from this machine's."""

    app: ASGIApp
    ahead: timedelta

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with a date."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(datetime.now(timezone.utc) + self.ahead, usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)

        await self.app(scope, receive, dated)


@pytest.fixture
def dated(
    site: Site, addresses: Addresses, server: LocalServer
) -> Iterator[Callable[[timedelta], Site]]:
    """The account as it answers when its clock is so far ahead of this machine's."""
    layer = Dated(site.recorder, timedelta(0))

    def answering(ahead: timedelta) -> Site:
        layer.ahead = ahead
        return replace(site, url=server.url + path)

    with addresses.serve(layer) as path:
        yield answering


def test_a_run_tells_it_once_and_goes_on(
    dated: Callable[[timedelta], Site], sample: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """It names what comes of it and what to do; all is written none the less."""
    site = dated(timedelta(days=4))
    rows = [sample.event(number) for number in range(3)]
    for _ in range(2):
        assert site.events(*rows).states == [{"done": 3}]
    sentence = (
        "This machine's clock is about 4 days behind Klaviyo's: events that much older than "
        "'live_window_days' says are news and trigger flows, and what is judged by today's date "
        "is judged by a wrong one; set the clock, and run again."
    )
    assert _told(caplog) == [sentence, sentence]


def test_a_right_clock_is_no_news(
    dated: Callable[[timedelta], Site], sample: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """Seconds between two clocks are nothing to speak of."""
    dated(timedelta(seconds=-20)).profiles(sample.profile(1))
    assert _told(caplog) == []


def test_a_repair_and_a_check_tell_it_once(
    dated: Callable[[timedelta], Site], sample: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """A repair reads and writes; both together have one thing to say. A check says it too."""
    site = dated(timedelta(hours=-6))
    report = str(site.folder / "audit.html")
    site.events(sample.event(1), mode="repair", report_path=report)
    assert site.requests("event-bulk-create-jobs") == 1
    assert len(_told(caplog)) == 1
    site.check()
    assert len(_told(caplog)) == 2
