"""An audit names what is wrong, a repair mends what can be mended."""

from __future__ import annotations

import json
import signal
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from recurly_klaviyo_sandbox.faults import Fault, Trouble
from target_klaviyo.audit.auditor import Auditor
from target_klaviyo.audit.rejected import RejectedRows
from target_klaviyo.config import read_settings
from target_klaviyo.errors import AuditDiffers, KlaviyoError
from target_klaviyo.klaviyo.client import Client
from target_klaviyo.rows.contract import Origin
from target_klaviyo.rows.parser import RowParser
from target_klaviyo.singer.router import InputStats, RecordRouter
from target_klaviyo.writing.rejects import RejectsFile
from target_klaviyo.writing.stats import RunStats
from target_klaviyo.writing.writer import Writer


def test_audit_names_exactly_what_is_wrong_and_repair_mends_it(shop: Any) -> None:
    """20 events deleted, 5 silently dropped, 3 profiles altered: named, mended, clean again."""
    shop.sync()
    deleted = [f"recurly-{number}" for number in range(0, 300, 15)]
    assert shop.account.delete_events(deleted) == 20
    shop.account.alter_profile("user1@shop.io", **{"Recurly Account Code": "other"})
    shop.account.alter_profile("user2@shop.io", **{"Recurly Plans": "Gold, Silver"})
    shop.account.alter_profile("user5@shop.io", **{"Recurly Card Expiration Date": "2020-01-31"})

    found = shop.audit()

    assert not found.agrees
    assert found.named("missing") == set(deleted)
    assert found.named("dropped") == {f"recurly-{number}" for number in range(300, 305)}
    assert found.report["totals"]["missing"] == 20
    assert found.report["totals"]["unexpected"] == found.report["totals"]["moved"] == 0
    assert {
        (each["profile"], each["property"], str(each["found"]))
        for each in found.report["profiles"]["differences"]
    } == {
        ("user1@shop.io", "Recurly Account Code", "other"),
        ("user2@shop.io", "Recurly Plans", "Gold, Silver"),
        ("user5@shop.io", "Recurly Card Expiration Date", "2020-01-31"),
    }

    repaired = shop.audit("repair")

    assert repaired.agrees
    assert repaired.report["repair"]["events_sent"] == 20
    assert repaired.report["repair"]["profiles_sent"] == 3
    assert repaired.report["totals"]["dropped"] == 5
    assert len(shop.account.events()) == 300
    assert shop.audit().agrees


def test_a_repair_sends_only_what_is_missing_as_it_was_sent_first(shop: Any) -> None:
    """Same unique_ids, no event twice, history without flows and news with them."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    shop.events[0]["time"] = (now - timedelta(hours=5)).isoformat()
    shop.events[1]["time"] = (now - timedelta(days=50)).isoformat()
    shop.sync()
    gone = [shop.events[0]["unique_id"], shop.events[1]["unique_id"]]
    before = {event.unique_id: event for event in shop.account.events()}
    shop.account.delete_events(gone)

    verdict = shop.audit("repair")

    after = {event.unique_id: event for event in shop.account.events()}
    assert verdict.agrees
    assert verdict.states == []
    assert verdict.report["repair"]["events_sent"] == 2
    assert after.keys() == before.keys()
    for unique_id in gone:
        assert after[unique_id].backfill == before[unique_id].backfill
        assert after[unique_id].time == before[unique_id].time
        assert after[unique_id].properties == before[unique_id].properties
    assert [after[unique_id].backfill for unique_id in gone] == [False, True]


def test_a_repair_with_nothing_missing_sends_nothing(shop: Any) -> None:
    """It is an audit then, and says that nothing was sent."""
    shop.sync()
    before = shop.site.requests("-jobs")
    verdict = shop.audit("repair")
    assert verdict.agrees
    assert verdict.report["repair"] == {
        "events_sent": 0,
        "profiles_sent": 0,
        "before": {"dropped": 5, "profiles": 0},
    }
    assert shop.site.requests("-jobs") == before


def test_what_klaviyo_refuses_in_a_repair_is_explained(shop: Any) -> None:
    """The refused event goes to the rejects file, and the second audit gives its reason."""
    shop.sync()
    shop.account.delete_events([shop.events[8]["unique_id"]])
    refusal = {
        "errors": [
            {
                "id": "1",
                "status": 400,
                "code": "invalid",
                "title": "Invalid input.",
                "detail": "Not on a Sunday.",
                "source": {"pointer": "/data/attributes/events-bulk-create/data/0"},
            }
        ]
    }
    shop.account.network.faults.append(
        Fault(
            Trouble.ANSWER,
            "event-bulk-create-jobs",
            status=400,
            body=json.dumps(refusal).encode(),
            headers={"Content-Type": "application/vnd.api+json"},
        )
    )
    verdict = shop.audit("repair")
    assert verdict.agrees
    assert verdict.named("rejected") == {"recurly-8"}
    assert [message["record"]["unique_id"] for message in shop.site.rejects()] == ["recurly-8"]

    shop.site.sync(shop.site.rejects_path.read_bytes())
    assert shop.audit().report["totals"]["rejected"] == 0


def test_a_repair_cannot_mend_what_klaviyo_keeps(shop: Any) -> None:
    """Klaviyo keeps the first event of a unique_id: altered and surplus ones stay, named."""
    right = [dict(row) for row in shop.events]
    shop.events[20]["value"] = 999.0
    shop.events.append({**right[0], "unique_id": "extra"})
    shop.sync()
    shop.events = right
    verdict = shop.audit("repair")
    assert not verdict.agrees
    assert verdict.named("altered") == {"recurly-20"}
    assert verdict.named("unexpected") == {"extra"}
    assert verdict.report["repair"]["events_sent"] == 0


class LaggingTime:
    """Seconds that pass by being waited for; Klaviyo shows nothing before so many are over."""

    def __init__(self, account: Any, *, shows_after: float) -> None:
        self._account = account
        self._shows_after = shows_after
        self.waits: list[float] = []
        account.options.visibility_lag = timedelta(days=1)

    def clock(self) -> float:
        """Seconds waited so far."""
        return sum(self.waits)

    def wait(self, seconds: float) -> None:
        """Let seconds pass, at once."""
        self.waits.append(seconds)
        if self.clock() >= self._shows_after:
            self._account.options.visibility_lag = timedelta(0)


def _repair(shop: Any, time: LaggingTime) -> None:
    """A repair of the shop's events in another time; AuditDiffers when it does not succeed."""
    settings = read_settings(
        {**shop.site.config, "mode": "repair", "report_path": str(shop.site.folder / "audit.html")}
    )
    parser = RowParser(now=datetime.now(timezone.utc), live_window=settings.live_window)
    consumer = Auditor(
        settings,
        transform=None,
        client=Client.configured(settings),
        rejected=RejectedRows(settings, None, parser),
        writer=Writer(
            client=Client.configured(settings),
            settings=settings,
            rejects=RejectsFile(settings.rejects_path),
            stats=RunStats(100, settings.rejects_path),
            print_state=lambda _: None,
        ),
        sleep=time.wait,
        clock=time.clock,
    )
    router = RecordRouter(settings, None, parser, consumer, InputStats())
    for row in shop.events:
        router.route("events", row, Origin("events", b"{}", b"{}"))
    consumer.finish()


