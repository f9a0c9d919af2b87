"""Whatever a merchant's people do, Klaviyo ends with one profile for each, and the truth in it."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.target_klaviyo.people.fake_klaviyo import FakeKlaviyo, FakeProfile, Killed

from target_klaviyo.config import read_settings
from target_klaviyo.rows.contract import Origin
from target_klaviyo.rows.parser import RowParser
from target_klaviyo.writing.checkpoints import DeliveryTracker
from target_klaviyo.writing.dispatcher import Dispatcher
from target_klaviyo.writing.profile_sink import ProfileSink
from target_klaviyo.writing.rejects import RejectsFile
from target_klaviyo.writing.stats import RunStats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PARSER = RowParser(now=datetime(2026, 7, 15, tzinfo=timezone.utc), live_window=timedelta(days=3))
ADDRESSES = ("a@shop.io", "b@shop.io", "c@shop.io")
SHOP = "shop-"


@dataclass(eq=False)
class Account:
    """An account at the source; a larger number is a younger one."""

    number: int
    email: str | None
    plan: str
    card: str | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return f"acc-{self.number}"


@dataclass
class Merchant:
    """Accounts, and the rows that they make."""

    accounts: list[Account] = field(default_factory=list)
    touched: set[Account] = field(default_factory=set)

    def people(self) -> list[list[Account]]:
        """The accounts of each person, oldest first."""
        groups: dict[object, list[Account]] = defaultdict(list)
        for account in self.accounts:
            groups[account.email or account.id].append(account)
        return list(groups.values())

    def row(self, account: Account) -> dict[str, Any]:
        """The row of the account's person."""
        (group,) = (each for each in self.people() if account in each)
        row: dict[str, Any] = {"external_id": group[0].id, "properties": truth(group)}
        if account.email is not None:
            row["email"] = account.email
            row["also_known_as"] = [each.id for each in group[1:]]
        return row


def truth(group: list[Account]) -> dict[str, Any]:
    """What the profile of a person should show; None for what should be absent."""
    plans = sorted({account.plan for account in group})
    return {"Plans": plans, "Card": next((it.card for it in group if it.card), None)}


def write(
    klaviyo: FakeKlaviyo, rows: Iterable[dict[str, Any]], *, merges: bool, max_rows: int
) -> list[str]:
    """Bring rows to Klaviyo; returns the reasons of rejects."""
    now = 0.0
    stats = RunStats(100, Path("rejects"))
    settings = read_settings({"api_key": "k", "on_email_change": "merge" if merges else "move"})
    with TemporaryDirectory() as folder:
        path = Path(folder, "rejected.singer")
        tracker = DeliveryTracker(RejectsFile(path), stats)
        dispatcher = Dispatcher(klaviyo, concurrency=1, stats=stats, clock=lambda: now)
        sink = ProfileSink(dispatcher, tracker, max_rows, settings=settings)
        try:
            for row in rows:
                stats.seen["profiles"] += 1
                sink.add(PARSER.parse_profile(row, Origin("profiles", b"{}", b"{}")))
            while tracker.checkpoints.outstanding:
                sink.flush()
                sink.enqueue()
                dispatcher.dispatch()
                while dispatcher.in_flight:
                    dispatcher.sleep_until(now + 5)
                    for request, outcome in dispatcher.outcomes():
                        sink.handle(request, outcome)
                sink.enqueue()
                if not dispatcher.idle:
                    now = max(now, dispatcher.next_due())
                else:
                    assert not tracker.checkpoints.outstanding or sink.open_epoch is not None
            return [rule for (_, rule), count in stats.rules.items() for _ in range(count)]
        finally:
            tracker.close(complete=False)
            dispatcher.close()


KINDS = ["open", "address", "plan", "card", "sign up", "erase", "shop", "run"]
DEEDS = st.lists(
    st.tuples(
        st.sampled_from([*KINDS, "address", "run"]),
        st.integers(0, 4),
        st.sampled_from([*ADDRESSES, None]),
        st.integers(0, 2**16),
    ),
    max_size=14,
)


