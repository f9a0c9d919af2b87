"""What subscriptions cost: the bills for their periods, and credit for what is not used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recurly_klaviyo_sandbox.business.department import Department

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.billing import Billing
    from recurly_klaviyo_sandbox.business.entities import Invoice, LineItem, Subscription
    from recurly_klaviyo_sandbox.business.payments import Payments


@dataclass(eq=False)
class PeriodBills(Department):
    """Writes them."""

    billing: Billing
    payments: Payments

    def line(
        self, subscription: Subscription, origin: str, description: str, unit: int
    ) -> LineItem:
        """A line for the current period."""
        return self.billing.line(
            subscription.account,
            origin,
            description,
            unit,
            subscription.quantity,
            redemption=subscription.redemption if unit else None,
            **_of_period(subscription),
        )

    def lines_of_period(self, subscription: Subscription, origin: str) -> list[LineItem]:
        """What a period costs: plan, set-up fee, add-ons."""
        plan, account = subscription.plan, subscription.account
        lines = [self.line(subscription, "plan", plan.name, subscription.unit)]
        if origin == "purchase" and plan.setup_fee:
            description = f"Set-up fee for {plan.name}"
            fee = self.billing.line(
                account,
                "setup_fee",
                description,
                plan.setup_fee,
                plan=plan,
                subscription=subscription,
            )
            lines.append(fee)
        lines += [
            self.billing.line(
                account,
                "add_on",
                extra.add_on.name,
                extra.unit,
                extra.quantity,
                add_on=extra.add_on,
                **_of_period(subscription),
            )
            for extra in subscription.add_ons
        ]
        return lines

    def send(self, subscription: Subscription, origin: str, lines: list[LineItem]) -> Invoice:
        """Send the bill and collect it."""
        invoice = self.billing.bill(subscription.account, origin, lines, manual=subscription.manual)
        way = "recurring" if origin == "renewal" else "token_api"
        if origin == "immediate_change":
            way = "api_sub_change"
        self.payments.collect(invoice, way)
        return invoice

    def refund_unused(self, subscription: Subscription, origin: str) -> None:
        """Credit for the part of the period that will not be used."""
        length = subscription.period_end - subscription.period_start
        unused = (subscription.period_end - self._queue.now) / length if length else 0.0
        cents = round(subscription.unit * subscription.quantity * unused)
        if cents <= 0 or subscription.state in {"paused", "future"} or subscription.trial_end:
            return
        line = self.billing.line(
            subscription.account,
            "plan",
            f"Unused time on {subscription.plan.name}",
            -cents,
            **{**_of_period(subscription), "start": self._queue.now},
        )
        line.credit_reason = "general"
        self.billing.grant_credit(subscription.account, origin, [line])


def _of_period(subscription: Subscription) -> dict[str, Any]:
    """What a line for the current period says of it."""
    return {
        "start": subscription.period_start,
        "end": subscription.period_end,
        "plan": subscription.plan,
        "subscription": subscription,
    }
