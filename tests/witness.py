"""What a merchant's books said at each look at them, and the judgement of Klaviyo by it.

Klaviyo keeps an event where it came, and stores it again under another profile. Each event once,
under the person's one profile, is therefore what can be had of everybody whose accounts have always
been the same person's and whose new address nobody had before. Where accounts have shared an
address and parted, or a new address had a profile already, an event is where its account's person
was known at the time: once under a profile, and under no stranger's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business import DUNNING, LIFECYCLE, METRICS

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business import ExpectedEvent, ExpectedPerson
    from recurly_klaviyo_sandbox.business.entities import Account
    from recurly_klaviyo_sandbox.klaviyo.account import SeenEvent
    from recurly_klaviyo_sandbox.klaviyo.profiles import Profile
    from recurly_klaviyo_sandbox.sandbox import Sandbox

STATUS = frozenset(
    {
        "Recurly Account State",
        "Recurly Active Subscriptions",
        "Recurly MRR",
        "Recurly MRR Currency",
        "Recurly Next Renewal Amount",
        "Recurly Next Renewal Currency",
        "Recurly Next Renewal Date",
        "Recurly Past Due",
        "Recurly Subscriber Since",
        "Recurly Subscription Status",
        "Recurly Cancel Reason",
        "Recurly Trial End Date",
    }
)
NATIVE = frozenset(
    {
        "Recurly Account Code",
        "Recurly Card Expiration Date",
        "Recurly Plan Codes",
        "Recurly Plans",
    }
)


@dataclass
class Witness:
    """Looks at the merchant's books before each run, since nobody can ask them later.

    Attributes:
        forms_unsettle: a profile that a form made of a new address stays another than the former.
        addresses: every address that an account was seen with, in lower case.
        beaten: accounts whose new address had a profile before the pipeline knew it.
        reminders: whatever a run may have reminded of.
        settled_events: unique ids of those judged to be stored once, at the person's.
    """

    sandbox: Sandbox
    forms_unsettle: bool
    addresses: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    beaten: set[str] = field(default_factory=set)
    reminders: dict[str, ExpectedEvent] = field(default_factory=dict)
    settled_events: set[str] = field(default_factory=set)
    _kin: dict[str, set[str]] = field(default_factory=dict)

    def look(self) -> None:
        """Remember who is who at the moment."""
        with self.sandbox.lock:
            people = self.sandbox.business.people()
            self.reminders |= self.due()
        for person in people.values():
            for account in person.account_ids:
                kin = self.kin(account) | self.kin(person.anchor)
                self._kin |= dict.fromkeys(kin, kin)
                if person.email:
                    self.addresses[account].add(person.email)

    def due(self) -> dict[str, ExpectedEvent]:
        """The reminders that are due by now: the transform knows the real present only."""
        return self.sandbox.business.reminders(datetime.now(timezone.utc))

    def kin(self, account: str) -> set[str]:
        """The accounts that were ever the same person's, directly or by others."""
        return self._kin.get(account, {account})

    def is_settled(self, account: str) -> bool:
        """Whether the account was always the same one person's, without a second profile."""
        has_strayed = self.forms_unsettle and account in self.beaten
        return len(self.kin(account)) == 1 and not has_strayed

    def sign_up_first(self, account: str) -> None:
        """Let a form make a profile of the account's address before the pipeline knows it."""
        address = self._accounts()[account].email
        if address is not None:
            self.sandbox.klaviyo.add_profile(address)
            self.beaten.add(account)

    # Judging -------------------------------------------------------------------------------------

    def judge_events(self, reminders: dict[str, ExpectedEvent]) -> Counter[str]:
        """Assert that all events are there, once each, and at home.

        Returns how many `events` there should be, how many are known to be stored once, at the
        person's (`settled`), further `copies` under a former profile, and counts by metric.

        Args:
            reminders: those that must have been sent.
        """
        ledger = self.sandbox.ledger
        metrics = (*METRICS, *LIFECYCLE, *DUNNING)
        expected = ledger.events(datetime(2200, 1, 1, tzinfo=timezone.utc), metrics) | reminders
        profiles = {profile.id: profile for profile in self.sandbox.klaviyo.profiles()}
        found: defaultdict[str, list[SeenEvent]] = defaultdict(list)
        for event in self.sandbox.klaviyo.events():
            found[event.unique_id or ""].append(event)
        missing = sorted(expected.keys() - found.keys())
        assert not missing, f"events are missing: {missing}"
        allowed = ledger.taken_back | ledger.no_longer_shown | self.reminders.keys()
        surplus = sorted(found.keys() - expected.keys() - allowed)
        assert not surplus, f"too many events: {surplus}"
        people = {
            account: person
            for person in self.sandbox.business.people().values()
            for account in person.account_ids
        }
        counts: Counter[str] = Counter()
        for unique_id, fact in expected.items():
            copies = found[unique_id]
            homes = [profiles[event.profile_id] for event in copies]
            assert len({home.id for home in homes}) == len(homes), "stored twice in one profile"
            assert all(self._is_home(home, fact.account_id) for home in homes), "at a stranger's"
            if self.is_settled(fact.account_id):
                assert [home.external_id for home in homes] == [people[fact.account_id].anchor]
                self.settled_events.add(unique_id)
                counts["settled"] += 1
            assert {event.metric for event in copies} == {fact.metric}
            assert {event.properties["Recurly ID"] for event in copies} == {fact.recurly_id}
            counts[fact.metric] += 1
            counts["events"] += 1
            counts["copies"] += len(copies) - 1
        return counts

    def judge_profiles(self) -> int:
        """Assert that everybody has one profile, with what is true of all accounts; how many."""
        people = self.sandbox.business.people()
        described = {
            profile.external_id or profile.id: profile
            for profile in self.sandbox.klaviyo.profiles()
            if any(profile.properties.get(name) is not None for name in STATUS | NATIVE)
        }
        assert described.keys() == people.keys()
        for anchor, person in people.items():
            self._judge(described[anchor], person)
        return len(people)

    def _judge(self, profile: Profile, person: ExpectedPerson) -> None:
        known = self._addresses(person.anchor) | {None}
        assert profile.email in ({person.email} if person.email else known)
        shown = {name: value for name, value in profile.properties.items() if value is not None}
        assert shown["Recurly Account Code"] == person.account_code
        assert shown.get("Recurly Card Expiration Date") == person.card_expiration_date
        assert frozenset(shown["Recurly Plan Codes"]) == person.plan_codes
        assert frozenset(shown["Recurly Plans"]) == person.plans
        assert shown.keys() - NATIVE <= STATUS
        accounts = self._accounts()
        subscriptions = [
            each for account in person.account_ids for each in accounts[account].subscriptions
        ]
        running = sum(each.state in {"active", "canceled"} for each in subscriptions)
        assert shown["Recurly Active Subscriptions"] == running

    def _accounts(self) -> dict[str, Account]:
        return {account.id: account for account in self.sandbox.business.registry.accounts()}

    def _is_home(self, profile: Profile, account: str) -> bool:
        """Whether a profile is, or was, that of the account's person."""
        email = (profile.email or "").lower()
        return profile.external_id in self.kin(account) or email in self._addresses(account)

    def _addresses(self, account: str) -> set[str]:
        return set().union(*(self.addresses[each] for each in self.kin(account)))