class World:
    """A merchant, Klaviyo, and what others do there."""

    def __init__(self, *, merges: bool) -> None:
        self.merchant = Merchant()
        self.klaviyo = FakeKlaviyo()
        self.rejects: list[str] = []
        self._merges = merges

    def happen(self, kind: str, number: int, email: str | None, seed: int) -> None:
        """Let something happen."""
        accounts = self.merchant.accounts
        if kind == "open" or (kind in {"address", "plan", "card"} and not accounts):
            account = Account(len(accounts), email, f"P{number}")
            accounts.append(account)
            self.merchant.touched.add(account)
        elif kind in {"address", "plan", "card"}:
            account = accounts[number % len(accounts)]
            self.merchant.touched.add(account)
            if kind == "address":
                account.email = email
            elif kind == "plan":
                account.plan = f"P{seed % 3}"
            else:
                account.card = f"{seed % 3}" if seed % 4 else None
        elif kind == "run":
            self._run(seed)
        else:
            self._meddle(kind, email, seed)

    def sweep(self) -> None:
        """Write everybody, without trouble."""
        self.merchant.touched.update(self.merchant.accounts)
        self.klaviyo.begin_run({})
        self._write(random.Random(0), max_rows=100)  # noqa: S311  (a seed)

    def strike(self, request: int, fault: str) -> bool:
        """Write everybody, the given request going wrong; returns whether there was such a one."""
        self.merchant.touched.update(self.merchant.accounts)
        self.klaviyo.begin_run({request: fault})
        try:
            self._write(random.Random(request), max_rows=100)  # noqa: S311  (a seed)
        except Killed:
            self.sweep()
            return True
        return self.klaviyo.requests > request

    def _run(self, seed: int) -> None:
        """A run over what was touched, with troubles; one that is killed begins again later."""
        chance = random.Random(seed)  # noqa: S311  (drawn by hypothesis)
        faults: dict[int, str | Callable[[], None]] = {}
        for _ in range(chance.choice([0, 0, 1, 2])):
            meddling = (chance.choice(["sign up", "erase", "shop"]), chance.choice(ADDRESSES), seed)
            troubles: list[str | Callable[[], None]] = ["lost", "busy", "kill"]
            troubles.append(partial(self._meddle, *meddling))
            faults[chance.randrange(12)] = chance.choice(troubles)
        self.klaviyo.begin_run(faults)
        try:
            self._write(chance, max_rows=chance.choice([1, 2, 100]))
        except Killed:
            return
        self.merchant.touched.clear()

    def _write(self, chance: random.Random, max_rows: int) -> None:
        touched = sorted(self.merchant.touched, key=lambda each: each.number)
        chance.shuffle(touched)
        rows = map(self.merchant.row, touched)
        self.rejects = write(self.klaviyo, rows, merges=self._merges, max_rows=max_rows)

    def _meddle(self, kind: str, email: str | None, seed: int) -> None:
        """What others do: a form, an erasure, another system that gives a profile its own id."""
        if email is None:
            return
        profile = self.klaviyo.with_email(email)
        if kind == "erase" and profile is not None:
            del self.klaviyo.profiles[profile.id]
        elif kind == "sign up" and profile is None:
            self.klaviyo.add(email)
        elif kind == "shop" and profile is not None:
            given = f"{SHOP}{seed % 3}"
            if self.klaviyo.with_external_id(given) is None:
                profile.external_id = given


def check_truth(world: World) -> None:
    """Each person has one profile with all that is true; nobody else has any of it."""
    klaviyo, ours = world.klaviyo, {each.id for each in world.merchant.accounts}
    right: list[FakeProfile] = []
    for group in world.merchant.people():
        email, anchor = group[0].email, group[0].id
        profile = klaviyo.with_email(email) if email else klaviyo.with_external_id(anchor)
        assert profile is not None, group
        expected = {name: value for name, value in truth(group).items() if value is not None}
        assert profile.properties == expected
        assert profile.external_id == anchor or str(profile.external_id).startswith(SHOP)
        right.append(profile)
    assert len({each.id for each in right}) == len(right)
    for profile in klaviyo.profiles.values():
        if profile not in right:
            assert profile.external_id not in ours
            assert not profile.properties or str(profile.external_id).startswith(SHOP)


@pytest.mark.slow
@pytest.mark.parametrize("merges", [False, True], ids=["move", "merge"])
@given(deeds=DEEDS)
@settings(deadline=None, max_examples=150)
def test_klaviyo_ends_with_one_true_profile_for_each_person(
    deeds: list[tuple[str, int, str | None, int]], *, merges: bool
) -> None:
    """After whatever has happened, a sweep makes all right, and the next writes nothing."""
    world = World(merges=merges)
    for deed in deeds:
        world.happen(*deed)
    world.sweep()
    assert world.rejects == []
    check_truth(world)
    world.klaviyo.writes.clear()
    world.sweep()
    assert world.klaviyo.writes == []


@pytest.mark.parametrize("merges", [False, True], ids=["move", "merge"])
@pytest.mark.parametrize("fault", ["kill", "lost", "busy"])
def test_wherever_a_run_is_struck_the_same_rows_make_it_right(fault: str, *, merges: bool) -> None:
    """People exchange, hand on, share, lose and get addresses; any one request may go wrong."""
    struck = True
    for request in range(100):
        if not struck:
            return
        world = World(merges=merges)
        before = [
            "a@shop.io",
            "b@shop.io",
            "c@shop.io",
            "d@shop.io",
            "d@shop.io",
            None,
            "f@shop.io",
        ]
        after = ["b@shop.io", "a@shop.io", "g@shop.io", "d@shop.io", "h@shop.io", "i@shop.io", None]
        accounts = [Account(number, email, f"P{number}") for number, email in enumerate(before)]
        world.merchant.accounts = accounts
        world.sweep()
        world.klaviyo.add("g@shop.io")
        world.klaviyo.add("i@shop.io")
        for account, email in zip(accounts, after, strict=True):
            account.email = email
        struck = world.strike(request, fault)
        assert world.rejects == []
        check_truth(world)
    raise AssertionError