def test_a_repair_waits_until_klaviyo_shows_what_it_sent(shop: Any) -> None:
    """What was sent again is looked for, in pauses that grow, until it can be seen."""
    shop.sync()
    shop.account.delete_events([shop.events[8]["unique_id"]])
    time = LaggingTime(shop.account, shows_after=180)
    _repair(shop, time)
    pauses = [seconds for seconds in time.waits if seconds >= 1]
    assert pauses == sorted(pauses)
    assert 180 <= time.clock() < 300
    assert len(shop.account.events()) == 300


def test_a_repair_says_what_it_sends(shop: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Not that it is sent again: what is missing may never have been sent."""
    caplog.set_level("INFO")
    _repair(shop, LaggingTime(shop.account, shows_after=0))
    assert "Sending 300 missing events and 0 differing profiles." in caplog.messages


def test_a_repair_does_not_wait_for_ever(shop: Any) -> None:
    """After settle_minutes what does not show is told."""
    shop.sync()
    shop.account.delete_events([shop.events[8]["unique_id"]])
    time = LaggingTime(shop.account, shows_after=3_600)
    with pytest.raises(AuditDiffers):
        _repair(shop, time)
    assert time.clock() <= 600


def test_a_repair_whose_end_cannot_be_seen_does_not_say_that_nothing_was_changed(
    shop: Any,
) -> None:
    """What was missing has been sent when Klaviyo does not answer any more."""
    shop.account.network.faults.append(
        Fault(Trouble.ANSWER, "/api/metrics", status=500, after=1, times=None)
    )
    with pytest.raises(KlaviyoError, match="HTTP status 500; nothing is lost, so run again later"):
        _repair(shop, LaggingTime(shop.account, shows_after=0))
    assert len(shop.account.events()) == 300


def test_the_command_ends_with_the_verdict(shop: Any) -> None:
    """Exit code 1 and a sentence that names the report; nothing on stdout, keys nowhere."""
    shop.sync()
    shop.account.delete_events([shop.events[8]["unique_id"]])
    feed = shop.site.sample.lines(shop.messages())
    for mode, code in (("audit", 1), ("repair", 0), ("audit", 0)):
        process = shop.site.start(mode=mode, report_path="report/page.html")
        out, err = process.communicate(feed, timeout=60)
        last = err.decode().splitlines()[-1]
        assert process.returncode == code
        assert out == b""
        assert last.endswith("the report is report/page.html.")
        assert ("1 event missing" in last) is (code == 1)
        assert shop.account.api_key not in err.decode()
        assert b"@shop.io" not in err
    assert (shop.site.folder / "report" / "page.json").exists()


def test_a_signal_ends_an_audit(shop: Any) -> None:
    """SIGTERM is obeyed while the feed is slow, with its own exit code and no report."""
    process = shop.site.start(mode="audit")
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(shop.site.sample.lines(shop.messages()[:50]))
    process.stdin.flush()
    shop.site.recorder.wait_for("/api/accounts")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 143
    process.communicate()
    assert not (shop.site.folder / "output").exists()
