"""What customers bring along who were with the merchant before it came to Recurly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.department import Department
from recurly_klaviyo_sandbox.business.parameters import DAY

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.billing import Billing
    from recurly_klaviyo_sandbox.business.entities import Account, LineItem
    from recurly_klaviyo_sandbox.business.payments import Payments
    from recurly_klaviyo_sandbox.business.refunds import Refunds


@dataclass(eq=False)
class Migration(Department):
    """Legacy invoices, imports and balances carried forward."""

    billing: Billing
    payments: Payments
    refunds: Refunds

    def bring_history(self, account: Account) -> None:
        """Some bills of the last year, and now and then a balance."""
        for _ in range(account.rng.randrange(1, 4)):
            self._legacy_bill(account, self._queue.now - account.rng.randrange(30, 400) * DAY)
        what = pick(account.rng, {"import": 3, "carryforward": 2, "gift": 1, "": 4})
        if what == "import":
            self._not_a_bill(account, "import", "one_time", "Imported balance")
        elif what == "carryforward":
            self._not_a_bill(account, "carryforward_credit", "carryforward", "Balance forward")
        elif what == "gift":
            self._not_a_bill(account, "carryforward_gift_credit", "carryforward", "Gift balance")

    def _legacy_bill(self, account: Account, time: int) -> None:
        plan = self._catalog.plan("basic")
        unit = plan.prices[account.currency]
        line = self.billing.line(
            account, "plan", plan.name, unit, plan=plan, created=time, legacy_category="charge"
        )
        lines = [line]
        extra = pick(account.rng, {"": 6, "credit": 2, "carryforward": 1})
        if extra == "credit":
            lines.append(self._legacy_line(account, "credit", "Applied credit", -300, time))
        elif extra == "carryforward":
            lines.append(self._legacy_line(account, "carryforward", "Carried forward", 100, time))
        origin = pick(account.rng, {"purchase": 1, "renewal": 2})
        invoice = self.billing.bill(account, origin, lines, kind="legacy", created=time)
        payment = self.payments.settled_before(invoice, time)
        self.billing.move_to(invoice, "paid")
        if not extra and pick(account.rng, {True: 1, False: 4}):
            self.refunds.legacy_refund(payment, time + 5 * DAY)

    def _legacy_line(
        self, account: Account, origin: str, description: str, cents: int, time: int
    ) -> LineItem:
        category = "applied_credit" if cents < 0 else "carryforward"
        return self.billing.line(
            account, origin, description, cents, created=time, legacy_category=category
        )

    def _not_a_bill(self, account: Account, origin: str, line_origin: str, text: str) -> None:
        line = self.billing.line(account, line_origin, text, 1500)
        invoice = self.billing.draw_up(account, "charge", origin, [line], state="pending")
        invoice.paid = invoice.total
        self.billing.move_to(invoice, "paid")
