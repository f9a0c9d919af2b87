"""A record read late, twice or from birth gives the same events, or the documented difference."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from recurly_to_klaviyo import Transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Record = dict[str, Any]
    Life = list[tuple[datetime, Record]]

BIRTH = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
EVERYTHING = {"metrics": ["native", "lifecycle", "dunning", "reminders"]}
ACCOUNT = {"id": "acc1", "code": "anna", "email": "anna@mail.dev"}

SLOW_PATHS = (
    ("pending", "success"),
    ("pending", "declined"),
    ("pending", "processing", "success", "declined"),
    ("pending", "success", "void"),
    ("scheduled", "success", "chargeback"),
    ("pending", "success", "success"),
)
CARD_PATHS = (("success",), ("declined",), ("success", "chargeback"), ("success", "void"))


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _stopped_at(now: datetime) -> Callable[[], datetime]:
    return lambda: now


def _events(stream: str, now: datetime, record: Record) -> dict[str, Record]:
    rows = Transform(EVERYTHING, clock=_stopped_at(now)).rows(stream, record)
    return {row["unique_id"]: row for kind, row in rows if kind == "event"}


@st.composite
def payments(draw: st.DrawFn) -> Life:
    """A payment after each change of its status, up to 40 days after the one before."""
    is_card = draw(st.booleans())
    path = draw(st.sampled_from(CARD_PATHS if is_card else SLOW_PATHS))
    refunded_by_invoice = draw(st.booleans())
    now, life = BIRTH, []
    for number, status in enumerate(path):
        record = {
            "id": "txn1",
            "type": "purchase",
            "amount": 20.0,
            "currency": "USD",
            "account": ACCOUNT,
            "status": status,
            "payment_method": {"object": "credit_card" if is_card else "bank_account_info"},
            "refunded": status == "success" and path[:number].count("success") == 1,
            "voided_by_invoice": {"id": "inv2"} if refunded_by_invoice else None,
            "created_at": _text(BIRTH),
            "updated_at": _text(now),
            "voided_at": _text(now) if status == "void" else None,
        }
        life.append((now, record))
        now += timedelta(hours=draw(st.integers(1, 24 * 40)))
    return life


@given(payments())
def test_a_payment_read_late_accounts_for_every_event_ever_written(life: Life) -> None:
    """What any earlier read gave is given, or marked was_true, by the last; at a time it tells."""
    last_now, last_record = life[-1]
    last = _events("transactions", last_now, last_record)
    assert last == _events("transactions", last_now, last_record)
    for now, record in life:
        for unique_id, row in _events("transactions", now, record).items():
            if "was_true" in row:
                continue
            assert unique_id in last
            told = last[unique_id]
            earliest = told.get("earliest_time", told["time"])
            latest = told.get("latest_time", told["time"])
            assert earliest <= row["time"] <= latest


@st.composite
def subscriptions(draw: st.DrawFn) -> Life:
    """A subscription after each step of its life: pauses, cancellations, and maybe its end."""
    now = BIRTH
    record: Record = {
        "id": "sub1",
        "state": "active",
        "plan": {"code": "gold"},
        "total": 12.5,
        "created_at": _text(now),
        "updated_at": _text(now),
        "activated_at": _text(now),
    }
    if draw(st.booleans()):
        ends_at = now + timedelta(days=14)
        record |= {"trial_started_at": _text(now), "trial_ends_at": _text(ends_at)}
    life = [(now, record)]
    steps = draw(st.lists(st.sampled_from(["pause", "cancel", "leave"]), max_size=5))
    for step in [*steps, *draw(st.sampled_from([(), ("expire",)]))]:
        now += timedelta(hours=draw(st.integers(1, 24 * 20)))
        record = {**record, "updated_at": _text(now), **_step(step, record["state"], now)}
        life.append((now, record))
    return life


def _step(step: str, state: str, now: datetime) -> Record:
    if step == "pause" and state == "active":
        return {"state": "paused", "paused_at": _text(now)}
    if step == "cancel" and state == "active":
        return {"state": "canceled", "canceled_at": _text(now)}
    if step == "expire":
        return {"state": "expired", "expires_at": _text(now), "canceled_at": _text(now)}
    # Resumed or reactivated: a cancellation's date goes, a pause's may stay behind.
    return {"state": "active", "canceled_at": None}


def _reads(life: Life) -> Iterator[dict[str, Record]]:
    for now, subscription in life:
        snapshot = {**ACCOUNT, "same_email": [], "subscriptions": [subscription]}
        yield _events("account_snapshots", now, snapshot)


@given(subscriptions())
def test_a_subscription_read_late_lacks_only_what_recurly_no_longer_shows(life: Life) -> None:
    """The last read gives what all reads gave, at the same times, but for metrics that vanish.

    And it gives nothing that a read at the time would not have given.
    """
    vanishing = Transform(EVERYTHING).vanishing_metrics
    *_, last = reads = list(_reads(life))
    ever = {unique_id: row for read in reads for unique_id, row in read.items()}
    for unique_id, row in ever.items():
        if row["metric"] not in vanishing:
            assert last[unique_id]["time"] == row["time"]
    assert last.keys() <= ever.keys()


@given(subscriptions())
def test_each_occurrence_has_an_id_of_its_own(life: Life) -> None:
    """Over a whole life one id never stands for two times, and two pauses are two events."""
    times: dict[str, set[str]] = {}
    for read in _reads(life):
        for unique_id, row in read.items():
            times.setdefault(unique_id, set()).add(row["time"])
    assert all(len(each) == 1 for each in times.values())
    pauses = {record["paused_at"] for _, record in life if record["state"] == "paused"}
    assert len([unique_id for unique_id in times if "-paused-" in unique_id]) == len(pauses)
