"""Subscriptions from their first day to their last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.department import Department
from recurly_klaviyo_sandbox.business.entities import (
    HELD_STATES,
    CouponRedemption,
    SubscribedAddOn,
    Subscription,
)
from recurly_klaviyo_sandbox.business.parameters import DAY
from recurly_klaviyo_sandbox.business.periods import day_of_month, months_later

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurly_klaviyo_sandbox.business.cards import Cards
    from recurly_klaviyo_sandbox.business.customers import Customers
    from recurly_klaviyo_sandbox.business.entities import Account, Plan
    from recurly_klaviyo_sandbox.business.period_bills import PeriodBills

_ENDS_BY_ITSELF = 0.03
_HAS_CUSTOM_FIELDS = 0.2


@dataclass(eq=False)
class Contracts(Department):
    """The department that keeps subscriptions."""

    bills: PeriodBills
    cards: Cards
    customers: Customers

    def start(
        self, account: Account, plan: Plan, *, manual: bool = False, ahead: int = 0
    ) -> Subscription:
        """Put an account on a plan, now or some seconds ahead."""
        now = self._queue.now
        begin = now + ahead
        subscription = Subscription(
            *self._registry.long_head(),
            account=account,
            plan=plan,
            state="future",
            unit=plan.prices[account.currency],
            quantity=pick(account.rng, {1: 90, 2: 6, 5: 4}),
            manual=manual,
            period_start=begin,
            period_end=begin,
            anchor_day=day_of_month(begin),
        )
        for add_on in plan.add_ons:
            if pick(account.rng, {True: 3, False: 7}):
                quantity = pick(account.rng, {1: 8, 2: 1, 3: 1})
                extra = SubscribedAddOn(
                    self._registry.new_id(), add_on, quantity, add_on.price, now
                )
                subscription.add_ons.append(extra)
        if account.rng.random() < _ENDS_BY_ITSELF:
            subscription.cycles_left = account.rng.randrange(1, 6)
        if account.rng.random() < _HAS_CUSTOM_FIELDS:
            subscription.custom_fields = {"channel": account.rng.choice(("shop", "phone", "fair"))}
        account.subscriptions.append(subscription)
        self._registry.enter(subscription)
        self._offer_coupon(subscription)
        if ahead:
            self._queue.at(begin, self._activate, subscription)
        else:
            self._activate(subscription)
        return subscription

    def expire(self, subscription: Subscription, reason: str) -> None:
        """End a subscription at once."""
        if subscription.state == "expired":
            return
        subscription.state = "expired"
        subscription.expires = self._queue.now
        subscription.expiration_reason = reason
        subscription.paused = subscription.pause_cycles = None
        subscription.next_plan = None
        self._changed(subscription)
        self._ledger.subscription_resumed(subscription)
        self._ledger.subscription_expired(subscription)
        account = subscription.account
        fate = pick(account.rng, {"gone": 74, "closes": 14, "returns": 12})
        if fate == "closes":
            self._queue.after(account.rng.uniform(1, 30) * DAY, self._close_when_idle, account)
        elif fate == "returns":
            self._queue.after(account.rng.uniform(20, 90) * DAY, self._subscribe_again, account)

    def close(self, account: Account) -> None:
        """A customer goes for good; subscriptions end and the billing info is deleted."""
        if account.closed:
            return
        account.closed = self._queue.now
        if self._parameters.redacts_after is not None:
            days = self._parameters.redacts_after
            self._queue.after(days * DAY, self.customers.empty_cards, account)
        self.cards.take_off_file(account)
        for subscription in account.subscriptions:
            self.expire(subscription, "canceled")
        self._registry.touch(account)

    # Periods -------------------------------------------------------------------------------------

    def _activate(self, subscription: Subscription) -> None:
        if subscription.state != "future":
            return
        now = self._queue.now
        plan = subscription.plan
        subscription.state = "active"
        subscription.activated = now
        subscription.period_start = now
        self._ledger.subscription_started(subscription)
        trial = plan.trial_days if pick(subscription.account.rng, {True: 7, False: 3}) else 0
        if trial:
            subscription.trial_start = now
            subscription.trial_end = subscription.period_end = now + trial * DAY
            self._ledger.trial_started(subscription)
            line = self.bills.line(subscription, "plan_trial", f"Trial period for {plan.name}", 0)
            self.bills.send(subscription, "purchase", [line])
            self._changed(subscription)
            self._foresee(subscription)
        else:
            self._begin_period(subscription, "purchase")

    def _begin_period(self, subscription: Subscription, origin: str) -> None:
        subscription.period_end = self._end_of_period(subscription)
        self._changed(subscription)
        self.bills.send(subscription, origin, self.bills.lines_of_period(subscription, origin))
        self._foresee(subscription)

    def _renew(self, subscription: Subscription, period_end: int) -> None:
        """What happens at the end of a period, unless another event has moved that end."""
        if subscription.state == "expired" or subscription.period_end != period_end:
            return
        if subscription.account.closed or subscription.state == "canceled":
            self.expire(subscription, "canceled")
            return
        subscription.period_start = self._queue.now
        if subscription.state == "active" and subscription.pause_cycles:
            subscription.state = "paused"
            subscription.paused = self._queue.now
            self._ledger.subscription_paused(subscription)
        elif subscription.state == "paused" and subscription.pause_cycles:
            subscription.pause_cycles -= 1
        if subscription.pause_cycles:
            subscription.period_end = self._end_of_period(subscription)
            self._changed(subscription)
            self._queue.at(
                subscription.period_end, self._renew, subscription, subscription.period_end
            )
            return
        if subscription.state == "paused":
            subscription.state = "active"
            subscription.pause_cycles = None  # the date of the pause is left behind (reported)
            self._ledger.subscription_resumed(subscription)
        if subscription.cycles_left == 0:
            self.expire(subscription, "non renewing")
            return
        if subscription.cycles_left:
            subscription.cycles_left -= 1
        if subscription.next_plan:
            self._switch_plan(subscription, subscription.next_plan)
        self._begin_period(subscription, "renewal")

    def _foresee(self, subscription: Subscription) -> None:
        """Draw what the customer will do in this period."""
        end = subscription.period_end
        self._ledger.period_begun(subscription)
        self._queue.at(end, self._renew, subscription, end)
        parameters, rng = self._parameters, subscription.account.rng
        months = min((end - subscription.period_start) / (30 * DAY), 6)
        events: dict[Callable[[Subscription], None], float] = {
            self._cancel: parameters.cancels,
            self._terminate: parameters.terminates,
            self._pause: parameters.pauses,
            self._change_plan: parameters.changes_plan,
            self._change_quantity: parameters.changes_quantity,
        }
        of_account: dict[Callable[[Account], None], float] = {
            self.customers.sell_items: parameters.buys_items,
            self._subscribe_again: parameters.subscribes_again,
            self.cards.replace: parameters.replaces_card,
            self.customers.move_house: parameters.edits_account,
            self.customers.change_email: parameters.changes_email,
            self.close: parameters.closes_account,
            self.customers.give_credit: parameters.gets_credit,
        }
        nothing = max(0.05, 1 / months - sum(events.values()) - sum(of_account.values()))
        event = pick(rng, {**events, **of_account, None: nothing})
        if event:
            who = subscription.account if event in of_account else subscription
            self._queue.at(rng.uniform(subscription.period_start, end), event, who)

    def _end_of_period(self, subscription: Subscription) -> int:
        plan = subscription.plan
        if plan.interval_unit == "days":
            return subscription.period_start + plan.interval_length * DAY
        return months_later(
            subscription.period_start, plan.interval_length, subscription.anchor_day
        )

    def _offer_coupon(self, subscription: Subscription) -> None:
        account = subscription.account
        if not pick(account.rng, {True: 10, False: 90}):
            return
        coupon = account.rng.choice(self._catalog.coupons)
        head = self._registry.long_head()
        redemption = CouponRedemption(*head, account, coupon, subscription, coupon.invoices)
        subscription.redemption = self._registry.enter(redemption)

    # What customers do ---------------------------------------------------------------------------

    def _cancel(self, subscription: Subscription) -> None:
        if subscription.state != "active":
            return
        subscription.state = "canceled"
        subscription.canceled = self._queue.now
        subscription.expires = subscription.period_end
        self._changed(subscription)
        self._ledger.subscription_canceled(subscription)
        if pick(subscription.account.rng, {True: 1, False: 5}):
            middle = (self._queue.now + subscription.period_end) // 2
            self._queue.at(middle, self._reactivate, subscription)

    def _reactivate(self, subscription: Subscription) -> None:
        if subscription.state == "canceled":
            self._ledger.cancellation_taken_back(subscription)
            subscription.state = "active"
            subscription.canceled = subscription.expires = None
            self._changed(subscription)

    def _terminate(self, subscription: Subscription) -> None:
        if subscription.state in HELD_STATES:
            self.bills.refund_unused(subscription, "termination")
            self.expire(subscription, "canceled")

    def _pause(self, subscription: Subscription) -> None:
        if subscription.state == "active" and not subscription.manual:
            subscription.pause_cycles = subscription.account.rng.randrange(1, 4)
            subscription.paused = subscription.period_end
            self._changed(subscription)

    def _change_plan(self, subscription: Subscription) -> None:
        account = subscription.account
        plan = pick(account.rng, {p: p.popularity for p in self._catalog.plans})
        if subscription.state != "active" or plan is subscription.plan or account.closed:
            return
        if pick(account.rng, {"at renewal": 2, "now": 3}) == "at renewal":
            subscription.next_plan = plan
            subscription.change_id = self._registry.new_id()
            subscription.change_created = self._queue.now
            self._changed(subscription)
            return
        self.bills.refund_unused(subscription, "immediate_change")
        self._switch_plan(subscription, plan)
        subscription.period_start = self._queue.now
        subscription.anchor_day = day_of_month(self._queue.now)
        subscription.trial_end = min(subscription.trial_end or 0, self._queue.now) or None
        self._begin_period(subscription, "immediate_change")

    def _change_quantity(self, subscription: Subscription) -> None:
        if subscription.state == "active":
            subscription.quantity += 1
            self._changed(subscription)

    def _subscribe_again(self, account: Account) -> None:
        if not account.closed:
            self.start(account, account.rng.choice(self._catalog.plans))

    def _close_when_idle(self, account: Account) -> None:
        if not any(s.state in HELD_STATES for s in account.subscriptions):
            self.close(account)

    def _switch_plan(self, subscription: Subscription, plan: Plan) -> None:
        subscription.plan = plan
        subscription.unit = plan.prices[subscription.currency]
        subscription.add_ons = []
        subscription.next_plan = None

    def _changed(self, subscription: Subscription) -> None:
        self._registry.touch(subscription)
        self._registry.note(subscription.account)
