"""Samples: an event of each metric on a profile of one's own, and on nobody else's."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from recurly_klaviyo_sandbox.faults import Fault, Trouble
from target_klaviyo.config import read_settings
from target_klaviyo.errors import KlaviyoError, SettingsError
from target_klaviyo.samples import send_samples

if TYPE_CHECKING:
    from tests.target_klaviyo.conftest import Samples, Site

NOW = datetime.now(timezone.utc)
PLANS = {"Recurly Plans": ["Gold"], "City": "Lund"}


class Shop:
    """A transform with two metrics."""

    streams: frozenset[str] = frozenset()
    profile_properties = frozenset({"Recurly Plans"})

    def rows(self, stream: str, record: Any) -> list[Any]:
        """It is not asked for any."""
        raise NotImplementedError(stream, record)

    def samples(self, now: datetime) -> list[dict[str, Any]]:
        """Two."""
        return [
            {"metric": metric, "unique_id": metric, "time": now.isoformat(), "properties": {"A": 1}}
            for metric in ("Paid", "Failed")
        ]

    def summary(self) -> list[str]:
        """Nothing."""
        return []


def send(site: Site, email: str | None, *, now: datetime = NOW, **settings: Any) -> str:
    """Send the shop's samples."""
    return send_samples(read_settings({**site.config, **settings}), Shop(), email, now=now)


@pytest.mark.parametrize("days", [0, 3])
def test_each_metric_gets_one_live_event_with_a_mark(site: Site, days: int) -> None:
    """Flows can be built on them, and nobody takes them for real; however short the live window."""
    said = send(site, "me@shop.io", live_window_days=days)
    assert "Sent 2 samples" in said
    assert "Paid and Failed" in said
    assert "me@shop.io" not in said
    events = site.account.events()
    assert {(event.metric, event.properties["Sample"]) for event in events} == {
        ("Paid", True),
        ("Failed", True),
    }
    assert all(str(event.unique_id).startswith("sample-") for event in events)
    assert not any(event.backfill for event in events)
    (profile,) = site.account.profiles()
    assert profile.email == "me@shop.io"


def test_samples_that_get_no_answer_may_have_arrived(site: Site) -> None:
    """Nobody is told that nothing was changed when that is not known."""
    site.account.network.faults.append(Fault(Trouble.RESET_AFTER, "event-bulk", times=None))
    with pytest.raises(KlaviyoError, match="; some samples may have arrived, so run again later"):
        send(site, "me@shop.io")
    assert len(site.account.events()) == 2


def test_samples_may_be_sent_again(site: Site) -> None:
    """Their own profile does not turn into a customer's, and later ones are new events."""
    send(site, "me@shop.io")
    send(site, "me@shop.io", now=NOW + timedelta(minutes=1))
    assert len(site.account.events()) == 4


@pytest.mark.parametrize(
    ("customer", "mark"),
    [
        ({"external_id": "a1"}, "an external id"),
        ({"properties": PLANS}, "the property 'Recurly Plans'"),
    ],
)
@pytest.mark.parametrize("email", ["user1@shop.io", " User1@SHOP.io "])
def test_a_customer_gets_no_sample(
    site: Site, sample: Samples, customer: dict[str, Any], mark: str, email: str
) -> None:
    """A profile that bears what the transform or the target gives to customers is refused."""
    site.profiles(sample.profile(1) | customer)
    with pytest.raises(SettingsError, match=f"looks like a customer's, for it has {mark}"):
        send(site, email)
    assert site.account.events() == []


def test_a_profile_of_another_kind_may_get_samples(site: Site, sample: Samples) -> None:
    """A colleague who is in Klaviyo for other reasons is no customer."""
    site.profiles(sample.profile(1, properties={"City": "Lund"}))
    assert "Sent 2 samples" in send(site, "user1@shop.io")


@pytest.mark.parametrize(
    ("email", "sentence"),
    [(None, "add --email"), ("", "add --email"), ("nobody", "is not an e-mail address")],
)
def test_samples_need_an_address(site: Site, email: str | None, sentence: str) -> None:
    """Without one nothing is asked and nothing sent."""
    with pytest.raises(SettingsError, match=sentence):
        send(site, email)
    assert site.requests() == 0


def test_samples_need_a_transform(site: Site) -> None:
    """Only a transform knows metrics."""
    with pytest.raises(SettingsError, match="needs the setting 'transform'"):
        send_samples(read_settings(site.config), None, "me@shop.io", now=NOW)


def test_the_command_sends_the_samples_of_the_recurly_transform(site: Site) -> None:
    """`target-klaviyo --samples --email …` says in one line what it has sent."""
    with site.start("--samples", "--email", "me@shop.io", transform="recurly") as process:
        out, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert out.startswith(b"Sent 5 samples to that profile")
    assert {event.metric for event in site.account.events()} == {
        "Failed Payment",
        "Issued Invoice",
        "Ordered Product",
        "Refunded Payment",
        "Successfully Paid",
    }


def test_samples_are_no_difference_to_an_audit(site: Site, sample: Samples) -> None:
    """Nobody expects them, and nobody is told that they should not be there."""
    now = datetime.now(timezone.utc)
    send_samples(read_settings(site.config), Shop(), "me@shop.io", now=now)
    paid = sample.event(1, metric="Paid")
    site.events(paid)
    report = str(site.folder / "audit.html")
    site.events(paid, mode="audit", report_path=report, settle_minutes=0)
