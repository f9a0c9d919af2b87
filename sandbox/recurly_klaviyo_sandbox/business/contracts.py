"""Subscriptions from their first day to their last."""

from __future__ import annotations

import calendar
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.entities import (
    CouponRedemption,
    SubscribedAddOn,
    Subscription,
)
from recurly_klaviyo_sandbox.business.habits import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_klaviyo_sandbox.business.entities import Account, Invoice, LineItem, Plan
    from recurly_klaviyo_sandbox.business.merchant import Business

_RUNNING = frozenset({"active", "canceled", "paused", "future"})


class Contracts:
    """The department that keeps subscriptions."""

    def __init__(self, business: Business) -> None:
        self._business = business
        self._books = business.books
        self._agenda = business.agenda
        self._billing = business.billing
        self._payments = business.payments
        self._habits = business.habits

    def start(
        self, account: Account, plan: Plan, *, manual: bool = False, ahead: int = 0
    ) -> Subscription:
        """Put an account on a plan, now or some seconds ahead."""
        now = self._agenda.now
        begin = now + ahead
        subscription = Subscription(
            *self._books.long_head(now),
            account=account,
            plan=plan,
            state="future",
            unit=plan.prices[account.currency],
            quantity=pick(account.rng, {1: 90, 2: 6, 5: 4}),
            manual=manual,
            period_start=begin,
            period_end=begin,
            anchor_day=_day_of_month(begin),
        )
        for add_on in plan.add_ons:
            if pick(account.rng, {True: 3, False: 7}):
                subscription.add_ons.append(
                    SubscribedAddOn(
                        self._books.new_id(),
                        add_on,
                        pick(account.rng, {1: 8, 2: 1, 3: 1}),
                        add_on.price,
                        now,
                    )
                )
        account.subscriptions.append(subscription)
        self._books.enter(subscription)
        self._offer_coupon(subscription)
        if ahead:
            self._agenda.at(begin, self._activate, subscription)
        else:
            self._activate(subscription)
        return subscription

    def expire(self, subscription: Subscription, reason: str) -> None:
        """End a subscription at once."""
        if subscription.state == "expired":
            return
        now = self._agenda.now
        subscription.state = "expired"
        subscription.expires = now
        subscription.expiration_reason = reason
        subscription.paused = subscription.pause_cycles = None
        subscription.next_plan = None
        self._changed(subscription)
        account = subscription.account
        fate = pick(account.rng, {"gone": 74, "closes": 14, "returns": 12})
        if fate == "closes":
            self._agenda.after(account.rng.uniform(1, 30) * DAY, self._close_when_idle, account)
        elif fate == "returns":
            self._agenda.after(account.rng.uniform(20, 90) * DAY, self._come_back, account)

    # Periods -------------------------------------------------------------------------------------

    def _activate(self, subscription: Subscription) -> None:
        if subscription.state != "future":
            return
        now = self._agenda.now
        plan = subscription.plan
        subscription.state = "active"
        subscription.activated = now
        subscription.period_start = now
        trial = plan.trial_days if pick(subscription.account.rng, {True: 7, False: 3}) else 0
        if trial:
            subscription.trial_start = now
            subscription.trial_end = subscription.period_end = now + trial * DAY
            line = self._line(subscription, "plan_trial", f"Trial period for {plan.name}", 0)
            self._bill(subscription, "purchase", [line])
            self._changed(subscription)
            self._foresee(subscription)
        else:
            self._begin_period(subscription, "purchase")

    def _begin_period(self, subscription: Subscription, origin: str) -> None:
        subscription.period_end = self._end_of_period(subscription)
        self._changed(subscription)
        self._bill(subscription, origin, self._period_lines(subscription, origin))
        self._foresee(subscription)

    def _renew(self, subscription: Subscription, period_end: int) -> None:
        """What happens at the end of a period, unless another deed has moved that end."""
        if subscription.state == "expired" or subscription.period_end != period_end:
            return
        if subscription.account.closed or subscription.state == "canceled":
            self.expire(subscription, "canceled")
            return
        subscription.period_start = self._agenda.now
        if subscription.state == "active" and subscription.pause_cycles:
            subscription.state = "paused"
            subscription.paused = self._agenda.now
        elif subscription.state == "paused" and subscription.pause_cycles:
            subscription.pause_cycles -= 1
        if subscription.pause_cycles:
            subscription.period_end = self._end_of_period(subscription)
            self._changed(subscription)
            self._agenda.at(
                subscription.period_end, self._renew, subscription, subscription.period_end
            )
            return
        if subscription.state == "paused":
            subscription.state = "active"
            subscription.paused = subscription.pause_cycles = None
        if subscription.next_plan:
            self._switch_plan(subscription, subscription.next_plan)
        self._begin_period(subscription, "renewal")

    def _foresee(self, subscription: Subscription) -> None:
        """Draw what the customer will do in this period."""
        end = subscription.period_end
        self._agenda.at(end, self._renew, subscription, end)
        habits, rng = self._habits, subscription.account.rng
        months = min((end - subscription.period_start) / (30 * DAY), 6)
        deeds: dict[Callable[[Subscription], None] | None, float] = {
            self._cancel: habits.cancels,
            self._terminate: habits.terminates,
            self._pause: habits.pauses,
            self._change_plan: habits.changes_plan,
            self._change_quantity: habits.changes_quantity,
            self._buy_items: habits.buys_items,
            self._subscribe_again: habits.subscribes_again,
            self._replace_card: habits.replaces_card,
            self._edit_account: habits.edits_account,
            self._change_email: habits.changes_email,
            self._close_account: habits.closes_account,
            self._credit_account: habits.gets_credit,
        }
        deeds[None] = max(0.05, 1 / months - sum(deeds.values()))
        deed = pick(rng, deeds)
        if deed:
            self._agenda.at(rng.uniform(subscription.period_start, end), deed, subscription)

    def _end_of_period(self, subscription: Subscription) -> int:
        plan = subscription.plan
        if plan.interval_unit == "days":
            return subscription.period_start + plan.interval_length * DAY
        return months_later(
            subscription.period_start, plan.interval_length, subscription.anchor_day
        )

    # Lines and bills -----------------------------------------------------------------------------

    def _line(
        self, subscription: Subscription, origin: str, description: str, unit: int
    ) -> LineItem:
        return self._billing.line(
            subscription.account,
            origin,
            description,
            unit,
            subscription.quantity,
            start=subscription.period_start,
            end=subscription.period_end,
            plan=subscription.plan,
            subscription=subscription,
            redemption=subscription.redemption if unit else None,
        )

    def _period_lines(self, subscription: Subscription, origin: str) -> list[LineItem]:
        plan, account = subscription.plan, subscription.account
        lines = [self._line(subscription, "plan", plan.name, subscription.unit)]
        if origin == "purchase" and plan.setup_fee:
            description = f"Set-up fee for {plan.name}"
            lines.append(
                self._billing.line(
                    account,
                    "setup_fee",
                    description,
                    plan.setup_fee,
                    plan=plan,
                    subscription=subscription,
                )
            )
        lines += [
            self._billing.line(
                account,
                "add_on",
                extra.add_on.name,
                extra.unit,
                extra.quantity,
                start=subscription.period_start,
                end=subscription.period_end,
                plan=plan,
                add_on=extra.add_on,
                subscription=subscription,
            )
            for extra in subscription.add_ons
        ]
        return lines

    def _bill(self, subscription: Subscription, origin: str, lines: list[LineItem]) -> Invoice:
        invoice = self._billing.bill(
            subscription.account, origin, lines, manual=subscription.manual
        )
        way = "recurring" if origin == "renewal" else "token_api"
        if origin == "immediate_change":
            way = "api_sub_change"
        self._payments.collect(invoice, way)
        return invoice

    def _offer_coupon(self, subscription: Subscription) -> None:
        account = subscription.account
        if not pick(account.rng, {True: 10, False: 90}):
            return
        coupon = account.rng.choice(self._business.catalogue.coupons)
        now = self._agenda.now
        subscription.redemption = self._books.enter(
            CouponRedemption(
                *self._books.long_head(now),
                account,
                coupon,
                subscription,
                left=coupon.invoices,
            )
        )

    # What customers do ---------------------------------------------------------------------------

    def _cancel(self, subscription: Subscription) -> None:
        if subscription.state != "active":
            return
        subscription.state = "canceled"
        subscription.canceled = self._agenda.now
        subscription.expires = subscription.period_end
        self._changed(subscription)
        if pick(subscription.account.rng, {True: 1, False: 5}):
            middle = (self._agenda.now + subscription.period_end) // 2
            self._agenda.at(middle, self._reactivate, subscription)

    def _reactivate(self, subscription: Subscription) -> None:
        if subscription.state == "canceled":
            subscription.state = "active"
            subscription.canceled = subscription.expires = None
            self._changed(subscription)

    def _terminate(self, subscription: Subscription) -> None:
        if subscription.state in _RUNNING:
            self._refund_unused(subscription, "termination")
            self.expire(subscription, "terminated")

    def _pause(self, subscription: Subscription) -> None:
        if subscription.state == "active" and not subscription.manual:
            subscription.pause_cycles = subscription.account.rng.randrange(1, 4)
            self._changed(subscription)

    def _change_plan(self, subscription: Subscription) -> None:
        account = subscription.account
        plan = pick(account.rng, {p: p.popularity for p in self._business.catalogue.plans})
        if subscription.state != "active" or plan is subscription.plan or account.closed:
            return
        if pick(account.rng, {"at renewal": 2, "now": 3}) == "at renewal":
            subscription.next_plan = plan
            subscription.change_id = self._books.new_id()
            subscription.change_created = self._agenda.now
            self._changed(subscription)
            return
        self._refund_unused(subscription, "immediate_change")
        self._switch_plan(subscription, plan)
        subscription.period_start = self._agenda.now
        subscription.anchor_day = _day_of_month(self._agenda.now)
        subscription.trial_end = min(subscription.trial_end or 0, self._agenda.now) or None
        self._begin_period(subscription, "immediate_change")

    def _change_quantity(self, subscription: Subscription) -> None:
        if subscription.state == "active":
            subscription.quantity += 1
            self._changed(subscription)

    def _buy_items(self, subscription: Subscription) -> None:
        self._business.sales.sell_items(subscription.account)

    def _subscribe_again(self, subscription: Subscription) -> None:
        account = subscription.account
        if not account.closed:
            self.start(account, account.rng.choice(self._business.catalogue.plans))

    def _replace_card(self, subscription: Subscription) -> None:
        self._business.cards.replace(subscription.account)

    def _edit_account(self, subscription: Subscription) -> None:
        self._business.sales.move_house(subscription.account)

    def _change_email(self, subscription: Subscription) -> None:
        self._business.sales.change_email(subscription.account)

    def _close_account(self, subscription: Subscription) -> None:
        self._business.sales.close(subscription.account)

    def _credit_account(self, subscription: Subscription) -> None:
        self._business.sales.give_credit(subscription.account)

    def _close_when_idle(self, account: Account) -> None:
        if not any(s.state in _RUNNING for s in account.subscriptions):
            self._business.sales.close(account)

    def _come_back(self, account: Account) -> None:
        if not account.closed:
            self.start(account, account.rng.choice(self._business.catalogue.plans))

    def _switch_plan(self, subscription: Subscription, plan: Plan) -> None:
        subscription.plan = plan
        subscription.unit = plan.prices[subscription.currency]
        subscription.add_ons = []
        subscription.next_plan = None

    def _refund_unused(self, subscription: Subscription, origin: str) -> None:
        """Credit for the part of the period that will not be used."""
        length = subscription.period_end - subscription.period_start
        unused = (subscription.period_end - self._agenda.now) / length if length else 0.0
        cents = round(subscription.unit * subscription.quantity * unused)
        if cents <= 0 or subscription.state in {"paused", "future"} or subscription.trial_end:
            return
        line = self._billing.line(
            subscription.account,
            "plan",
            f"Unused time on {subscription.plan.name}",
            -cents,
            start=self._agenda.now,
            end=subscription.period_end,
            plan=subscription.plan,
            subscription=subscription,
        )
        line.credit_reason = "general"
        self._billing.grant_credit(subscription.account, origin, [line])

    def _changed(self, subscription: Subscription) -> None:
        self._books.touch(subscription, self._agenda.now)
        self._books.note(subscription.account)


def _day_of_month(time: int) -> int:
    return datetime.fromtimestamp(time, timezone.utc).day


def months_later(time: int, months: int, day: int) -> int:
    """The same time of day on that day of a later month, or on the month's last day."""
    begin = datetime.fromtimestamp(time, timezone.utc)
    years, month = divmod(begin.month - 1 + months, 12)
    year = begin.year + years
    last = calendar.monthrange(year, month + 1)[1]
    moved = begin.replace(year=year, month=month + 1, day=min(day, last))
    return int(moved.timestamp())
