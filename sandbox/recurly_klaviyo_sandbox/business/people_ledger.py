"""The ledger person by person: who they are, what their profile says, what they are reminded of.

A person is all accounts with one e-mail address, compared without case; an account without address
is a person of its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.entities import HELD_STATES
from recurly_klaviyo_sandbox.business.ledger import ExpectedEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from recurly_klaviyo_sandbox.business.entities import Account, Subscription

UPCOMING_RENEWAL = "Upcoming Renewal"
ENDING_TRIAL = "Ending Trial"
EXPIRING_CARD = "Expiring Card"
REMINDERS = (UPCOMING_RENEWAL, ENDING_TRIAL, EXPIRING_CARD)


@dataclass(frozen=True)
class ExpectedPerson:
    """What a person's one profile should say now.

    `anchor` is the id of the oldest account. Code and card are those of the leading account: open
    before closed, holding a plan before not, then the latest updated. Plans are those of all
    accounts, as sets: their order means nothing.
    """

    anchor: str
    account_ids: tuple[str, ...]
    email: str | None
    account_code: str
    card_expiration_date: str | None
    plan_codes: frozenset[str]
    plans: frozenset[str]


def expected_people(accounts: Iterable[Account]) -> dict[str, ExpectedPerson]:
    """Everybody by anchor."""
    return {
        person.anchor: person
        for person in (_person(group) for group in accounts_by_person(accounts))
    }


def accounts_by_person(accounts: Iterable[Account]) -> list[list[Account]]:
    """The accounts of each person, the oldest first."""
    groups: defaultdict[str, list[Account]] = defaultdict(list)
    for account in accounts:
        address = (account.email or "").strip().lower()
        groups[address or f"account {account.id}"].append(account)
    return [sorted(group, key=lambda each: (each.created, each.id)) for group in groups.values()]


def _person(accounts: Sequence[Account]) -> ExpectedPerson:
    leading = leading_account(accounts)
    held = [plan for account in accounts for plan in _held(account)]
    expires = leading.billing.method.expires if leading.billing else None
    return ExpectedPerson(
        anchor=accounts[0].id,
        account_ids=tuple(account.id for account in accounts),
        email=(leading.email or "").strip().lower() or None,
        account_code=leading.code,
        card_expiration_date=expires.isoformat() if expires else None,
        plan_codes=frozenset(plan.plan.code for plan in held),
        plans=frozenset(plan.plan.name for plan in held),
    )


def leading_account(accounts: Sequence[Account]) -> Account:
    """The account whose code and card are the person's."""
    return max(
        accounts,
        key=lambda each: (not each.closed, bool(_held(each)), each.updated, each.created, each.id),
    )


def _held(account: Account) -> list[Subscription]:
    return [each for each in account.subscriptions if each.state in HELD_STATES]


def expected_reminders(
    accounts: Iterable[Account], now: datetime, lead_days: Sequence[int] = (3,)
) -> dict[str, ExpectedEvent]:
    """The reminders due now, by unique id: from the nearest lead that has passed to the date."""
    present = int(now.timestamp())
    due: dict[str, ExpectedEvent] = {}
    for group in accounts_by_person(accounts):
        for metric, account, record_id, key, date in _dates(group, present):
            moment = datetime.fromtimestamp(date, timezone.utc)
            leads = [days for days in sorted(lead_days) if moment - timedelta(days=days) <= now]
            if moment > now and leads:
                time = moment - timedelta(days=leads[0])
                unique_id = f"{key}-{leads[0]}"
                due[unique_id] = ExpectedEvent.of(account, metric, unique_id, record_id, time)
    return due


def _dates(
    group: Sequence[Account], present: int
) -> Iterator[tuple[str, Account, str, str, float]]:
    """Metric, account, Recurly id, the unique id without its lead, and the date itself."""
    for account in group:
        for each in account.subscriptions:
            metric, what, date = UPCOMING_RENEWAL, "renewal", each.period_end
            renews = each.state == "active" and _bills_again(each)
            if each.trial_end and each.trial_end > present and each.state in {"active", "canceled"}:
                metric, what, date = ENDING_TRIAL, "trial-ending", each.trial_end
            elif not renews or _pauses_first(each, present):
                continue
            yield metric, account, each.id, f"recurly-sub-{each.id}-{what}-{date}", date
    leading = leading_account(group)
    expires = leading.billing.method.expires if leading.billing else None
    if expires and any(_held(account) for account in group):
        day = datetime(expires.year, expires.month, expires.day, tzinfo=timezone.utc)
        key = f"recurly-account-{leading.id}-card-expiring-{expires}"
        yield EXPIRING_CARD, leading, leading.id, key, day.timestamp()


def _bills_again(subscription: Subscription) -> bool:
    return subscription.cycles_left is None or subscription.cycles_left > 0


def _pauses_first(subscription: Subscription, present: int) -> bool:
    return (
        subscription.paused is not None and present < subscription.paused <= subscription.period_end
    )
